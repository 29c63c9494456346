"""The holder: the process that does all that takes secrets, for one user.

The daemon's main process never has a passphrase, an identity, a machine key or a file key, so that nothing of
it can give one away. Where one is needed, a holder is forked. It ends, and its memory with it, when the
daemon closes its channel: after one request where the machine key opens the user's keys, at the lock where a
passphrase does.

Secrets come to it and leave it by descriptors that the daemon hands over unread: the connection of the
client who asks, and the pipe to the pass that unencrypts.

Each module mostly uses those before it:

===========  =======================================================================================
`reply`      the lines that answer over the control socket, and why there may be no answer
`messages`   what the daemon and a holder say to each other
`shelter`    staying root with nothing of what root may do
`client`     the client at the other end of the connection: secrets wanted, read and bounded
`keeper`     the identities at hand, and what opens them
`duties`     what can be asked of a user's keys, one function each
`logon`      the same for the logon password, as cscd-pam hands it over
`lending`    identities for a pass
`holder`     the process
===========  =======================================================================================
"""
