"""Test vectors of the age format, and how to read them.

`age` holds the whole age test kit as of 2026-06-05: github.com/C2SP/CCTV, folder age/testdata, commit
1e3d2860d46e94e777e1b17c7a6f2436387e3ecc. Everybody may use the vectors without conditions (0BSD, CC0-1.0 or
the Unlicense). Each is a list of ``key: value`` lines, an empty line, and the file to decrypt, compressed if
the list says so.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cscd.age import Identity, ScryptIdentity, parse_identity

AGE = Path(__file__).parent / "age"
"""The folder of vectors."""


@dataclass(slots=True)
class Vector:
    """One vector."""

    name: str
    expect: str = ""
    """What must happen: success, header failure, HMAC failure, no match, payload failure, armor failure."""
    payload: str | None = None
    """SHA-256, in hex, of the plaintext that must come out, before the failure if there is one."""
    identities: list[Identity] = field(default_factory=list)
    armored: bool = False
    file: bytes = b""


def read(path: Path) -> Vector:
    """Read a vector; ValueError for a key that we do not know."""
    vector = Vector(path.name)
    settings, _, vector.file = path.read_bytes().partition(b"\n\n")
    for line in settings.decode().splitlines():
        key, _, value = line.partition(": ")
        _apply(vector, key, value)
    return vector


def _apply(vector: Vector, key: str, value: str) -> None:
    """Apply one setting of a vector."""
    match key:
        case "expect":
            vector.expect = value
        case "payload":
            vector.payload = value
        case "identity":
            vector.identities.append(parse_identity(value))
        case "passphrase":
            vector.identities.append(ScryptIdentity(value.encode()))
        case "armored":
            vector.armored = True
        case "compressed":
            vector.file = zlib.decompress(vector.file)
        case "file key" | "comment":
            pass
        case _:
            raise ValueError(f"{vector.name}: unknown setting {key!r}")


def read_all(folder: Path = AGE) -> Iterator[Vector]:
    """Read every vector in `folder`, by name."""
    return (read(path) for path in sorted(folder.iterdir()))
