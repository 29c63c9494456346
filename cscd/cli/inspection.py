"""What is known of one file: whether it is encrypted, by whom, for whom, how large, and whether it is whole.

Nothing is decrypted unless the check of every chunk is asked for, and nothing of it is kept.
"""

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from cscd import age
from cscd.age import AgeReader, Header, Identity, decrypt_stream
from cscd.age.armor import ArmorReader, is_armored
from cscd.age.intake import Intake
from cscd.age.marker import STANZA
from cscd.cli.report import Count, Model
from cscd.errors import AgeError, NoMatchError, PassphraseError, TargetError
from cscd.files.name import Name

State = Literal["empty", "plain", "encrypted", "age", "damaged"]

NO_IDENTITY: Final = "no identity is kept or given that could open it (--identity FILE)"
_ALTERED: Final = "it names your key, which does not open it: its header has been altered"
_LOOK: Final = 4096
_PIECE: Final = 65536


class FileReport(Model):
    """One file."""

    path: Name
    """As it was given."""
    state: State | None
    """"encrypted": by cscd; "age": an age file that cscd did not write, content like any other; "plain":
    no age file; "empty": holds nothing; "damaged": begins like an age file and is none, or fails a check.
    null where the file could not be read."""
    error: str | None
    """What is wrong with the file, or why it could not be read; null if nothing is."""
    armored: bool = False
    """Whether it is an age file in ASCII armor."""
    size: Count = 0
    """Bytes of the file."""
    content: Count | None = None
    """Bytes of plaintext; only proven where `verified` is true. null where that cannot be told."""
    overhead: int | None = None
    """Bytes by which the file is larger than its content; null where that cannot be told."""
    recipients: tuple[str, ...] = ()
    """The type of each recipient, such as "X25519", "mlkem768x25519" (post-quantum) or "scrypt" (a
    passphrase)."""
    key_id: str | None = None
    """Names the key in files that cscd wrote; null elsewhere."""
    own_key: bool | None = None
    """Whether that is the key of an identity given or kept; null without a key id or an identity."""
    opens: bool | None = None
    """Whether an identity given or kept opens it, so that its header is genuine; null without one."""
    sparse: bool = False
    """Whether its content had holes, which unencrypting restores."""
    verified: bool | None = None
    """Whether every chunk is genuine; null where that was not asked for, or there was no key to check."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What to try on a file."""

    identities: Sequence[Identity]
    key_ids: frozenset[str]
    """Of the identities."""
    passphrase: Identity | None = None
    """Asks for one; only to verify."""


def inspect(path: str, keys: Keys, *, verify: bool) -> FileReport:
    """Look at one file. Raises OSError where it cannot be read, TargetError where it is no regular file."""
    fd = _open(path)
    try:
        return _Inspection(path, fd, keys, verify=verify).report()
    finally:
        os.close(fd)


def _open(path: str) -> int:
    """Open a regular file for reading, and nothing else: opening a pipe would wait for its writer."""
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        mode = os.fstat(place).st_mode
        if not stat.S_ISREG(mode):
            what = "a directory" if stat.S_ISDIR(mode) else "not a regular file"
            raise TargetError(f"{path} is {what}; inspect takes files")
        try:
            return _open_again(place)
        except OSError as error:
            raise OSError(error.errno, os.strerror(error.errno or 0), path) from error
    finally:
        os.close(place)


def _open_again(place: int) -> int:
    """Open for reading what is open as a place; without a trace in its access time, which its owner may."""
    again = f"/proc/self/fd/{place}"
    try:
        return os.open(again, os.O_RDONLY | os.O_CLOEXEC | os.O_NOATIME)
    except PermissionError:
        return os.open(again, os.O_RDONLY | os.O_CLOEXEC)


class _Inspection:
    """One look at one open file."""

    def __init__(self, path: str, fd: int, keys: Keys, *, verify: bool) -> None:
        self._path = Name.of(path)
        self._fd = fd
        self._keys = keys
        self._verify = verify
        self._size = os.fstat(fd).st_size

    def report(self) -> FileReport:
        """Look, and say what there is."""
        start = os.pread(self._fd, _LOOK, 0)
        if age.looks_like_age(start):
            return self._of_age(armored=False)
        if is_armored(Intake(_Bytes(self._fd))):
            return self._of_age(armored=True)
        state: State = "plain" if start else "empty"
        return self._report(state, content=self._size)

    def _of_age(self, *, armored: bool) -> FileReport:
        try:
            header, binary = self._read_armor() if armored else self._read_header()
            content = age.plain_size(binary - header.length - age.NONCE)
        except AgeError as error:
            return self._report("damaged", error=str(error), armored=armored)
        marker = None if armored else age.find(header)
        report = self._report(
            "encrypted" if marker else "age",
            content=content,
            armored=armored,
            recipients=tuple(s.type for s in header.stanzas if not (marker and s.type == STANZA)),
            key_id=marker.key_id if marker else None,
            own_key=marker.key_id in self._keys.key_ids if marker and self._keys.key_ids else None,
            sparse=bool(marker and marker.sparse),
        )
        return self._checked(report, header)

    def _checked(self, report: FileReport, header: Header) -> FileReport:
        """Try the identities on the header and, if asked for, on every chunk."""
        identities = [*self._keys.identities]
        if self._verify and self._keys.passphrase:
            identities.append(self._keys.passphrase)
        if not identities:
            return report
        try:
            age.unlock(header, self._keys.identities)
        except NoMatchError:
            if report.own_key:
                altered = {"state": "damaged", "error": _ALTERED, "opens": False}
                return report.model_copy(update=altered)
            opens = False
        except AgeError as error:
            return report.model_copy(update={"state": "damaged", "error": str(error)})
        else:
            opens = True
        if self._verify:
            return self._verified(report, identities)
        return report.model_copy(update={"opens": opens if self._keys.identities else None})

    def _verified(self, report: FileReport, identities: Sequence[Identity]) -> FileReport:
        """Check every chunk."""
        try:
            if report.armored:
                decrypt_stream(_Bytes(self._fd), _Nowhere(), identities, keep_going=lambda: True)
            else:
                AgeReader(self._fd, self._size, identities).verify()
        except NoMatchError as error:
            if self._keys.identities:
                return report.model_copy(update={"opens": False, "error": str(error)})
            why = str(error) if isinstance(error, PassphraseError) else NO_IDENTITY
            return report.model_copy(update={"error": why})
        except AgeError as error:
            failed = {"state": "damaged", "error": str(error), "opens": True, "verified": False}
            return report.model_copy(update=failed)
        return report.model_copy(update={"opens": True, "verified": True})

    def _read_header(self) -> tuple[Header, int]:
        """Return the header of a binary file, and the bytes of the file."""
        header, _ = age.read_header(lambda size, offset: os.pread(self._fd, size, offset))
        return header, self._size

    def _read_armor(self) -> tuple[Header, int]:
        """Return the header of a file in armor, and the bytes that the armor holds."""
        intake = Intake(ArmorReader(_Bytes(self._fd)))
        header, _ = age.read_header(intake.pread)
        binary = 0
        while piece := intake.take(_PIECE):
            binary += len(piece)
        return header, binary

    def _report(self, state: State, **facts: object) -> FileReport:
        content = facts.get("content")
        overhead = self._size - content if isinstance(content, int) else None
        known = {"error": None, **facts, "path": self._path, "state": state}
        return FileReport.model_validate({**known, "size": self._size, "overhead": overhead})


class _Bytes:
    """An open file from its beginning, as a source to read from."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._at = 0

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, b"" at the end."""
        piece = os.pread(self._fd, size, self._at)
        self._at += len(piece)
        return piece


class _Nowhere:
    """Takes plaintext and forgets it."""

    def write(self, data: memoryview, /) -> int:
        """Take all of it."""
        return len(data)
