"""What a pass has still to do: directories to list and items to look at, handed out task by task.

It is bounded: directories are walked depth first, a large one is listed slice by slice, and items found are
converted before more are sought. Hints, which come from outside while the pass is at work, go first.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from cscd.worker.passes.crew import Crew, Member
from cscd.worker.passes.directories import Directories
from cscd.worker.passes.places import Place
from cscd.worker.passes.tasks import ContinueScan, ConvertItems, ScanDirectories, Task

#: Items and bytes in one task: enough to share the wait for the disk, little enough to keep all busy.
_BATCH_ITEMS: Final = 512
_BATCH_BYTES: Final = 32 << 20
#: Items in the last tasks: each ends with a wait that nothing else of its process fills.
_LEAST_ITEMS: Final = 64
#: Directories listed in one task.
_SCAN_MOST: Final = 8
#: Items found and not yet converted, from which on no more are sought.
_ENOUGH_FOUND: Final = 4096


class Agenda:
    """Directories and items that are still to be handed out."""

    def __init__(self, *, looking: bool = False) -> None:
        """Begin with nothing to do; `looking` as in `Options`."""
        self._looking = looking
        self._to_scan: list[tuple[str, int]] = []
        """A stack of directories: depth first keeps it short."""
        self._to_continue: deque[tuple[Member, str]] = deque()
        self._found: deque[tuple[str, str, int]] = deque()
        """Directory, name and size of the items to be looked at."""
        self._urgent: dict[Place, None] = {}
        """Items that somebody has just hinted at, in that order."""
        self._rushed: set[Place] = set()
        """Of those, the ones that are being looked at: the walk may find them at the same time."""

    # -- what comes in -------------------------------------------------------------------------

    def scan(self, directories: Iterable[tuple[str, int]]) -> None:
        """List directories, given by path and inode number."""
        self._to_scan += directories

    def resume(self, member: Member, path: str) -> None:
        """Have a process list the next slice of a directory that it has begun."""
        self._to_continue.append((member, path))

    def look(self, items: Iterable[tuple[str, str, int]]) -> None:
        """Look at items, given by directory, name and size."""
        self._found += items

    def look_alone(self, place: Place) -> None:
        """Look at an item in a batch of its own."""
        self._found.append((*place, _BATCH_BYTES))

    def hurry(self, place: Place) -> bool:
        """Look at an item before all others; False if it is about to be anyway."""
        if place in self._urgent:
            return False
        self._urgent[place] = None
        return True

    def hurries(self, place: Place) -> bool:
        """Whether an item is being looked at because somebody has hinted at it."""
        return place in self._rushed

    def answered(self, place: Place) -> bool:
        """Note that an item has been looked at; True if it was one in a hurry."""
        if place not in self._rushed:
            return False
        self._rushed.discard(place)
        return True

    # -- what goes out -------------------------------------------------------------------------

    def next_task(self, crew: Crew, member: Member, directories: Directories) -> Task | None:
        """Choose: what is urgent, then a full batch, then the walk, then what is left to convert."""
        if self._urgent and (task := self._urgent_batch(crew)):
            return task
        if len(self._found) >= _BATCH_ITEMS:
            return self._batch(crew)
        if len(self._found) < _ENOUGH_FOUND:
            if self._to_scan:
                return self._scan(crew, directories)
            for place, (whose, path) in enumerate(self._to_continue):
                if whose is member:
                    del self._to_continue[place]
                    return ContinueScan(path)
        return self._batch(crew) if self._found else None

    def _scan(self, crew: Crew, directories: Directories) -> ScanDirectories:
        share = len(self._to_scan) // (2 * crew.size)
        begun = []
        for _ in range(max(1, min(share, _SCAN_MOST))):
            path, inode = self._to_scan.pop()
            if path in directories:
                continue  # readdir(3) has told of it twice
            begun.append((path, directories.open(path, inode)))
        return ScanDirectories(tuple(begun))

    def _batch(self, crew: Crew) -> ConvertItems | None:
        most = max(_LEAST_ITEMS, min(_BATCH_ITEMS, -(-len(self._found) // crew.size)))
        places: list[Place] = []
        total = 0
        for _ in range(most):
            if not self._found or (total and total + self._found[0][2] > _BATCH_BYTES):
                break
            path, name, size = self._found.popleft()
            if (path, name) in self._rushed:
                self._found.append((path, name, size))  # two at one item would take each other for a stranger
                continue
            places.append((path, name))
            total += size
        return self._converting(places)

    def _urgent_batch(self, crew: Crew) -> ConvertItems | None:
        at_work = {
            place for task in crew.tasks() if isinstance(task, ConvertItems) for place in task.places()
        }
        places = [place for place in self._urgent if place not in at_work][:_BATCH_ITEMS]
        for place in places:
            del self._urgent[place]
        self._rushed.update(places)
        return self._converting(places)

    def _converting(self, places: list[Place]) -> ConvertItems | None:
        groups: dict[str, list[str]] = {}
        for path, name in places:
            groups.setdefault(path, []).append(name)
        if not groups:
            return None
        return ConvertItems(tuple((path, tuple(names)) for path, names in groups.items()), self._looking)

    # -- the end -------------------------------------------------------------------------------

    @property
    def walking(self) -> bool:
        """Whether some directory has not been listed to its end."""
        return bool(self._to_scan or self._to_continue)

    @property
    def looking(self) -> bool:
        """Whether some item has not been handed out."""
        return bool(self._found or self._urgent)

    def drop(self, counts: Callable[[Place], bool]) -> int:
        """Forget all of it and return how many of the items count."""
        items = [(path, name) for path, name, _ in self._found] + list(self._urgent)
        self._to_scan.clear()
        self._to_continue.clear()
        self._found.clear()
        self._urgent.clear()
        return sum(map(counts, items))
