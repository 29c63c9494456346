"""Applications that change an item's names or its metadata."""

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.races.application import Application, Known, last_known
from tests.races.content import final, number_of, version
from tests.races.writers import Append
from tests.support.waiting import wait_until

_MODES: Final = (0o600, 0o640, 0o644, 0o700, 0o755)
_ATTRIBUTE: Final = "user.note"


class Rename(Application):
    """Renames items, now and then onto one another."""

    kind = "rename"

    @classmethod
    def prepare(cls, directory: Path, rng: random.Random) -> None:
        """Make one version of each item, by its number."""
        for number, name in enumerate(cls.names()):
            (directory / name).write_bytes(version(number, rng.choice((10, 50_000))))

    def work(self, name: str) -> bool:
        """Rename an item to where it is not."""
        here, there = (name, f"{name}.moved")[:: -1 if self.known.get(name, name) != name else 1]
        os.rename(self.directory / here, self.directory / there)
        self.known[name] = there
        if os.path.lexists(self.directory / here):
            self.fail(name, f"{here} is there again after it was renamed")
        return True

    @classmethod
    def check(cls, directory: Path, known: list[Known]) -> Iterator[str]:
        """Every item has its last name, only that, and its content."""
        for number, name in enumerate(cls.names()):
            expected = known[0].get(name, name)
            found = sorted(path.name for path in directory.glob(f"{name}*"))
            if found != [expected]:
                yield f"{directory.name}: {expected} has become {found}"
            elif (content := number_of(final(directory / expected))) != number:
                yield f"{directory.name}/{name}: version {content} instead of {number}"


class Recreate(Application):
    """Deletes items and makes them anew."""

    kind = "recreate"

    @classmethod
    def prepare(cls, directory: Path, rng: random.Random) -> None:
        """Make version 0 of each item."""
        for name in cls.names():
            (directory / name).write_bytes(version(0, rng.choice((10, 50_000))))

    def work(self, name: str) -> bool:
        """Delete an item, or make the next version of one that is not there."""
        number = self.known.get(name, 0)
        path = self.directory / name
        if number is None or number >= 0:
            path.unlink()
            self.known[name] = -1 - (number or 0)
        else:
            fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC)
            os.write(fd, version(-number, self.rng.choice((10, 50_000))))
            os.close(fd)
            self.known[name] = -number
        return True

    @classmethod
    def check(cls, directory: Path, known: list[Known]) -> Iterator[str]:
        """What was made last is there whole, and what was deleted is not."""
        for name in known[0]:
            expected, path = last_known(known, name), directory / name
            found = number_of(final(path)) if path.exists() else None
            if found != (expected if expected >= 0 else None):
                yield f"{directory.name}/{name}: version {found} instead of {expected}"


class Link(Application):
    """Gives items a second name for a while, and appends through either."""

    kind = "link"

    @classmethod
    def prepare(cls, directory: Path, rng: random.Random) -> None:
        """Make the items."""
        Append.prepare(directory, rng)

    def work(self, name: str) -> bool:
        """Link an item that has one name; for one that has two, append to it or take the name away."""
        item, second = self.directory / name, self.directory / f"{name}.link"
        known = self.known.setdefault(name, {"lines": 0, "linked": False})
        if not known["linked"]:
            os.link(item, second)
            known["linked"] = True
            return True
        if self.rng.random() < 0.4:
            self._same_file(name, item, second)
            self.rng.choice((item, second)).unlink()
            if second.exists():
                second.rename(item)
            known["linked"] = False
            return True
        fd = self.open_plain(self.rng.choice((item, second)).name, os.O_RDWR | os.O_APPEND)
        if fd is None:
            return False
        os.write(fd, b"0 %d\n" % known["lines"])
        os.close(fd)
        known["lines"] += 1
        return True

    def finish(self) -> None:
        """Take away all second names: an item that has two is never converted."""
        for name, known in self.known.items():
            if known["linked"]:
                self._same_file(name, self.directory / name, self.directory / f"{name}.link")
                (self.directory / f"{name}.link").unlink()

    def _same_file(self, name: str, item: Path, second: Path) -> None:
        """Both names lead to one file; at the latest when a conversion that was under way has given way."""
        try:
            wait_until(lambda: item.samefile(second), "both names lead to one file", deadline=3.0)
        except TimeoutError:
            self.fail(name, "its two names lead to two files")

    @classmethod
    def check(cls, directory: Path, known: list[Known]) -> Iterator[str]:
        """Every line is there, once, and no second name."""
        for name, entry in known[0].items():
            lines = [line for line in final(directory / name).splitlines() if line != b"start"]
            if lines != [b"0 %d" % number for number in range(entry["lines"])]:
                yield f"{directory.name}/{name}: {len(lines)} lines instead of {entry['lines']}"
            if (directory / f"{name}.link").exists():
                yield f"{directory.name}/{name}: its second name is there again"


class Mode(Append):
    """Changes mode and attributes of items that others append to; metadata must not go back either."""

    kind = "mode"

    def work(self, name: str) -> bool:
        """Check what was set last, and set something else."""
        path = self.directory / name
        known = self.known.setdefault(name, {})
        if known:
            self._check_last(name, path, known)
        if self.rng.random() < 0.5:
            known["mode"] = self.rng.choice(_MODES)
            path.chmod(known["mode"])
        else:
            known["note"] = known.get("note", 0) + 1
            os.setxattr(path, _ATTRIBUTE, b"%d" % known["note"])
        return True

    def _check_last(self, name: str, path: Path, known: dict[str, int]) -> None:
        for what in self.differing(path, known):
            self.fail(name, what)

    @staticmethod
    def differing(path: Path, known: dict[str, int]) -> Iterator[str]:
        """Yield which metadata is not what was set."""
        if "mode" in known and (mode := path.stat().st_mode & 0o7777) != known["mode"]:
            yield f"mode {mode:o} instead of {known['mode']:o}"
        if "note" in known and (note := os.getxattr(path, _ATTRIBUTE)) != b"%d" % known["note"]:
            yield f"attribute {note!r} instead of {known['note']}"

    @classmethod
    def check(cls, directory: Path, known: list[Known]) -> Iterator[str]:
        """The metadata set last is there; and the lines of the others."""
        for name, entry in known[0].items():
            for what in cls.differing(directory / name, entry):
                yield f"{directory.name}/{name}: {what}"
        yield from super().check(directory, [{}, *known[1:]])
