"""The watched directories of one root: where each of them is now, whatever has been renamed.

The kernel names a watch by a number, and goes on watching a directory wherever it is moved. So a directory
knows its parent and its own name, and nothing else has to change when one above it is renamed.
"""

from collections.abc import Iterator


class Branch:
    """A watched directory."""

    __slots__ = ("awaited", "children", "name", "parent", "wd")

    def __init__(self, parent: "Branch | None", name: str, wd: int, *, awaited: bool = False) -> None:
        """Name it; the root has no parent. It is in nobody's care before `Branches.add`."""
        self.parent = parent
        self.name = name
        self.wd = wd
        """The kernel's number of the watch; -1 if it could not be watched."""
        self.awaited = awaited
        """Whether its readers are watched, too."""
        self.children: dict[str, Branch] | None = None
        """Watched directories in it, by name; None as long as there are none."""

    def below(self) -> Iterator["Branch"]:
        """Yield it and all below it."""
        todo = [self]
        while todo:
            branch = todo.pop()
            yield branch
            if branch.children:
                todo += branch.children.values()


class Branches:
    """All watched directories of a root."""

    def __init__(self) -> None:
        """Have none."""
        self._by_wd: dict[int, Branch] = {}
        self.root: Branch | None = None
        self.jumbled = False
        """Whether something was not where it was thought to be, since this was last set back."""

    def __len__(self) -> int:
        return len(self._by_wd)

    def __contains__(self, branch: Branch) -> bool:
        return self._by_wd.get(branch.wd) is branch

    def get(self, wd: int) -> Branch | None:
        """Return the directory of a watch."""
        return self._by_wd.get(wd)

    def watches(self) -> set[int]:
        """Return the kernel's numbers of all watches."""
        return set(self._by_wd)

    def add(self, branch: Branch) -> None:
        """Take a directory in, in the place of another one of that name; not one that is not watched."""
        if branch.parent is None:
            self.root = branch
        elif branch.wd >= 0:
            self.attach(branch, branch.parent, branch.name)
        if branch.wd >= 0:
            self._by_wd[branch.wd] = branch

    def attach(self, branch: Branch, parent: Branch, name: str) -> None:
        """Put a directory into its place, which may be new to it; what was known there has gone."""
        self.detach(branch)
        self._part(branch, parent)
        before = parent.children.get(name) if parent.children else None
        if before:
            self.jumbled = True
            self.detach(before)
        branch.parent, branch.name = parent, name
        if parent.children is None:
            parent.children = {}
        parent.children[name] = branch

    def _part(self, branch: Branch, parent: Branch) -> None:
        """Have a directory not lie below what is to be below it: a move was not heard of yet."""
        at = parent
        while at.parent:
            if at.parent is branch:
                self.jumbled = True
                self.detach(at)
                return
            at = at.parent

    def detach(self, branch: Branch) -> None:
        """Take a directory, with all below it, out of its place: moved who knows where."""
        parent, branch.parent = branch.parent, None
        if parent and parent.children and parent.children.get(branch.name) is branch:
            del parent.children[branch.name]
            if not parent.children:
                parent.children = None

    def remove(self, branch: Branch) -> None:
        """Forget a directory; those below it have no place any more until they are forgotten, too."""
        self._by_wd.pop(branch.wd, None)
        self.detach(branch)
        for child in list((branch.children or {}).values()):
            self.detach(child)

    def path(self, branch: Branch) -> str | None:
        """Return the path relative to the root; None for a directory that has no place in the tree."""
        names = []
        at = branch
        while at.parent is not None:
            names.append(at.name)
            at = at.parent
        return "/".join(reversed(names)) if at is self.root else None

    def find(self, path: str) -> Branch | None:
        """Return the directory at a path relative to the root, if it is watched."""
        branch = self.root
        for name in path.split("/") if path else ():
            branch = branch.children.get(name) if branch and branch.children else None
        return branch
