"""Passes of the engine, each in a fork as a service would run it, and what a file holds before and after.

A fork keeps a pass's signals, limits and descriptors out of the test runner, and can be another user.
"""

import codecs
import os
import pickle
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from cscd import age
from cscd.errors import CscdError
from cscd.files.goal import Goal, State
from cscd.files.outcome import Reason, Result
from cscd.files.tree import Tree
from cscd.worker.passes.options import Options
from cscd.worker.passes.recheck import Pass
from cscd.worker.passes.selection import Selection
from cscd.worker.passes.tally import Tally
from tests.support import forks, users
from tests.support.users import User
from tests.support.waiting import wait_until

codecs.lookup("ascii")  # a fork that is another user may not be able to load it any more

ENCRYPTED, UNENCRYPTED = State.ENCRYPTED, State.UNENCRYPTED

IDENTITY = age.X25519Identity.generate()
"""The user's key for the length of a test run."""


def goal(state: State, *, background: bool = True, leases_required: bool = True) -> Goal:
    """Return the goal of a pass with the test run's key."""
    recipient = IDENTITY.recipient
    return Goal(
        state,
        (recipient,),
        age.key_id(recipient),
        (IDENTITY,),
        background=background,
        leases_required=leases_required,
    )


@dataclass(frozen=True, slots=True)
class Plan:
    """A pass to be made."""

    root: Path | str
    to: Goal
    state_directory: Path
    """Made if it is not there, and the user's own."""
    selection: Selection = field(default_factory=Selection)
    retry_for: float = 0.0
    looking: bool = False
    processes: int = 2
    user: User | None = None
    """Who makes it; None stands for whoever runs the tests."""
    first: Callable[[], None] = lambda: None
    """Called in the fork before the pass: a limit, a refusal."""

    def run(self) -> Tally:
        """Make the pass and return its tally; what it raises is raised here."""
        return self.start().tally()

    def start(self) -> "Running":
        """Begin the pass and return at once."""
        self.state_directory.mkdir(parents=True, exist_ok=True)
        if self.user:
            os.chown(self.state_directory, self.user.uid, self.user.gid)
        return Running(self)

    def in_this_process(self) -> Tally:
        """Make the pass here and now; it forks, so only where no thread runs."""
        options = Options(
            self.selection,
            str(self.state_directory),
            retry_for=self.retry_for,
            looking=self.looking,
            processes=self.processes,
        )
        tree = Tree.open(str(self.root))
        try:
            recheck = Pass(tree, self.to, options, lambda _tally, _waiting: None)
            signal.signal(signal.SIGTERM, lambda _number, _frame: recheck.stop())
            return recheck.run()
        finally:
            tree.close()


class Running:
    """A pass at work in a fork."""

    def __init__(self, plan: Plan) -> None:
        """Fork it."""
        self._reader, writer = os.pipe()
        self.pid = forks.fork()
        if not self.pid:
            os.close(self._reader)
            _make(plan, writer)
        os.close(writer)
        self._ended = False

    @property
    def running(self) -> bool:
        """Whether it is still at work."""
        if not self._ended:
            self._ended = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        return not self._ended

    def stop(self) -> None:
        """Ask it to stop after the chunk at hand."""
        os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """End it and its converter processes at once, as the kernel might, and wait for that."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="ascii").split()
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._reader)
        wait_until(lambda: not any(map(_runs, children)), "the converter processes have ended")

    def tally(self) -> Tally:
        """Wait for its end and return what came of it; what it raised is raised here."""
        with open(self._reader, "rb") as pipe:
            answer = pipe.read()
        _, status = os.waitpid(self.pid, 0)
        if not answer:
            message = f"the pass ended with {os.waitstatus_to_exitcode(status)} and no tally"
            raise ChildProcessError(message)
        outcome: Tally | CscdError = pickle.loads(answer)  # noqa: S301 - written by our own fork, a test
        if isinstance(outcome, Tally):
            return outcome
        raise outcome


def _make(plan: Plan, writer: int) -> NoReturn:
    """In the fork: make the pass and send its tally, or what it raised."""
    code = 1
    try:
        plan.first()
        if plan.user:
            users.become(plan.user)
        try:
            answer = pickle.dumps(plan.in_this_process())
        except Exception as error:  # noqa: BLE001 - it is raised again in the test
            answer = pickle.dumps(error)
        with open(writer, "wb") as pipe:
            pipe.write(answer)
        code = 0
    finally:
        os._exit(code)


def _runs(pid: str) -> bool:
    """Whether any thread of a process has not ended; a last one that waits to be reaped has."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
        status = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return len(threads) > 1 or status.rpartition(")")[2].split()[0] not in "ZX"


def left(tally: Tally) -> dict[str, Reason]:
    """Return the reason for each item left alone that the tally names."""
    return {each.path: _reason(each.result) for items in tally.first.values() for each in items}


def _reason(result: Result) -> Reason:
    assert result.reason is not None
    return result.reason


def is_encrypted(content: bytes) -> bool:
    """Whether bytes begin like an item that this program encrypted."""
    return age.looks_like_age(content) and age.find(age.parse(content)) is not None


def encrypted(content: bytes) -> bytes:
    """Return small content as an encrypted item."""
    to = goal(ENCRYPTED)
    beginning, sealer = age.begin(to.recipients, to.marker(sparse=False))
    sealed = memoryview(bytearray(age.sealed_size(len(content))))
    sealer.seal_into(memoryview(content), sealed, 0, final=True)
    return beginning + sealed


def plain(content: bytes) -> bytes:
    """Return what an item holds, whichever state it is in; AgeError where an encrypted one is not whole."""
    if not is_encrypted(content):
        return content
    reader = age.AgeReader(lambda size, at: content[at : at + size], len(content), [IDENTITY])
    return reader.read_at(0, reader.size)
