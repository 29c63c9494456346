"""All that is done with a user's rights: passes over trees, and the worker that keeps a user's trees right.

The folders, and in each a map of its modules:

=============  =====================================================================================
`passes`       a pass over a tree, as the user whose tree it is, in several processes
`watch`        seeing new items: a process of its own, in which watchdog's inotify runs
`holder`       what takes secrets, for one user: a process that stays root's
`keeping`      keeping one user's trees right: the resident, which asks for passes and comes back
=============  =====================================================================================

Beside them:

=============  =====================================================================================
`kernel`       the Linux calls about processes that Python does not wrap
`messages`     what the daemon and a worker say to each other
`channel`      the wire between them
`confinement`  becoming a user, for good
`spawning`     what the daemon and the fork server say to each other
`preload`      all that a worker will need, loaded before it is forked
`rehearsal`    its first steps, done before the fork, so that it shares what they write to
`forkserver`   the process that workers are forked from
=============  =====================================================================================
"""
