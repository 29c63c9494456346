"""What is to be told of one root, kept until it can be sent: never more than a bounded amount.

Nobody waits for the resident, and nothing is dropped: more files than are worth naming become the
directory that holds them all, and so do more directories.
"""

from collections.abc import Iterable
from typing import Final

from cscd.worker.watch.noticed import Closed, Degraded, Files, Noticed, Place, RootGone, Subtree, Watching

#: Files named one by one; beyond, looking at the whole directory is as good.
MOST_FILES: Final = 4096
#: Directories named one by one.
MOST_SUBTREES: Final = 64
#: Files in one message, and bytes of their names: a message is one datagram, and several fit in the
#: kernel's buffer (net.core.wmem_default, 208 KiB).
_MOST_PLACES: Final = 512
_MOST_BYTES: Final = 48 << 10
#: Bytes that a character may take: a byte that is no UTF-8 is pickled as a surrogate of three.
_WIDEST: Final = 3


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

        Of what was not yet sent, the last of each kind is enough.
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

    def take(self) -> Noticed:
        """Take the next thing to tell; only while there is any."""
        if self._standing:
            return self._standing.pop(0)
        if self._subtrees:
            directory = next(iter(self._subtrees))
            del self._subtrees[directory]
            return Subtree(self.root, directory)
        if self._closed:
            return Closed(self.root, _some(self._closed))
        return Files(self.root, _some(self._files))

    def put_back(self, noticed: Noticed) -> None:
        """Take back what could not be sent; nothing was told since it was taken."""
        if isinstance(noticed, Files):
            for place in noticed.places:
                self.file(place)
        elif isinstance(noticed, Closed):
            self._closed.update(dict.fromkeys(noticed.places))
        elif isinstance(noticed, Subtree):
            self.subtree(noticed.directory)
        else:
            self._standing.insert(0, noticed)


def _some(places: dict[Place, None]) -> tuple[Place, ...]:
    """Take as many as a message may hold, at least one."""
    some: list[Place] = []
    room = _MOST_BYTES
    for place in places:
        room -= _WIDEST * (len(place[0]) + len(place[1]))
        if some and (room < 0 or len(some) == _MOST_PLACES):
            break
        some.append(place)
    for place in some:
        del places[place]
    return tuple(some)
