"""One user's work: the worker, what it is told to do, in which order, and how failures are met.

Workers are not trusted: what they say is bounded by `link`, by the message, and by what is under way.

What is where, each module mostly using those before it:

============  ======================================================================================
`places`      where the files of the service are, and a user's own among them
`process`     one worker process, which is not the daemon's child
`forkserver`  where workers come from
`link`        the channel to one of them, bounded
`worker`      one worker, from its setup to its end
`told`        what a worker may tell
`sandbox`     which roots the sandbox of the service hides
`setup`       from settings to what a worker works on
`turns`       only so many passes at once
`wants`       what a user's items need next
`pace`        how soon the passes that a worker asks for follow each other
`pauses`      how long to wait after failures
`timers`      timers by name
`stay`        whether a user is there
`running`     a pass under way
`compliance`  whether all items are right, as far as known
`shared`      what all users have in common
`passes`      the passes of one user
`user`        one user: the worker, and the order of what it does
`users`       all of them
============  ======================================================================================
"""
