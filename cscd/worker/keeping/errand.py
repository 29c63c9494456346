"""One pass on the service's behalf, inside the process that the resident forked for it.

It goes through its roots one after the other; what is wrong with one leaves the others going. All that it
needed, keys and all, goes with the process.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from mmap import mmap
from multiprocessing.connection import Connection
from types import MappingProxyType
from typing import Final

from cscd.age import key_id, parse_recipient
from cscd.errors import BusyError, CscdError, KeyFormatError, TargetError, WorkersDiedError
from cscd.files.goal import Goal
from cscd.files.outcome import Lasting, Result
from cscd.files.tree import Tree
from cscd.keys import StateDirectory
from cscd.worker.holder.lending import borrow
from cscd.worker.keeping.line import Line, RootInbox
from cscd.worker.keeping.reports import Begun, Error, Finished, Heard
from cscd.worker.messages import Setup, StartPass
from cscd.worker.passes.asking import AskingPass
from cscd.worker.passes.options import Options, converter_processes
from cscd.worker.passes.places import Place, Places
from cscd.worker.passes.recheck import Pass, Waiting
from cscd.worker.passes.selection import Selection
from cscd.worker.passes.spared import refuse_own_state, spared
from cscd.worker.passes.tally import Tally
from cscd.worker.passes.told import ToldPass

#: Items that are not right and are told one by one, in one root; beyond it they are only counted.
MOST_TOLD: Final = 10_000
#: Items told together, and seconds after which fewer are told.
_TOGETHER: Final = 256
_TELL_EVERY: Final = 0.1
#: Items for which one converter process is enough: a second one takes longer to start than they do.
_FEW: Final = 8


@dataclass(frozen=True, slots=True)
class Errand:
    """What one pass process has to do."""

    setup: Setup
    start: StartPass
    roots: Mapping[str, Places]
    """What to look at in each root."""
    known: Mapping[str, frozenset[Place]]
    """For each root the items that were not right before: what comes of them is always told."""
    keys: int | None = None
    """The end of a pipe through which identities come, None if none do."""


def few(places: Places) -> bool:
    """Whether one converter process is enough."""
    return not places.subtrees and len(places.items) <= _FEW


def run(errand: Errand, pipe: Connection, stop: mmap) -> None:
    """Do the errand, and report over the pipe."""
    line = Line(pipe)
    try:
        goal = _goal(errand)
        state = StateDirectory.open(errand.setup.state_directory)
    except (CscdError, OSError) as error:
        for root in errand.roots:
            line.send(_failed(root, error))
        return
    for root, places in errand.roots.items():
        if stop[0]:
            break
        line.send(Begun(root))
        line.send(_Root(errand, root, goal, state, line, stop).run(places))
    line.announcements.finish()


_KINDS: Final[Mapping[str, type[Pass]]] = MappingProxyType(
    {"no": Pass, "told": ToldPass, "asked": AskingPass}
)
"""What makes a pass, by how it tells of items."""


def _goal(errand: Errand) -> Goal:
    """Read the keys. Raises KeyFormatError."""
    start = errand.start
    recipients = tuple(dict.fromkeys(map(parse_recipient, start.recipients)))
    return Goal(
        start.goal,
        recipients,
        key_id(recipients[0]) if recipients else "",
        () if errand.keys is None else borrow(errand.keys),
        background=start.background,
        leases_required=errand.setup.leases_required,
    )


class _Root:
    """The pass over one root."""

    def __init__(
        self, errand: Errand, path: str, goal: Goal, state: StateDirectory, line: Line, stop: mmap
    ) -> None:
        self._errand = errand
        self._path = path
        self._goal = goal
        self._state = state
        self._line = line
        self._stop = stop
        self._known = set(errand.known.get(path, ()))
        self._left = 0
        self._heard: list[tuple[str, str, Result]] = []
        self._heard_at = 0.0

    def run(self, places: Places) -> Finished:
        """Make the pass, whatever comes of it."""
        try:
            tree = Tree.open(self._path)
        except TargetError as error:
            return _failed(self._path, error)
        try:
            refuse_own_state(tree, self._state)
            return self._pass(tree, places)
        except (CscdError, OSError, ValueError) as error:  # ValueError: patterns that are none
            return _failed(self._path, error)
        finally:
            tree.close()

    def _pass(self, tree: Tree, places: Places) -> Finished:
        kind = _KINDS[self._errand.start.telling]
        recheck = kind(
            tree,
            self._goal,
            self._options(tree, places),
            self._watch,
            stop=self._stop,
            inbox=RootInbox(self._path, self._line),
            listener=self._hear,
        )
        if isinstance(recheck, AskingPass):
            recheck.questions = self._line
        elif isinstance(recheck, ToldPass):
            recheck.announcements = self._line.announcements
        failure: CscdError | OSError | None = None
        try:
            recheck.run()
        except (BusyError, WorkersDiedError, OSError) as error:
            failure = error
        self._tell()
        self._line.finished(recheck.tally)
        if failure:
            return _failed(self._path, failure, recheck.tally)
        return Finished(self._path, recheck.tally, recheck.index_lost)

    def _options(self, tree: Tree, places: Places) -> Options:
        setup = self._errand.setup
        one = few(places) or self._errand.start.telling == "asked"
        return Options(
            Selection(setup.include, setup.exclude, spared(tree, [self._state])),
            setup.state_directory,
            processes=1 if one else converter_processes(),
            io=setup.io,
            nice=setup.nice,
            places=places,
            leave_quickly=True,
        )

    def _watch(self, tally: Tally, _waiting: Waiting | None) -> None:
        if self._heard and time.monotonic() - self._heard_at > _TELL_EVERY:
            self._tell()
        self._line.progress(tally)
        self._line.announcements.trickle()

    def _hear(self, directory: str, name: str, result: Result) -> None:
        """Pass on what the resident has to know of."""
        place = directory, name
        if result.reason and result.reason.lasting is not Lasting.FINE:
            if place not in self._known:
                if self._left >= MOST_TOLD:
                    return
                self._left += 1
                self._known.add(place)
        elif place not in self._known and not (result.converted and self._errand.setup.successes):
            return
        if not self._heard:
            self._heard_at = time.monotonic()
        self._heard.append((directory, name, result))
        if len(self._heard) >= _TOGETHER:
            self._tell()

    def _tell(self) -> None:
        if self._heard:
            self._line.send(Heard(tuple(self._heard)))
            self._heard.clear()


def _failed(root: str, error: Exception, tally: Tally | None = None) -> Finished:
    """Return what is to be said of a root that could not be worked on, or not to the end."""
    number = error.errno if isinstance(error, OSError) else getattr(error.__cause__, "errno", 0)
    detail = error.strerror if isinstance(error, OSError) else str(error)
    return Finished(root, tally or Tally(), "", _kind(error), number or 0, (detail or "")[:1024])


def _kind(error: Exception) -> Error:
    kinds: tuple[tuple[type[Exception], Error], ...] = (
        (BusyError, "busy"),
        (TargetError, "target"),
        (KeyFormatError, "key"),
        (WorkersDiedError, "died"),
    )
    return next((name for kind, name in kinds if isinstance(error, kind)), "system")
