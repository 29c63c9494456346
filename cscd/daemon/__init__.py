"""The system service: configuration, cache-wide state, sessions, keys. It never opens a user's file.

The folders, and in each a map of its modules:

=========  =========================================================================================
`logon`    who is logged on: accounts, sessions, and the sources that tell of them
`state`    the cache-wide state: which it is, who may change it, and what is remembered over restarts
`keys`     the users' keys, opened and locked; without a secret in this process
`work`     one user's work: the worker, what it is told to do, in which order, and how failures are met
`encrypt`  a call of Encrypt: what it asks for, what it is answered, and what happens in between
`telling`  what the service says of itself: status, metrics, log, systemd, the control socket
`dbus`     the service on the message bus, where every caller is a stranger
=========  =========================================================================================

Beside them:

=========  =========================================================================================
`reload`   what differs between two configurations
`service`  start, reloads, end
`parts`    the service for a machine, and the one for a single user
=========  =========================================================================================
"""
