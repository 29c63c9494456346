r"""The textual header of an age file: parsing, encoding and its MAC.

::

    age-encryption.org/v1
    -> X25519 XEl0dJ6y3C7KZkgmgWUicg63EyXJiwBJW8PdYJ/cYBE       arguments
    qRS0AMjdjPvZ/WT08U2KL4G+PIooA3hy38SvLpvaC1E                 body, wrapped at 64 columns
    --- HK2NmOBN9Dpq0Gw6xMCuhFcQlQLvZ/wQUi/2scLG75s             MAC of all bytes up to the ``---``

The patterns below are the specification's "ABNF definition of file header". None of them can match the
same bytes in two ways, so matching takes time linear in the header, whoever wrote it.
"""

import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cscd.age import b64
from cscd.age.primitives import header_mac
from cscd.errors import HeaderError, HeaderTruncated, MacError

MAX_HEADER: Final = 1 << 20
"""Bytes that a header may have; our own choice, as the specification has no limit.

An X25519 stanza takes 98 bytes, so 1 MiB is room for 10,000 recipients, and for a reader with one identity
at most half a second of curve arithmetic.
"""

_VERSION: Final = b"age-encryption.org/"
_V1_LINE: Final = _VERSION + b"v1\n"
_COLUMNS: Final = 64

_STANZA: Final = re.compile(rb"-> ([ -~]+)\n((?:[A-Za-z0-9+/]{64}\n)*+[A-Za-z0-9+/]{0,63})\n")
_END: Final = re.compile(rb"--- ([A-Za-z0-9+/]{43})\n")
_UNFINISHED: Final = re.compile(
    rb"(?:-(?:> ?)?|-> [ -~]+(?:\n(?:[A-Za-z0-9+/]{64}\n)*+[A-Za-z0-9+/]{0,64})?"
    rb"|--(?:- ?)?|--- [A-Za-z0-9+/]{0,43})?",
)
"""What a stanza or the end of a header may look like while more bytes are still to come."""

_ARGUMENTS: Final = re.compile(r"[!-~]+(?: [!-~]+)*")


@dataclass(frozen=True, slots=True)
class Stanza:
    """One recipient's section of a header: it wraps the file key for that recipient."""

    args: tuple[str, ...]
    """One or more arguments of visible ASCII characters; the first names the recipient type."""
    body: bytes
    """The decoded body."""

    @property
    def type(self) -> str:
        """The recipient type."""
        return self.args[0]

    def encode(self) -> bytes:
        """Return the stanza as it stands in a header; ValueError for arguments that cannot stand there."""
        arguments = " ".join(self.args)
        if not _ARGUMENTS.fullmatch(arguments) or arguments.count(" ") != len(self.args) - 1:
            raise ValueError(f"not the arguments of a stanza: {self.args!r}")
        text = b64.encode(self.body)
        if len(text) < _COLUMNS:
            return b"-> %b\n%b\n" % (arguments.encode("ascii"), text)
        # The range goes one past the end: a body that fills its last line is followed by an empty one.
        lines = [text[at : at + _COLUMNS] for at in range(0, len(text) + 1, _COLUMNS)]
        return b"-> %b\n%b\n" % (arguments.encode("ascii"), b"\n".join(lines))


@dataclass(frozen=True, slots=True)
class Header:
    """A header that is well formed; whether it is genuine, `verify` tells."""

    stanzas: tuple[Stanza, ...]
    mac: bytes
    """The 32 bytes of the MAC."""
    covered: bytes
    """The raw bytes that the MAC covers."""
    length: int
    """Bytes of the whole header; the payload's nonce comes next."""

    def verify(self, file_key: bytes) -> None:
        """Raise MacError unless the header was made by somebody who knew `file_key`."""
        if not hmac.compare_digest(header_mac(file_key, self.covered), self.mac):
            raise MacError("the header has been altered: its MAC does not match")


def looks_like_age(prefix: bytes) -> bool:
    """Tell whether a file that starts with `prefix` (22 bytes suffice) claims to be a binary age v1 file."""
    return prefix.startswith(_V1_LINE)


def encode(stanzas: Iterable[Stanza], file_key: bytes) -> bytes:
    """Return the header with `stanzas`, authenticated by `file_key`."""
    covered = b"%b%b---" % (_V1_LINE, b"".join([stanza.encode() for stanza in stanzas]))
    return b"%b %b\n" % (covered, b64.encode(header_mac(file_key, covered)))


def parse(prefix: bytes) -> Header:
    """Return the header at the start of `prefix`, the first bytes of a file; more may follow it.

    Raises HeaderTruncated when `prefix` could be the beginning of a header that goes on, and HeaderError
    when it cannot, or when the header is longer than MAX_HEADER bytes. Looks at no byte beyond that.
    """
    if not prefix.startswith(_V1_LINE):
        raise _bad_version(prefix)
    stanzas = []
    at = len(_V1_LINE)
    while match := _STANZA.match(prefix, at, MAX_HEADER):
        stanzas.append(_stanza(*match.groups()))
        at = match.end()
    end = _END.match(prefix, at, MAX_HEADER)
    if end is None:
        raise _bad_line(prefix, at)
    if not stanzas:
        raise HeaderError("the header names no recipient")
    covered = prefix[: at + len(b"---")]
    return Header(tuple(stanzas), b64.decode(end[1]), covered, end.end())


def _stanza(arguments: bytes, body: bytes) -> Stanza:
    """Build a stanza from the two groups of its pattern."""
    args = tuple(arguments.decode("ascii").split(" "))
    if "" in args:
        raise HeaderError("a stanza in the header has an empty argument")
    return Stanza(args, b64.decode(body.replace(b"\n", b"")))


def _bad_version(prefix: bytes) -> HeaderError:
    """Say why `prefix` does not start with the version line."""
    if _V1_LINE.startswith(prefix):
        return HeaderTruncated("the file ends within the version line")
    if prefix.startswith(_VERSION):
        return HeaderError("this is an age file of another version than v1")
    return HeaderError("this is not an age file")


def _bad_line(prefix: bytes, at: int) -> HeaderError:
    """Say why neither a stanza nor the end of the header starts at offset `at` of `prefix`."""
    if not _UNFINISHED.fullmatch(prefix, at, MAX_HEADER):
        return HeaderError(f"the header is malformed in the section that starts at byte {at}")
    if len(prefix) >= MAX_HEADER:
        return HeaderError(f"the header is longer than {MAX_HEADER} bytes")
    return HeaderTruncated(f"the header does not end within the first {len(prefix)} bytes")
