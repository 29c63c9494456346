"""The system service: configuration, cache-wide state, sessions, keys. It never opens a user's file.

Each module only uses those before it:

===================  ==================================================================================
`account`            an account, and finding it in the user database
`session`            a session, and what a source of logons is
`logind`             the source: logind on the system bus
`runtime_directory`  the source: logind's files
`rules`              whether a session counts
`logons`             which users are logged on
`sessions`           logons, through whichever source works
`own`                the one session of a user who runs cscd alone
`process`            one worker, which is not the daemon's child
`forkserver`         where workers come from
`policy`             which state the cache shall be in, and whether a call may change it
`records`            what is remembered from one start to the next
`schema`             the tables that hold it, form after form
`rows`               records as rows of those tables
`damage`             a damaged database told from one that cannot be used now, and set aside
`statefile`          ``state.db``: one SQLite file, made whole, checked when opened
`database`           what is remembered, in memory and in that file; a damaged file is set aside
`status`             what the service says of itself
`totals`             what the service has done since it began, counted
`exposition`         both as metrics of Prometheus
`metrics`            the file with them
`requests`           what may be asked over the control socket
`allowance`          how much of that each user is granted
`control`            the control socket
`notify`             telling systemd how the service is doing
===================  ==================================================================================
"""
