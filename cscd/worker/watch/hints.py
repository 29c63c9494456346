"""What is to be told of one root, kept until it is time to: never more than a bounded amount.

Nothing is dropped: more files than are worth naming become the directory that holds them all, and so do more
directories.
"""

from collections.abc import Iterable
from typing import Final

from cscd.worker.watch.noticed import Closed, Degraded, Files, Noticed, Place, RootGone, Subtree, Watching

#: Files named one by one; beyond, looking at the whole directory is as good.
MOST_FILES: Final = 4096
#: Directories named one by one.
MOST_SUBTREES: Final = 64


def common(directories: Iterable[str]) -> str:
    """Return the deepest directory at or above all of these."""
    every = iter(directories)
    shared = next(every).split("/")
    for directory in every:
        parts = directory.split("/")
        length = next(
            (at for at, (one, other) in enumerate(zip(shared, parts, strict=False)) if one != other),
            min(len(shared), len(parts)),
        )
        del shared[length:]
        if not shared:
            break
    return "/".join(shared)


class Hints:
    """All that is to be told of one root."""

    def __init__(self, root: int) -> None:
        """Have nothing to tell."""
        self.root = root
        """Its number."""
        self.gone = False
        """Whether the root is gone, so that there will be nothing more."""
        self._files: dict[Place, None] = {}
        self._closed: dict[Place, None] = {}
        self._subtrees: dict[str, None] = {}
        self._standing: list[Degraded | Watching | RootGone] = []
        self._stands: Degraded | Watching | RootGone | None = None

    def __bool__(self) -> bool:
        return bool(self._standing or self._subtrees or self._files or self._closed)

    def file(self, place: Place) -> None:
        """Tell of a file."""
        if self._subtrees and self._covered(place[0]):
            return
        self._files[place] = None
        if len(self._files) > MOST_FILES:
            self.subtree(common({directory for directory, _ in self._files}))

    def subtree(self, directory: str) -> None:
        """Tell of a directory and all below it."""
        if self._covered(directory):
            return
        self._subtrees[directory] = None
        if len(self._subtrees) > MOST_SUBTREES:
            directory = common(self._subtrees)
            self._subtrees = {directory: None}
        for place in [place for place in self._files if self._covered(place[0])]:
            del self._files[place]

    def closed(self, place: Place) -> None:
        """Tell that an awaited file was closed; there are no more of them than are awaited."""
        self._closed[place] = None

    def standing(self, news: Degraded | Watching | RootGone) -> None:
        """Tell how far the root is watched, unless it is known.

        Of what was not yet told, the last of each kind is enough.
        """
        if news == self._stands:
            return
        self._stands = news
        self._standing = [earlier for earlier in self._standing if type(earlier) is not type(news)]
        self._standing.append(news)
        self.gone = isinstance(news, RootGone)

    def _covered(self, directory: str) -> bool:
        """Whether a directory is at or below one that is told of as a whole."""
        if directory in self._subtrees or "" in self._subtrees:
            return True
        end = directory.rfind("/")
        while end > 0:
            if directory[:end] in self._subtrees:
                return True
            end = directory.rfind("/", 0, end)
        return False

    def take(self) -> list[Noticed]:
        """Take all that there is to tell."""
        told: list[Noticed] = [*self._standing]
        told += [Subtree(self.root, directory) for directory in self._subtrees]
        if self._closed:
            told.append(Closed(self.root, tuple(self._closed)))
        if self._files:
            told.append(Files(self.root, tuple(self._files)))
        self._standing = []
        for kept in (self._subtrees, self._closed, self._files):
            kept.clear()
        return told
