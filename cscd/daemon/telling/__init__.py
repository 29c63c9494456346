"""What the service says of itself: status, metrics, log, systemd, the control socket.

What is where, each module mostly using those before it:

============  ======================================================================================
`status`      what the service says of itself
`totals`      what the service has done since it began, counted
`exposition`  both as metrics of Prometheus
`metrics`     the file with them
`asked`       what all questions over the control socket have in common
`keyrequests` what may be asked of users' keys, and how secrets come
`requests`    what may be asked over the control socket
`allowance`   how much of that each user is granted
`listening`   the name of the control socket in the file system
`control`     the control socket
`notify`      telling systemd how the service is doing
`logs`        from settings to the log
`report`      from what is known to the status
`measures`    the metrics, written from time to time
`answers`     what is answered over the control socket
============  ======================================================================================
"""
