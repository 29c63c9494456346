"""The files of the demonstration: varied ones, described so that any difference afterwards shows."""

import contextlib
import hashlib
import os
import random
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import IO, Final

MIB: Final = 1 << 20
OPEN_FILE: Final = "mail/inbox.mbox"
"""The one that another program has open."""
READ_FILE: Final = "notes/minutes.txt"
"""The one that is read back."""
NEW_FILE: Final = "notes/draft.txt"
"""The one that is saved while the service watches."""
FILM: Final = "film.mkv"
"""A large one, to be stopped in."""

_ENCRYPTED: Final = b"age-encryption.org/v1\n-> cscd "
"""How an item begins that was encrypted by cscd: the version line, and its own stanza."""
_LONG_NAME: Final = "n" * 255
"""As long as a name can be on Linux (NAME_MAX): there is no room for a suffix of ours."""
_STRANGE_NAME: Final = b"not UTF-8 \xff,\nwith a newline"
_REEL: Final = 64 * MIB
"""Bytes by which the film grows at once."""
_GROWS: Final = 0.6
"""Seconds for which it does."""
_NS: Final = 1_234_567_890_123_456_789
"""A time with nanoseconds that no clock of today shows."""


@dataclass(frozen=True, slots=True)
class Exhibit:
    """All of one file that must survive: two of these are equal or something was lost."""

    kind: str
    size: int
    digest: str
    """SHA-256 of the content; the target of a symbolic link."""
    mode: int
    owner: int
    group: int
    modified_ns: int
    accessed_ns: int
    attributes: tuple[tuple[str, bytes], ...]

    def differences(self, other: "Exhibit") -> list[str]:
        """Return the names of what differs."""
        return [each.name for each in fields(self) if getattr(self, each.name) != getattr(other, each.name)]


def make(root: str) -> None:
    """Make the small files of the cache; the large one comes later."""
    chance = random.Random(1)  # noqa: S311 - content of files to look at, nothing secret
    for directory in ("mail", "notes", "photos", "tools"):
        os.makedirs(os.path.join(root, directory))
    _write(root, OPEN_FILE, b"From: alice\nSubject: hello\n\n" * 2000)
    _write(root, READ_FILE, b"Agreed: the cache is encrypted, always.\n" * 500)
    for number in range(40):
        _write(root, f"photos/{number:02}.jpg", chance.randbytes(chance.randrange(1, 200_000)))
    _write(root, "notes/chunk", chance.randbytes(65536))
    _write(root, "notes/empty", b"")
    _write(root, "notes/read-only", b"do not touch\n", 0o400)
    _write(root, "tools/setuid", b"#!/bin/sh\nid\n", 0o4755)
    _write(root, f"notes/{_LONG_NAME}", b"a name without room\n")
    _write(root, os.path.join("notes", os.fsdecode(_STRANGE_NAME)), b"a strange name\n")
    _write_sparse(os.path.join(root, "tools/disk.img"), 64 * MIB)
    os.symlink("photos/00.jpg", os.path.join(root, "latest"))
    with contextlib.suppress(OSError):  # tmpfs has these only since Linux 6.6
        os.setxattr(os.path.join(root, READ_FILE), "user.mood", b"cheerful")
    for name in (READ_FILE, "notes/chunk", "photos/01.jpg"):
        os.utime(os.path.join(root, name), ns=(_NS + 7, _NS))


def make_new(root: str) -> IO[bytes]:
    """Write the new file, and return it while it is still open for writing."""
    file = open(os.path.join(root, NEW_FILE), "wb")  # noqa: SIM115 - the caller closes it, as the last step
    file.write(b"Not to be read by everybody.\n" * 50)
    file.flush()
    return file


def make_film(root: str, most: int) -> IO[bytes]:
    """Write the large file, of about `most` bytes at most, and return it while it is still open for writing.

    It grows until this machine has written to its disk for a while, so that encrypting it takes long enough
    to be stopped in the middle, on any machine.
    """
    scene = random.Random(2).randbytes(MIB)  # noqa: S311 - content of files to look at, nothing secret
    begun = time.monotonic()
    size = 0
    file = open(os.path.join(root, FILM), "wb")  # noqa: SIM115 - the caller closes it, as the last step
    while size < most and time.monotonic() - begun < _GROWS:
        for _ in range(_REEL // MIB):
            size += file.write(size.to_bytes(8, "big") + scene[8:])
        file.flush()
        os.fdatasync(file.fileno())
    return file


def describe(root: str) -> dict[str, Exhibit]:
    """Return all files below a directory, by relative path, and leave no trace in their access times."""
    return {path: describe_file(os.path.join(root, path)) for path in _walk(root)}


def describe_file(path: str) -> Exhibit:
    """Return one file."""
    status = os.lstat(path)
    link = stat.S_ISLNK(status.st_mode)
    return Exhibit(
        "link" if link else "file",
        status.st_size,
        os.readlink(path) if link else _digest(path),
        stat.S_IMODE(status.st_mode),
        status.st_uid,
        status.st_gid,
        status.st_mtime_ns,
        0 if link else status.st_atime_ns,  # looking where a link leads is an access to it
        () if link else _attributes(path),
    )


def state_of(path: str) -> str:
    """Return what a file is by its first bytes: encrypted, plain or empty."""
    with open(os.open(path, os.O_RDONLY | os.O_NOATIME | os.O_CLOEXEC), "rb") as file:
        beginning = file.read(len(_ENCRYPTED))
    if not beginning:
        return "empty"
    return "encrypted" if beginning == _ENCRYPTED else "plain"


def digest_of(content: bytes) -> str:
    """Return the SHA-256 of content, as an exhibit has it."""
    return hashlib.sha256(content).hexdigest()


def _walk(root: str) -> Iterator[str]:
    for directory, _, names in os.walk(root):
        for name in names:
            yield os.path.relpath(os.path.join(directory, name), root)


def _digest(path: str) -> str:
    fd = os.open(path, os.O_RDONLY | os.O_NOATIME | os.O_CLOEXEC)
    with open(fd, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _attributes(path: str) -> tuple[tuple[str, bytes], ...]:
    return tuple((name, os.getxattr(path, name)) for name in sorted(os.listxattr(path)))


def _write(root: str, name: str, content: bytes, mode: int = 0o644) -> None:
    path = os.path.join(root, name)
    with open(path, "wb") as file:
        file.write(content)
    os.chmod(path, mode)


def _write_sparse(path: str, size: int) -> None:
    """Write a file that is a hole except for its end."""
    with open(path, "wb") as file:
        file.seek(size - len(b"end\n"))
        file.write(b"end\n")
