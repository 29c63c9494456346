"""Recipients and identities kept in files.

Each module only uses those before it:

===========  =========================================================================================
`keyfile`    opening a file of keys, and refusing one that others can read
`directory`  the user's state directory
`kept`       the identity that is kept there: made once, then used by every pass
===========  =========================================================================================
"""

from cscd.keys.directory import StateDirectory
from cscd.keys.kept import KeptIdentity, keep, kept
from cscd.keys.keyfile import KeyFile, read_identities, read_recipients

__all__ = [
    "KeptIdentity",
    "KeyFile",
    "StateDirectory",
    "keep",
    "kept",
    "read_identities",
    "read_recipients",
]
