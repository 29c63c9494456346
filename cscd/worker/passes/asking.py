"""A pass that asks before and after each item, and does nothing to any item without having been told to.

Items are first looked at, many together, as a pass that only looks does it: what is right, gone or holds
nothing to convert is nobody's question. All others are asked about one after the other, those that somebody
has just hinted at first. What came of an item counts when the answer has come: until then it may be tried
again. Directories that cannot be listed are asked about as well, for what is in them stays as it is.
"""

import contextlib
import os
import stat
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final, Protocol

from cscd.files.outcome import LeftAlone, Outcome, Result
from cscd.worker.keeping.reports import Answer as Reply
from cscd.worker.passes.crew import Crew, Member
from cscd.worker.passes.directories import Directories
from cscd.worker.passes.pending import MOST
from cscd.worker.passes.places import Place, Places
from cscd.worker.passes.recheck import Pass
from cscd.worker.passes.tally import Tally, join
from cscd.worker.passes.tasks import Answer, Converted, ConvertItems, Task
from cscd.worker.passes.told import absolute, word_of, worth_telling

#: Items to be asked about, from which on no more are sought.
_ENOUGH: Final = 512


class Questions(Protocol):
    """Where the pass asks. One question is open at a time."""

    def begins(self, path: str) -> None:
        """Ask whether to convert an item."""

    def ends(self, path: str, reason: str) -> None:
        """Say what came of it, and ask how to go on."""

    def take_reply(self) -> Reply | None:
        """Return the answer if it has come since the question, once."""


class Stage(Enum):
    """How far the item at hand has come."""

    ASKED = auto()
    """Whether to begin."""
    DUE = auto()
    """To be handed out."""
    TRIED = auto()
    """In the hands of a converter process."""
    TOLD = auto()
    """What came of it, and asked how to go on."""


@dataclass(slots=True, eq=False)
class _Case:
    """Something to be asked about."""

    place: Place
    stage: Stage = Stage.ASKED
    looked_at: bool = True
    """False for what was left alone as soon as it was seen: a directory, or a file of another user's."""
    result: Result | None = None
    """What came of it so far."""


class AskingPass(Pass):
    """A pass that asks about each item."""

    questions: Questions
    """Where it asks; set before `run`."""
    _at: _Case | None = None
    """The one at hand."""

    def run(self) -> Tally:
        """See `Pass`."""
        self._cases: deque[_Case] = deque()
        """Those that are still to be asked about."""
        self._declined: set[Place] = set()
        """Those that stayed as they were, and are not asked about twice; so many of them."""
        self._leftovers: list[Place] = []
        """What a killed pass has left behind, which is nobody's question."""
        return super().run()

    def _idle(self, crew: Crew) -> bool:
        return super()._idle(crew) and not self._at

    # -- what comes in -------------------------------------------------------------------------

    def _take_in(self, places: Places) -> None:
        """Take hints; those for items that wait to be asked about say nothing new."""
        waiting = {case.place for case in self._cases}
        if self._at and self._at.stage in (Stage.ASKED, Stage.DUE):
            waiting.add(self._at.place)
        self._declined.difference_update(places.items)
        items = tuple(place for place in places.items if place not in waiting)
        super()._take_in(Places(items, places.subtrees))

    def _leave(self, directory: str, name: str, result: Result) -> None:
        """Ask about what is left alone as soon as it is seen, if that leaves the cache partial."""
        if worth_telling(result):
            self._cases.append(_Case((directory, name), looked_at=False, result=result))
        else:
            super()._leave(directory, name, result)

    def _count(self, member: Member, task: Task, answer: Answer | None, directories: Directories) -> None:
        if not isinstance(task, ConvertItems) or not isinstance(answer, Converted):
            super()._count(member, task, answer, directories)
            return
        for place, result in zip(task.places(), answer.results, strict=True):
            if task.looking:
                self._look(place, result, directories)
            elif self._at and self._at.stage is Stage.TRIED and self._at.place == place:
                self._tell(self._at, result)
            else:
                self._count_item(place, result, directories)

    def _look(self, place: Place, seen: Result | None, directories: Directories) -> None:
        """Ask about an item that was looked at, if there is anything to ask."""
        if seen and seen.outcome is Outcome.CLEANED:
            self._leftovers.append(place)
        elif not seen or not worth_telling(seen):
            self._count_item(place, seen, directories)
        elif any(case.place == place for case in self._open_cases()):
            self._agenda.answered(place)  # hinted at while it was being looked at
            self.tally.found -= 1
        elif self._agenda.hurries(place):
            self._cases.appendleft(_Case(place))
        elif place in self._declined:
            self._count_item(place, seen, directories)  # hinted at before the walk came to it
        else:
            self._cases.append(_Case(place))

    def _open_cases(self) -> Iterator[_Case]:
        """Yield those that are to be tried, or can be again: another question would be the same."""
        at = self._at
        if at and not (at.stage is Stage.TOLD and at.result and at.result.converted):
            yield at
        yield from self._cases

    # -- what goes out -------------------------------------------------------------------------

    def _hand_out(self, crew: Crew, directories: Directories) -> None:
        self._hear(directories)
        if self.stopped:
            self._let_go(directories)
        elif self._cases and not self._at:
            self._ask(self._cases.popleft())
        super()._hand_out(crew, directories)

    def _next_task(self, crew: Crew, member: Member, directories: Directories) -> Task | None:
        case = self._at
        if case and case.stage is Stage.DUE:
            case.stage = Stage.TRIED
            return _conversion([case.place], durable=True)
        if self._leftovers:
            self._leftovers, places = [], self._leftovers
            return _conversion(places)
        if len(self._cases) >= _ENOUGH:
            return None
        task = super()._next_task(crew, member, directories)
        return replace(task, looking=True) if isinstance(task, ConvertItems) else task

    # -- asking --------------------------------------------------------------------------------

    def _ask(self, case: _Case) -> None:
        self._at = case
        case.stage = Stage.ASKED
        self.questions.begins(absolute(self._tree, case.place))

    def _tell(self, case: _Case, result: Result | None) -> None:
        """Say what came of an item; None if the pass was stopped before anything did."""
        case.result = result
        case.stage = Stage.TOLD
        if result:
            self.questions.ends(absolute(self._tree, case.place), word_of(result))

    def _hear(self, directories: Directories) -> None:
        """Go on as the answer says, if it has come."""
        case, reply = self._at, self.questions.take_reply()
        if not case or not reply:
            return
        if reply == "abort":
            self.stop()
        elif case.stage is Stage.ASKED:
            if case.looked_at or self._is_file(case.place):
                case.stage = Stage.DUE
            else:
                self._tell(case, case.result)
        elif reply == "retry":
            self._again(case)
        else:
            self._close(case, directories)

    def _again(self, case: _Case) -> None:
        """Try an item once more, next of all; a directory is listed again, and what is in it is looked at."""
        self._at = None
        path = join(*case.place)
        if not case.looked_at and not self._is_file(case.place):
            with contextlib.suppress(OSError, LeftAlone):
                self._agenda.scan([(path, self._inode(path))])
                return
        self._cases.appendleft(case)

    def _close(self, case: _Case, directories: Directories) -> None:
        """Count what came of an item."""
        self._at = None
        directory, _ = case.place
        if case.result and not case.result.converted and len(self._declined) < MOST:
            self._declined.add(case.place)
        if case.looked_at:
            self._count_item(case.place, case.result, directories)
        elif case.result and case.result.outcome is Outcome.LEFT:
            super()._leave(*case.place, case.result)
        else:
            self.tally.found += 1
            directories.more(directory)
            self._count_item(case.place, case.result, directories)

    def _let_go(self, directories: Directories) -> None:
        """Count what was not asked about, or not answered, when the pass was stopped."""
        at = self._at
        if at and at.stage is not Stage.TRIED:
            self._close(at, directories)
        while self._cases:
            self._close(self._cases.popleft(), directories)
        self._at = at if at and at.stage is Stage.TRIED else None  # its result comes in a moment
        for place in self._leftovers:
            self._count_item(place, None, directories)
        self._leftovers.clear()

    def _is_file(self, place: Place) -> bool:
        """Whether it is a regular file that could be tried."""
        directory, name = place
        with contextlib.suppress(OSError, LeftAlone):
            fd = self._tree.directory(directory)
            try:
                return stat.S_ISREG(os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode)
            finally:
                os.close(fd)
        return False


def _conversion(places: list[Place], *, durable: bool = False) -> ConvertItems:
    return ConvertItems(tuple((directory, (name,)) for directory, name in places), durable=durable)
