"""Applications that change what is in an item."""

import mmap
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.races.application import Application, Known, last_known
from tests.races.content import SLOT, final, number_of, read_all, slot, slot_number, version

_LENGTHS: Final = (1, 100, 4_000, 70_000)
"""Bytes of the versions written: one age chunk or two, one page or several."""
_SLOTS: Final = 96


class Append(Application):
    """Appends lines. Even ones look through their own descriptor, odd ones open blindly, as ``>>`` does."""

    kind = "append"

    @classmethod
    def prepare(cls, directory: Path, rng: random.Random) -> None:
        """Make the items, some of them large."""
        for name in cls.names():
            (directory / name).write_bytes(b"start\n" * rng.choice((1, 1_000, 20_000)))

    def work(self, name: str) -> bool:
        """Append a line with a number of our own."""
        flags = os.O_WRONLY | os.O_CREAT if self.number % 2 else os.O_RDWR
        fd = self.open_plain(name, flags | os.O_APPEND)
        if fd is None:
            return False
        count = self.known.get(name, 0)
        os.write(fd, b"%d %d\n" % (self.number, count))
        os.close(fd)
        self.known[name] = count + 1
        return True

    @classmethod
    def check(cls, directory: Path, known: list[Known]) -> Iterator[str]:
        """Every line is there, once, and the lines of each process in its order."""
        for name in cls.names():
            lines = [line.split() for line in final(directory / name).splitlines() if line != b"start"]
            for number, entry in enumerate(known):
                found = [int(line[1]) for line in lines if int(line[0]) == number]
                expected = list(range(entry.get(name, 0)))
                if found != expected:
                    missing = sorted(set(expected) - set(found))
                    yield (
                        f"{directory.name}/{name}: {len(expected)} lines of application {number}, "
                        f"{len(found)} there, missing {missing[:5]}"
                    )


class Rewrite(Application):
    """Writes a new version over the old one: O_TRUNC, without a look at what is there."""

    kind = "rewrite"

    @classmethod
    def prepare(cls, directory: Path, rng: random.Random) -> None:
        """Make version 0 of each item."""
        for name in cls.names():
            (directory / name).write_bytes(version(0, rng.choice(_LENGTHS)))

    def work(self, name: str) -> bool:
        """Look now and then whether the last version is there, then write the next."""
        if self.rng.random() < 0.3:
            self._look(name)
        number = self.known.get(name, 0) + 1
        content = version(number, self.rng.choice(_LENGTHS))
        fd = os.open(self.directory / name, os.O_WRONLY | os.O_TRUNC | os.O_CREAT | os.O_CLOEXEC)
        os.write(fd, content)
        os.close(fd)
        self.known[name] = number
        return True

    def _look(self, name: str) -> None:
        fd = self.open_plain(name, os.O_RDONLY)
        if fd is not None:
            found = number_of(read_all(fd))
            os.close(fd)
            if found != self.known.get(name, 0):
                self.fail(name, f"version {self.known.get(name, 0)} is not there, but {found}")

    @classmethod
    def check(cls, directory: Path, known: list[Known]) -> Iterator[str]:
        """The last version is there, whole."""
        for name in known[0]:
            found, expected = number_of(final(directory / name)), last_known(known, name)
            if found != expected:
                yield f"{directory.name}/{name}: version {expected} is not there, but {found}"


class Save(Rewrite):
    """Saves as editors do: a new file, renamed over the item."""

    kind = "save"

    def work(self, name: str) -> bool:
        """Save the next version."""
        if self.rng.random() < 0.3:
            self._look(name)
        number = self.known.get(name, 0) + 1
        fresh = self.directory / f".{name}.tmp"
        fresh.write_bytes(version(number, self.rng.choice(_LENGTHS)))
        fresh.rename(self.directory / name)
        self.known[name] = number
        return True


class Truncate(Rewrite):
    """Empties an item by its path, without a look at it, fills it again and cuts it through a descriptor."""

    kind = "truncate"

    def work(self, name: str) -> bool:
        """Do one of both, by turns; what is known is the version and its length, None for an empty item."""
        path = self.directory / name
        known = self.known.get(name)
        if known and self.rng.random() < 0.5:
            os.truncate(path, 0)
            self.known[name] = None
            return True
        fd = self.open_plain(name, os.O_RDWR)
        if fd is None:
            return False
        number = self.acknowledged
        if name in self.known and (found := read_all(fd)) != self._expected(known):
            self.fail(name, f"{known} is not there, but {len(found)} bytes: {found[:32]!r}")
        length = self.rng.choice(_LENGTHS)
        os.pwrite(fd, version(number, length + 1_000), 0)
        cut = self.rng.randrange(1, length + 1)
        os.ftruncate(fd, cut)
        os.close(fd)
        self.known[name] = [number, length + 1_000, cut]
        return True

    @staticmethod
    def _expected(known: list[int] | None) -> bytes:
        return version(known[0], known[1])[: known[2]] if known else b""

    @classmethod
    def check(cls, directory: Path, known: list[Known]) -> Iterator[str]:
        """What was last written or cut is there, to the byte."""
        for name in known[0]:
            expected, found = last_known(known, name), final(directory / name)
            if found != cls._expected(expected):
                yield f"{directory.name}/{name}: {expected} is not there, but {len(found)} bytes"


class Patch(Application):
    """Writes records of its own in place; each process has every other one."""

    kind = "patch"

    @classmethod
    def prepare(cls, directory: Path, rng: random.Random) -> None:
        """Fill the items with records, some of them with much behind."""
        for name in cls.names():
            (directory / name).write_bytes(slot(0) * _SLOTS + bytes(rng.choice((0, 100_000))))

    def work(self, name: str) -> bool:
        """Check a record and write the next one in its place."""
        fd = self.open_plain(name, os.O_RDWR)
        if fd is None:
            return False
        place = self.rng.randrange(self.number, _SLOTS, 2)
        numbers = self.known.setdefault(name, [0] * _SLOTS)
        found = slot_number(os.pread(fd, SLOT, place * SLOT))
        if found != numbers[place]:
            self.fail(name, f"record {place} is {found}, not {numbers[place]}")
        numbers[place] += 1
        self._put(fd, place * SLOT, slot(numbers[place]))
        return True

    def _put(self, fd: int, offset: int, record: bytes) -> None:
        os.pwrite(fd, record, offset)
        os.close(fd)

    @classmethod
    def check(cls, directory: Path, known: list[Known]) -> Iterator[str]:
        """Every record is the last one written in its place."""
        for name in cls.names():
            content = final(directory / name)
            for place in range(_SLOTS):
                expected = known[place % 2].get(name, [0] * _SLOTS)[place]
                found = slot_number(content[place * SLOT : place * SLOT + SLOT])
                if found != expected:
                    yield f"{directory.name}/{name}: record {place} is {found}, not {expected}"


class Map(Patch):
    """Writes records through a shared mapping, with the descriptor closed long before."""

    kind = "map"

    def _put(self, fd: int, offset: int, record: bytes) -> None:
        with mmap.mmap(fd, 0, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE) as mapping:
            os.close(fd)
            mapping[offset : offset + len(record)] = record
