"""A service on a bus whose work is under way until the test ends it, and whose status says so."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cscd.daemon.encrypt.calls import Caller, ItemSink
from cscd.daemon.encrypt.codes import Code
from cscd.daemon.telling.status import (
    CallerStatus,
    LastPass,
    OperationStatus,
    RunningPass,
    Status,
    UserStatus,
)
from cscd.files.goal import State
from tests.cli.shell import Shell
from tests.daemon import statuses
from tests.daemon.encrypting import Call, Core, Served, done, served

UID = 1234
"""Somebody who is logged on besides the caller."""


@dataclass
class Working(Core):
    """A core that can be looked at; what it is asked for is held until `answer` is set."""

    holds: bool = True
    code: Code = Code.SUCCESS
    """What comes of calls."""
    after: dict[str, Any] = field(default_factory=dict)
    """What is said of users afterwards."""
    policy: str = "user-controlled"
    under_way: dict[int, list[Call]] = field(default_factory=dict)
    answer: threading.Event = field(default_factory=threading.Event)
    stops: bool = True
    """Whether a Cancel has the work stop."""
    stopped: bool = False

    async def encrypt(
        self,
        caller: Caller,
        goal: State,
        bits: int,
        sink: ItemSink | None = None,
        for_uid: int | None = None,
    ) -> Code:
        """Be at it until the test, a Cancel or the caller's leaving ends it."""
        call = Call(caller, goal, bits, sink, for_uid)
        self.calls.append(call)
        uid = caller.uid if for_uid is None else for_uid
        if self.code is Code.ACCESS_DENIED or not (self.holds or await done(call)):
            return self.code
        self.state = (goal is State.ENCRYPTED, False)
        self.under_way.setdefault(uid, []).append(call)
        try:
            while self.holds and not self.answer.is_set() and not self.stopped:  # noqa: ASYNC110 - a thread's
                await asyncio.sleep(0.01)
            return Code.CANCELLED if self.stopped else self.code
        except asyncio.CancelledError:
            call.gone.set()
            raise
        finally:
            self.under_way[uid].remove(call)

    def cancel(self, caller: Caller) -> Code:
        """Stop what is under way."""
        self.cancelled.append(caller)
        under_way = bool(self.under_way.get(caller.uid))
        self.stopped = under_way and self.stops
        return Code.SUCCESS if under_way else Code.CANCELLED

    async def report(self, caller: Caller) -> str:
        """Say what is under way, to root of another user, too."""
        uids = [caller.uid, *([] if caller.uid else [UID])]
        return self._status([self._user(uid) for uid in uids]).model_dump_json()

    def _status(self, users: list[UserStatus]) -> Status:
        state = State.ENCRYPTED if self.state[0] else State.UNENCRYPTED
        return statuses.status(*users, time=time.time(), state=state, policy=self.policy)

    def _user(self, uid: int) -> UserStatus:
        calls = self.under_way.get(uid, [])
        if not calls:
            return statuses.user(**{"name": f"user{uid}", "uid": uid, **self.after})
        callers = [call.caller for call in calls]
        now, goal = time.time(), calls[0].goal
        operation = OperationStatus(
            goal=goal,
            background=False,
            began=now - 4,
            waiting=len(calls),
            callers=tuple(CallerStatus(name=each.name, uid=each.uid, pid=each.pid) for each in callers),
        )
        running = RunningPass(
            id="ab",
            trigger="call",
            goal=goal,
            began=now - 4,
            items=500,
            found=1000,
            bytes=600 << 20,
            found_bytes=1200 << 20,
        )
        return statuses.user(f"user{uid}", uid, operation=operation, running=running)


def did(goal: State = State.ENCRYPTED) -> LastPass:
    """Give a pass of a call that has just ended."""
    return statuses.last(trigger="call", goal=goal, ended=time.time(), converted=120, right=3)


@contextmanager
def service(directory: Path, shell: Shell, core: Working) -> Iterator[Served]:
    """Serve on a bus that the shell's commands take for the system's."""
    with served(directory, core) as server:
        shell.variables["DBUS_SYSTEM_BUS_ADDRESS"] = server.bus.address
        yield server
