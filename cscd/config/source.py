"""Which files make up the configuration, and reading them without trusting what lies there.

A directory is opened before what is in it, and a file before it is looked at, so that what is checked is what
is read (open(2), fstat(2)). Where the service is root, whoever can write its configuration controls root:
then files and directories must be root's, and nobody else's to write.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from cscd.config.problem import Place, Problem

LARGEST: Final = 1 << 20
"""Bytes of one file: a hundred times the shipped one."""

MOST_FILES: Final = 256
"""Files in the directory of additions."""

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
#: Neither a FIFO without a writer nor a terminal holds us up before fstat can tell what it is.
_FILE: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


class _Unusable(Exception):  # noqa: N818 - becomes a Problem within this module
    """A file or directory that must not or cannot be used; says why."""


@dataclass(frozen=True, slots=True)
class Text:
    """One file that was read."""

    file: str
    content: str


@dataclass(frozen=True, slots=True)
class Source:
    """The main file and the directory of additions beside it."""

    main: str
    """Its path; the additions are all that ends in .yaml in the directory of the same name with .d added."""
    owner: int | None
    """The uid that must own everything, and nobody else may write it: 0 for root. None: as any file."""
    required: bool = True
    """Whether it is an error if the main file is not there; else all keys have their defaults."""

    def read(self) -> tuple[list[Text], list[Problem]]:
        """Return every file that can be read, the main one first, then by name; and what is wrong."""
        texts: list[Text] = []
        problems: list[Problem] = []
        with self._directory(os.path.dirname(self.main) or ".", problems, needed=self.required) as fd:
            if fd is not None:
                self._read_into(texts, problems, fd, self.main, needed=self.required)
        additions = f"{self.main}.d"
        with self._directory(additions, problems, needed=False) as fd:
            for name in _names(fd, additions, problems):
                self._read_into(texts, problems, fd, f"{additions}/{name}", needed=True)
        return texts, problems

    @contextmanager
    def _directory(self, path: str, problems: list[Problem], *, needed: bool) -> Iterator[int | None]:
        """Hold a directory open; None if there is none, or none to be used."""
        fd = None
        try:
            fd = os.open(path, _DIRECTORY)
            self._check(os.fstat(fd))
        except FileNotFoundError as error:
            if needed:
                problems.append(_problem(path, error))
        except (OSError, _Unusable) as error:
            problems.append(_problem(path, error))
            _close(fd)
            fd = None
        try:
            yield fd
        finally:
            _close(fd)

    def _read_into(
        self, texts: list[Text], problems: list[Problem], directory: int | None, path: str, *, needed: bool
    ) -> None:
        try:
            fd = os.open(os.path.basename(path), _FILE, dir_fd=directory)
        except OSError as error:
            if needed or not isinstance(error, FileNotFoundError):
                problems.append(_problem(path, error))
            return
        try:
            texts.append(Text(path, self._content(fd)))
        except UnicodeDecodeError as error:
            problems.append(_not_utf8(path, error))
        except (OSError, _Unusable) as error:
            problems.append(_problem(path, error))
        finally:
            os.close(fd)

    def _content(self, fd: int) -> str:
        """Return the text of an open file, at most LARGEST bytes of it."""
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise _Unusable("not a regular file")
        self._check(status)
        pieces: list[bytes] = []
        left = LARGEST + 1
        while left and (piece := os.read(fd, left)):
            pieces.append(piece)
            left -= len(piece)
        if not left:
            raise _Unusable(f"larger than {LARGEST} bytes: this is no configuration of cscd")
        return b"".join(pieces).decode("utf-8").removeprefix("\ufeff")

    def _check(self, status: os.stat_result) -> None:
        """Refuse what is not the owner's alone to write; an access control list shows in the group's bits."""
        if self.owner is None:
            return
        if status.st_uid != self.owner:
            wanted = "root" if self.owner == 0 else f"uid {self.owner}"
            raise _Unusable(
                f"is owned by uid {status.st_uid}, who could change what the service of {wanted} does"
                f"; expected the owner {wanted} (chown)"
            )
        # In a sticky directory, such as /tmp, nobody else can rename or remove what is the owner's.
        sticky = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
        if status.st_mode & _OTHERS_WRITE and not sticky:
            raise _Unusable(
                f"can be written by others than its owner (mode {stat.S_IMODE(status.st_mode):04o})"
                ", who could change what the service does; expected nobody else (chmod go-w)"
            )


def _names(fd: int | None, directory: str, problems: list[Problem]) -> list[str]:
    """Return the names of the additions, sorted by their bytes."""
    if fd is None:
        return []
    visible = sorted((name for name in os.listdir(fd) if not name.startswith(".")), key=os.fsencode)
    problems += [
        Problem(Place(f"{directory}/{name}"), "", "is not read; expected a name that ends in .yaml")
        for name in visible
        if name.endswith((".yml", ".YAML", ".YML"))
    ]
    names = [name for name in visible if name.endswith(".yaml")]
    if len(names) > MOST_FILES:
        problems.append(Problem(Place(directory), "", f"expected at most {MOST_FILES} files in it"))
    return names[:MOST_FILES]


def _problem(path: str, error: OSError | _Unusable) -> Problem:
    reason = os.strerror(error.errno or 0) if isinstance(error, OSError) else str(error)
    return Problem(Place(path), "", reason)


def _not_utf8(path: str, error: UnicodeDecodeError) -> Problem:
    before = bytes(error.object[: error.start])
    line = before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")
    place = Place(path, before.count(b"\n") + 1, len(line) + 1)
    return Problem(place, "", f"not UTF-8: the byte 0x{error.object[error.start]:02x}")


def _close(fd: int | None) -> None:
    if fd is not None:
        os.close(fd)
