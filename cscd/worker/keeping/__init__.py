"""Keeping one user's trees right: the resident, which asks for passes and comes back.

The resident is small and has one thread; each pass is a process that it forks and that ends with its pass.

What is where, each module mostly using those before it:

==========  ========================================================================================
`vigil`     the watch in the resident's hands
`telling`   events, told to the daemon
`roots`     the roots, and those that are waited for
`arrivals`  hearing that one may have come
`backlog`   what is to be looked at in one root
`standing`  what is not right in one root
`reports`   what a pass process tells the resident
`errand`    one pass, inside the process forked for it
`charge`    one root, with all of the above
`line`      that process's end of the pipe
`attempt`   the process in the resident's hands
`ending`    what came of a pass, as a message
`course`    one pass from its start to its end
`wants`     the passes to be asked for
`notice`    what is not right, as a message
`resident`  the worker: watches, asks for passes, has them done, comes back to what is left
==========  ========================================================================================
"""
