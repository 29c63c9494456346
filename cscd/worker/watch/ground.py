"""A root as the watch sees it: opened when something is to be done in it, and let go of afterwards.

An open directory keeps its filesystem from being unmounted; the kernel's watches do not. So between two
bursts of events nothing is held.
"""

from cscd.errors import TargetError
from cscd.files.tree import Tree


class Ground:
    """One root, which is the directory that it was at first or nothing."""

    def __init__(self, tree: Tree) -> None:
        """Take which directory it is; `tree` stays the caller's to close."""
        self.path = tree.path
        self.device = tree.device
        self.inode = tree.inode
        self._tree: Tree | None = None

    @property
    def fd(self) -> int:
        """A descriptor of the root, until `release`. Raises OSError."""
        return self._opened().fd

    def directory(self, path: str) -> int:
        """Open a directory below it, as `Tree.directory` does. Raises OSError and `LeftAlone`."""
        return self._opened().directory(path)

    def release(self) -> None:
        """Hold nothing open."""
        if self._tree:
            self._tree.close()
        self._tree = None

    def _opened(self) -> Tree:
        if self._tree is None:
            self._tree = self._open()
        return self._tree

    def _open(self) -> Tree:
        try:
            tree = Tree.open(self.path)
        except TargetError as error:
            raise _cause(error) from None
        if (tree.device, tree.inode) != (self.device, self.inode):
            tree.close()
            raise FileNotFoundError(f"{self.path} is another directory now")
        return tree


def _cause(error: TargetError) -> OSError:
    """Return what the kernel said, which tells a root that is gone from a want of descriptors."""
    return error.__cause__ if isinstance(error.__cause__, OSError) else NotADirectoryError(str(error))
