"""Recipients and identities kept in files.

Each module only uses those before it:

===============  =====================================================================================
`keyfile`        opening a file of keys, and refusing one that others can read
`place`          a key file of our own: made whole, durable, never replaced
`directory`      the user's state directory
`kept`           the identity that is kept there: made once, then used by every pass
`machine`        the machine key of the service
`wrapping`       an identity in an age file
`userdirectory`  one user's directory among those of the service
`wrapped`        the identities that the service keeps for its users; the layout of ``keys/``
===============  =====================================================================================
"""

from cscd.keys.directory import StateDirectory
from cscd.keys.kept import KeptIdentity, keep, kept
from cscd.keys.keyfile import KeyFile, read_identities, read_recipients
from cscd.keys.machine import MachineKey, machine_key
from cscd.keys.wrapped import UserKey, UserKeys, any_wrapped

__all__ = [
    "KeptIdentity",
    "KeyFile",
    "MachineKey",
    "StateDirectory",
    "UserKey",
    "UserKeys",
    "any_wrapped",
    "keep",
    "kept",
    "machine_key",
    "read_identities",
    "read_recipients",
]
