"""Recipients and identities kept in files.

Each module only uses those before it:

===============  =====================================================================================
`keyfile`        opening a file of keys, and refusing one that others can read
`place`          a key file of our own: made whole, durable, replaced only by renaming
`directory`      the user's state directory
`kept`           the identity that is kept there: made once, then used by every pass
`protector`      what an identity is wrapped by; `Passphrase`
`machine`        the machine key of the service
`effort`         how much work a passphrase is on this machine
`wrapping`       an identity in an age file
`userdirectory`  one user's directory among those of the service
`pair`           the files of one key pair in it
`wrapped`        the layout of ``keys/``, and what can be done there without a secret
`opening`        which of several openers opens what
`usersecrets`    the identities of a user: made, opened, wrapped, rotated
===============  =====================================================================================
"""

from cscd.keys.directory import StateDirectory
from cscd.keys.effort import work_factor
from cscd.keys.kept import KeptIdentity, keep, kept
from cscd.keys.keyfile import KeyFile, export_text, read_identities, read_recipients
from cscd.keys.machine import MachineKey, machine_key
from cscd.keys.pair import UserKey
from cscd.keys.protector import Passphrase, Protector
from cscd.keys.usersecrets import Protected, UserSecrets
from cscd.keys.wrapped import ListedKey, UserKeys, any_wrapped
from cscd.keys.wrapping import Wrapper

__all__ = [
    "KeptIdentity",
    "KeyFile",
    "ListedKey",
    "MachineKey",
    "Passphrase",
    "Protected",
    "Protector",
    "StateDirectory",
    "UserKey",
    "UserKeys",
    "UserSecrets",
    "Wrapper",
    "any_wrapped",
    "export_text",
    "keep",
    "kept",
    "machine_key",
    "read_identities",
    "read_recipients",
    "work_factor",
]
