"""The keys of users, as the daemon's main process deals with them: it never has one in its memory.

What takes a secret is done by a holder (`cscd.worker.holder`), one process for one user. Here it is decided
when there is one, how long it lives, and what its user may ask of it.

What is where, each module mostly using those before it:

============  ======================================================================================
`keyring`     whose keys a pass works with: what the rest of the daemon knows of keys
`told`        what comes of a request, in the log
`listing`     a user's keys, as an answer
`own`         the keys of the one user who runs cscd alone
`tries`       wrong passphrases, counted
`holder`      one holder process, from its start to its end
`office`      what the custodies of all users have in common
`custody`     one user's keys: who may have them opened, and for how long
`service`     the keys of all users
`questions`   what is asked over the control socket, and answered
============  ======================================================================================
"""
