"""What the header parser promises about any bytes, for a fuzzer to disprove."""

import contextlib
from collections.abc import Iterator

from cscd.age import marker
from cscd.age.filekey import Identity, unlock
from cscd.age.header import Header, encode, looks_like_age, parse
from cscd.age.hybrid import HybridIdentity
from cscd.age.scrypt import ScryptIdentity
from cscd.age.x25519 import X25519Identity
from cscd.errors import AgeError, HeaderError, HeaderTruncated
from tests import vectors

IDENTITIES: list[Identity] = [
    X25519Identity.parse("AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0"),
    HybridIdentity.parse("AGE-SECRET-KEY-PQ-1HZLGZUPT4ETPKDEV8HSGFDCYZ4E522W0A7PU2LHT8EH9W6YLNC3SW78XKG"),
    ScryptIdentity(b"password", max_work_factor=4),
]
"""The test vectors' own, so that mutations of them get far; a low work factor keeps the fuzzer fast."""


def seeds() -> Iterator[bytes]:
    """Return the test vectors."""
    return (vector.file for vector in vectors.read_all())


def check(data: bytes) -> None:
    """Parse `data`, and hold the parser to what it promises."""
    try:
        header = parse(data)
    except HeaderTruncated:
        return
    except HeaderError:
        _check_stays_refused(data)
        return
    _check_header(header, data)


def _check_stays_refused(data: bytes) -> None:
    """What is refused for good must stay so when more bytes come."""
    for more in (b"\n", b"A", b"\n\n--- " + b"A" * 43 + b"\n"):
        try:
            parse(data + more)
        except HeaderTruncated:
            raise AssertionError("refused, then truncated") from None
        except HeaderError:
            continue
        raise AssertionError("refused, then accepted")


def _check_header(header: Header, data: bytes) -> None:
    """A parsed header is the one encoding of what it holds, and never fails but by the exceptions named."""
    assert looks_like_age(data)
    assert data.startswith(header.covered)
    assert encode(header.stanzas, bytes(16))[: len(header.covered)] == header.covered
    assert parse(data[: header.length]) == header
    found = marker.find(header)
    assert found is None or found.stanza() in header.stanzas
    with contextlib.suppress(AgeError):
        unlock(header, IDENTITIES)
