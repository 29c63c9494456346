"""The system service: configuration, cache-wide state, sessions, keys. It never opens a user's file.

Each module only uses those before it. Who is logged on:

===================  ==================================================================================
`account`            an account, and finding it in the user database
`session`            a session, and what a source of logons is
`frame`              a message on the bus as bytes
`gate`               the socket to the bus, which lets in what is expected
`logind`             the source: logind on the system bus
`runtime_directory`  the source: logind's files
`rules`              whether a session counts
`logons`             which users are logged on
`sessions`           logons, through whichever source works
`own`                the one session of a user who runs cscd alone
===================  ==================================================================================

What is remembered, and what is said:

===================  ==================================================================================
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

What is a user's, and what a call wants:

===================  ==================================================================================
`places`             where the files of the service are, and a user's own among them
`disk`               a thread for what waits for a disk
`keyring`            whose keys a pass works with
`cache`              the cache-wide state: what changes it, and whether every item is in it
`codes`              what a call of Encrypt is answered
`flags`              what its flags ask for
`attendant`          telling a caller of the items
`operation`          one such call under way
===================  ==================================================================================

The message bus, against a protocol of the core:

===================  ==================================================================================
`calls`              what the bus and the core say to each other: callers, sinks, the core itself
`connection`         one connection to the bus
`peer`               who calls
`interface`          what is on the bus, as data
`introspection`      the same as XML
`refusal`            the answer to a broken call
`properties`         what can be read of the object
`notifications`      progress that is told without waiting
`progress`           the sink of a call
`methods`            what the methods do
`reception`          calls as they come; who asks too much is turned away
`authority`          polkit, which knows administrators
`bus`                the service's place on the bus
===================  ==================================================================================

One user's worker, and what it is told to do:

===================  ==================================================================================
`process`            one worker process, which is not the daemon's child
`forkserver`         where workers come from
`link`               the channel to one of them, bounded
`worker`             one worker, from its setup to its end
`told`               what a worker may tell
`sandbox`            which roots the sandbox of the service hides
`setup`              from settings to what a worker works on
`turns`              only so many passes at once
`wants`              what a user's items need next
`pace`               how soon the passes that a worker asks for follow each other
`pauses`             how long to wait after failures
`timers`             timers by name
`stay`               whether a user is there
`running`            a pass under way
`compliance`         whether all items are right, as far as known
`shared`             what all users have in common
`passes`             the passes of one user
`user`               one user: the worker, and the order of what it does
`users`              all of them
===================  ==================================================================================

All of it together:

===================  ==================================================================================
`remembering`        what is known of users, kept without waiting for the disk
`logs`               from settings to the log
`reload`             what differs between two configurations
`report`             from what is known to the status
`measures`           the metrics, written from time to time
`answers`            what is answered over the control socket
`encryption`         Encrypt, from the call to the answer
`service`            start, reloads, end
`parts`              the service for a machine, and the one for a single user
===================  ==================================================================================
"""
