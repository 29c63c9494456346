"""A worker in a fork, as the service runs it, and its daemon, played by the test over a real channel."""

import contextlib
import os
import select
import signal
import socket
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from cscd.files.goal import State
from cscd.worker import channel
from cscd.worker.channel import Channel
from cscd.worker.holder import lending
from cscd.worker.keeping import resident
from cscd.worker.messages import (
    Happened,
    Message,
    PassEnded,
    Ready,
    Scope,
    Setup,
    Standing,
    StartPass,
    WantPass,
)
from tests.support import forks, passes
from tests.support.passes import ENCRYPTED

Kind = TypeVar("Kind", bound=Message)

DEADLINE = 20.0
"""Seconds for what a worker does in milliseconds, on a machine that is busy with other things."""


@dataclass(slots=True)
class Worker:
    """A worker at work, and all that it has said and nobody has asked for yet."""

    pid: int
    _connection: Any
    said: deque[Message] = field(default_factory=deque)
    events: list[Happened] = field(default_factory=list)
    """All events so far."""
    standing: Standing | None = None
    """The last that was said of what is not right."""
    _grants: State | None = None
    _wanted: set[Scope] = field(default_factory=set)
    """Passes that it wants and has not been given."""
    _waiting: deque[StartPass] = field(default_factory=deque)
    """Passes for which another one has to end first; it is under way itself."""
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    _ended: int | None = None

    def send(self, message: Message) -> None:
        """Say something to it; a pass that unencrypts gets the identity beside it."""
        beside = []
        if isinstance(message, StartPass) and message.goal is State.UNENCRYPTED:
            beside.append(lending.lent([passes.IDENTITY]))
        socket.send_fds(self._connection, [channel.encoded(message)], beside)
        for descriptor in beside:
            os.close(descriptor)

    def send_bytes(self, data: bytes) -> None:
        """Say something that may be no message."""
        self._connection.send(data)

    def expect(
        self,
        kind: type[Kind],
        wanted: Callable[[Kind], object] = lambda _: True,
        *,
        deadline: float = DEADLINE,
    ) -> Kind:
        """Wait until it says something of a kind that is wanted, and return that."""
        end = time.monotonic() + deadline
        while True:
            for message in self.said:
                if isinstance(message, kind) and wanted(message):
                    self.said.remove(message)
                    return message
            if not self._listen(end - time.monotonic()):
                heard = ", ".join(f"{type(message).__name__}" for message in self.said)
                reason = f"waited in vain for {kind.__name__}; it said {heard or 'nothing'}"
                raise TimeoutError(reason)

    def event(self, name: str, **fields: object) -> dict[str, Any]:
        """Wait for an event with these fields, and return all of its fields."""
        happened = self.expect(
            Happened,
            lambda each: (
                each.event == name and all(each.fields[key] == value for key, value in fields.items())
            ),
        )
        return happened.fields

    def until(self, wanted: Callable[[], object], what: str, *, deadline: float = DEADLINE) -> None:
        """Listen to it until something has come true."""
        end = time.monotonic() + deadline
        while not wanted():
            if time.monotonic() > end:
                reason = f"waited in vain until {what}"
                raise TimeoutError(reason)
            self._listen(0.02)

    def _listen(self, timeout: float) -> bool:
        ready, _, _ = select.select([self._connection], [], [], max(0.0, timeout))
        if not ready:
            return False
        data = self._connection.recv(channel.LONGEST + 1)
        if not data:
            reason = f"the worker has ended with {self.wait()}"
            raise ChildProcessError(reason)
        message = channel.from_worker(data)
        self.said.append(message)
        if isinstance(message, Happened):
            self.events.append(message)
        elif isinstance(message, Standing):
            self.standing = message
        elif isinstance(message, PassEnded):
            self._waiting.popleft()
            if self._waiting:
                self.send(self._waiting[0])
        elif isinstance(message, WantPass):
            self._wanted.add(message.scope)
            self.grant(self._grants)
        return True

    def grant(self, to: State | None) -> None:
        """Start every pass that it wants, from now on, to this end; None to leave that to the test."""
        self._grants = to
        for scope in sorted(self._wanted) if to else ():
            self.start(scope, to or ENCRYPTED)

    def set_up(self, *roots: Path, state: Path, **setup: Any) -> None:  # noqa: ANN401 - the setup's fields
        """Give it its roots and wait until it is ready."""
        fields: dict[str, Any] = {"retry_first": 0.5, "retry_longest": 30.0, "io": "normal", "nice": 0}
        fields |= setup
        self.send(Setup(roots=tuple(map(str, roots)), state_directory=str(state), **fields))
        self.expect(Ready)

    def start(
        self,
        scope: Scope = "all",
        to: State = ENCRYPTED,
        *,
        recipients: tuple[str, ...] | None = None,
        **more: Any,  # noqa: ANN401 - of the message's fields
    ) -> str:
        """Start a pass, after the one that is under way, and return its id."""
        self._wanted -= {"all", "found"} if scope == "all" else {"found"}
        pass_id = f"{next(self._numbers):x}"
        identity = passes.IDENTITY
        self._waiting.append(
            StartPass(
                pass_id=pass_id,
                scope=scope,
                goal=to,
                recipients=(str(identity.recipient),) if recipients is None else recipients,
                **more,
            )
        )
        if len(self._waiting) == 1:
            self.send(self._waiting[0])
        return pass_id

    def run_pass(self, scope: Scope = "all", to: State = ENCRYPTED) -> PassEnded:
        """Have a pass done, and return what came of it."""
        pass_id = self.start(scope, to)
        return self.expect(PassEnded, lambda ended: ended.pass_id == pass_id)

    def hang_up(self) -> int:
        """Close the channel and return the exit code."""
        self._connection.close()
        return self.wait()

    def wait(self) -> int:
        """Wait for its end and return the exit code."""
        if self._ended is None:
            _, status = os.waitpid(self.pid, 0)
            self._ended = os.waitstatus_to_exitcode(status)
        return self._ended

    def descendants(self) -> list[int]:
        """Return the processes that it has forked, and those that they have."""
        found: list[int] = []
        left = [self.pid]
        while left:
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                parent = left.pop()
                for task in os.listdir(f"/proc/{parent}/task"):
                    children = (
                        Path(f"/proc/{parent}/task/{task}/children").read_text(encoding="ascii").split()
                    )
                    found += map(int, children)
                    left += map(int, children)
        return found


@contextlib.contextmanager
def worker(*roots: Path, state: Path, **setup: Any) -> Iterator[Worker]:  # noqa: ANN401 - the setup's fields
    """Start a worker for some roots; it has said that it is ready."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    ours, theirs = channel.pair()
    pid = forks.fork()
    if not pid:
        code = 70  # EX_SOFTWARE (sysexits.h): something escaped from the worker
        try:
            ours.close()
            code = resident.run(Channel(theirs))
        except BaseException:  # noqa: BLE001 - it must not go on as the test
            traceback.print_exc()
        finally:
            os._exit(code)
    theirs.close()
    started = Worker(pid, ours)
    try:
        started.set_up(*roots, state=state, **setup)
        yield started
    finally:
        ours.close()
        if started._ended is None:  # noqa: SLF001 - both are of this module
            with contextlib.suppress(ChildProcessError):
                os.kill(pid, signal.SIGKILL)
                started.wait()
