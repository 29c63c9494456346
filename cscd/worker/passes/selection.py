"""Which files of a tree are items: the include and exclude patterns.

A pattern with a slash is matched against the whole path relative to the root of the tree, one without
against the file's name alone. `*` and `?` match anything but a slash, `**` matches slashes too, `[…]`
as in a shell. A file is an item if it matches an include pattern (or there is none) and no exclude
pattern. A directory that an exclude pattern matches is not entered.
"""

import os
import re
from collections.abc import Collection, Sequence
from typing import Final

from cscd.files.tree import Tree

_WILD: Final = re.compile(r"\*\*/?|\*|\?|\[!?\]?[^\]]*\]|.", re.DOTALL)


def _expression(pattern: str) -> str:
    """Translate a pattern into a regular expression over a relative path."""
    return "".join(_piece(match.group()) for match in _WILD.finditer(pattern.strip("/")))


def _piece(wild: str) -> str:
    if wild == "**/":
        return "(?:.*/)?"
    if wild == "**":
        return ".*"
    if wild == "*":
        return "[^/]*"
    if wild == "?":
        return "[^/]"
    if len(wild) > 1:
        inner = wild[1:-1].replace("\\", "\\\\")
        return f"[{'^' + inner[1:] if inner.startswith('!') else inner}]"
    return re.escape(wild)


class Patterns:
    """Several patterns, any of which may match."""

    def __init__(self, patterns: Sequence[str]) -> None:
        """Compile them.

        Raises ValueError, naming the pattern, for one that is not well-formed.
        """
        self._names = self._compile([p for p in patterns if "/" not in p.rstrip("/")])
        self._paths = self._compile([p for p in patterns if "/" in p.rstrip("/")])

    @staticmethod
    def _compile(patterns: Sequence[str]) -> re.Pattern[str] | None:
        for pattern in patterns:
            try:
                re.compile(_expression(pattern))
            except re.error as error:
                raise ValueError(f"{pattern!r} is not a pattern: {error}") from None
        if not patterns:
            return None
        return re.compile("|".join(f"(?:{_expression(pattern)})" for pattern in patterns), re.DOTALL)

    def match(self, path: str, name: str) -> bool:
        """Whether any pattern matches a file's relative path or its name."""
        return bool(
            (self._names and self._names.fullmatch(name)) or (self._paths and self._paths.fullmatch(path))
        )


class Selection:
    """What is an item and what is not."""

    def __init__(
        self,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        spared: Collection[int] = (),
    ) -> None:
        """Take the patterns; raises ValueError for a malformed one.

        `spared` are the inode numbers, within the tree, of what must never be an item whatever the
        patterns say: the keys that items are encrypted with, and the directory that holds them.
        """
        self.spared = frozenset(spared)
        self._include = Patterns(include) if include else None
        self._exclude = Patterns(exclude) if exclude else None

    @property
    def everything(self) -> bool:
        """Whether there is nothing to match, so that nobody needs to ask."""
        return self._include is None and self._exclude is None

    def takes(self, directory: str, name: str) -> bool:
        """Whether a file in a directory (relative, "" for the root) is an item."""
        path = f"{directory}/{name}" if directory else name
        if self._exclude and self._exclude.match(path, name):
            return False
        return self._include is None or self._include.match(path, name)

    def covers(self, directory: str, name: str, tree: Tree) -> bool:
        """Whether a walk of the tree would come to a file of this name, and take it for an item."""
        above = ""
        for step in directory.split("/") if directory else ():
            if not self.enters(above, step):
                return False
            above = f"{above}/{step}" if above else step
            if self.spared and self._is_spared(above, tree):
                return False
        return self.takes(directory, name) and not (
            self.spared and self._is_spared(os.path.join(directory, name), tree)
        )

    def _is_spared(self, path: str, tree: Tree) -> bool:
        try:
            return os.stat(path, dir_fd=tree.fd, follow_symlinks=False).st_ino in self.spared
        except OSError:
            return False  # then there is nothing to spare either

    def enters(self, directory: str, name: str) -> bool:
        """Whether a subdirectory is walked."""
        path = f"{directory}/{name}" if directory else name
        return not (self._exclude and self._exclude.match(path, name))
