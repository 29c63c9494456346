"""The age v1 file format (https://c2sp.org/age), on the primitives of `cryptography`.

From the bytes up; each module only uses those before it:

=============  =====================================================================================
`b64`          unpadded base64 in its one canonical spelling
`bech32`       the alphabet of recipients and identities
`primitives`   HKDF, the header's HMAC, wrapping a file key
`header`       `Stanza` and `Header`: parsing, encoding, the MAC
`x25519`       `X25519Recipient`, `X25519Identity`: key pairs
`hybrid`       `HybridRecipient`, `HybridIdentity`: post-quantum key pairs
`scrypt`       `ScryptRecipient`, `ScryptIdentity`: passphrases
`keys`         recipients and identities as text, and files of them
`marker`       `Marker`: our own stanza, which marks a file as encrypted by this cache
`stream`       `Sealer`, `Opener`: the payload, in runs of chunks between buffers
`filekey`      `begin`, `unlock`, `opener`, `address`: from recipients and identities to a file's payload
`intake`       exact reads from a pipe
`armor`        reading ASCII armor
`reader`       `AgeReader`: random access
`file`         `encrypt_stream`, `decrypt_stream`: whole files through pipes
=============  =====================================================================================

Errors are those below `AgeError` in `cscd.errors`, and KeyFormatError for keys. A ValueError is a bug in
the caller.
"""

from cscd.age.armor import ArmorReader
from cscd.age.file import decrypt_stream, encrypt_stream
from cscd.age.filekey import NONCE, Identity, Recipient, address, begin, opener, unlock, unwrapped
from cscd.age.header import MAX_HEADER, Header, Stanza, looks_like_age, parse
from cscd.age.hybrid import HybridIdentity, HybridRecipient
from cscd.age.keys import (
    KeyIdentity,
    KeyRecipient,
    parse_identities,
    parse_identity,
    parse_recipient,
    parse_recipients,
)
from cscd.age.marker import Marker, find, key_id, set_id
from cscd.age.reader import AgeReader, read_header
from cscd.age.scrypt import ScryptIdentity, ScryptRecipient
from cscd.age.stream import CHUNK, TAG, Opener, Sealer, plain_size, sealed_size
from cscd.age.x25519 import X25519Identity, X25519Recipient

__all__ = [
    "CHUNK",
    "MAX_HEADER",
    "NONCE",
    "TAG",
    "AgeReader",
    "ArmorReader",
    "Header",
    "HybridIdentity",
    "HybridRecipient",
    "Identity",
    "KeyIdentity",
    "KeyRecipient",
    "Marker",
    "Opener",
    "Recipient",
    "ScryptIdentity",
    "ScryptRecipient",
    "Sealer",
    "Stanza",
    "X25519Identity",
    "X25519Recipient",
    "address",
    "begin",
    "decrypt_stream",
    "encrypt_stream",
    "find",
    "key_id",
    "looks_like_age",
    "opener",
    "parse",
    "parse_identities",
    "parse_identity",
    "parse_recipient",
    "parse_recipients",
    "plain_size",
    "read_header",
    "sealed_size",
    "set_id",
    "unlock",
    "unwrapped",
]
