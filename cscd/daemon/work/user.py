"""One user who is logged on: the worker that does the work, and what it is told to do next.

`run` is the whole life, from the first logon until the last pass after the last logoff. Whatever happens
in between (a logon, a message, a turn that comes, another goal) only changes what is known and wakes `run`,
which then decides. So there is one place where a pass starts, and one order of things in it.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Final, Literal

from cscd.daemon.encrypt.codes import Code
from cscd.daemon.encrypt.operation import Operation
from cscd.daemon.logon.account import Account
from cscd.daemon.work import running, sandbox
from cscd.daemon.work.pace import Pace
from cscd.daemon.work.passes import Passes
from cscd.daemon.work.pauses import Pauses
from cscd.daemon.work.setup import setup_of
from cscd.daemon.work.shared import STARTING_SECONDS, Shared
from cscd.daemon.work.stay import Stay
from cscd.daemon.work.timers import Timers
from cscd.daemon.work.told import event_of
from cscd.daemon.work.wants import Wants
from cscd.daemon.work.worker import Worker
from cscd.errors import AccountError
from cscd.events.service import RootHidden
from cscd.events.state import EncryptSuperseded
from cscd.events.workers import WatchDegraded, WorkerAbandoned, WorkerExited, WorkerFailed, WorkerStarted
from cscd.worker.messages import (
    Happened,
    ItemBegins,
    ItemEnds,
    PassEnded,
    PassProgress,
    Scope,
    Standing,
    WantPass,
)

GRACE: Final = 2.0
"""Seconds after the last logoff before the last pass: programs close their files, and who logs on again at
once finds everything as it was."""

STOPS_WITHIN: Final = 30.0
"""Seconds from the word to stop until a pass has ended; it does after the chunk at hand."""

KEY_AGAIN: Final = 60.0
"""Seconds until a key that could not be used is tried again: somebody mends it, or the disk has room."""


class User:
    """A user who is logged on, or was until just now."""

    def __init__(self, account: Account, shared: Shared, judge: Callable[["User"], None]) -> None:
        """Take the account; `judge` is called when what is known of the items has changed."""
        self.account = account
        self._judge = judge
        self.worker: Worker | None = None
        self.stay = Stay.GONE
        self._shared = shared
        self._log = shared.log.for_user(account.name, account.uid)
        self.wants = Wants(shared.turns)
        self.passes = Passes(account, shared, self._log)
        self.pauses = Pauses()
        self.operation: Operation | None = None
        """The call of Encrypt that is to be done for the user, or is being done."""
        self._wake = asyncio.Event()
        self._timers = Timers()
        self._pace = Pace()
        self._leaving = False

    # -- what happens to the user --------------------------------------------------------------

    def log_on(self, account: Account) -> None:
        """Take note of a logon, or of a change in the account."""
        moved = account != self.account
        self.account = account
        self._timers.cancel("grace")
        if self.stay in (Stay.LAST_PASS, Stay.GONE):
            self.pauses.forget()
            # A pass over everything that is under way serves this logon, too.
            if not self.passes.over_everything:
                self.wants.want("logon")
        if moved:
            self.reconfigure()
        self.stay = Stay.HERE
        self._wake.set()

    def log_off(self) -> None:
        """Take note that the last session has ended."""
        self.stay = Stay.GRACE
        self._timers.start("grace", GRACE, self._end_grace)

    def _end_grace(self) -> None:
        if self._shared.settings.enforcement.logoff_pass and not self.pauses.given_up:
            self.stay = Stay.LAST_PASS
            self.wants.want("logoff")
        else:
            self.stay = Stay.GONE
        self._wake.set()

    def reconfigure(self) -> None:
        """Work by the settings that are in force now."""
        if self.worker:  # one that is not ready yet takes the last setup, too
            try:
                self.worker.send(setup_of(self._shared.settings, self.account, self._state_directory()))
            except (AccountError, OSError) as error:
                # A user may have caused it, and all others are still to be told of the settings.
                self.worker.given_up("exited", f"not set up: {error}")
        self._await_recheck()
        self._wake.set()

    def recheck(self, trigger: str) -> None:
        """Have everything looked at, for the reason that `trigger` names."""
        self.wants.want(trigger)
        self._wake.set()

    def operate(self, wanted: Operation) -> Operation:
        """Have a call of Encrypt done, before anything else; returns the one to wait for.

        A call that wants what another one is at already joins it; one that wants the opposite supersedes it.
        """
        current = self.operation
        if current and current.serves(wanted.goal):
            return current
        if current and not current.over:
            current.stop("superseded")
            current.finish(
                Code.CANCELLED
            )  # its pass ends after the chunk at hand; nobody has to wait for that
            self._log.emit(EncryptSuperseded(goal=current.goal.value))
        wanted.on_change(self._wake.set)
        self.operation = wanted
        self._wake.set()
        return wanted

    def leave(self) -> None:
        """Stop what is under way and end, without a last pass: the service stops."""
        self._leaving = True
        self._wake.set()

    @property
    def worker_state(self) -> Literal["none", "starting", "ready", "restarting", "abandoned"]:
        """How the worker stands, as `cscd.daemon.telling.status` says it."""
        if self.worker:
            return "ready" if self.worker.ready else "starting"
        if self.pauses.given_up:
            return "abandoned"
        return "restarting" if self.pauses.failures else "none"

    # -- the life ------------------------------------------------------------------------------

    async def run(self) -> None:
        """Live, until there is nothing left to do."""
        try:
            while not self.over:
                worker = await self._start()
                if worker:
                    await self._serve(worker)
                await self._pause()
        finally:
            self._timers.cancel_all()
            self.wants.forget()
            if self._called:
                self._called.finish(Code.REQUEST_ABORTED)
            if self.worker:
                self.worker.kill()

    @property
    def over(self) -> bool:
        """Whether nothing is left to do for the user."""
        return self._leaving or (self.stay is Stay.GONE and self._called is None)

    @property
    def _called(self) -> Operation | None:
        """The call that waits for its answer."""
        return self.operation if self.operation and not self.operation.over else None

    async def _start(self) -> Worker | None:
        """Start a worker; None if that failed, which is counted and told, or is not wanted any more."""
        began = time.monotonic()
        async with self._shared.starting:
            worker = None if self.over else await self._spawn()
            if worker:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(worker.settled(), STARTING_SECONDS)
        if worker is None:
            return None
        await worker.settled()
        if worker.over:
            self._bury(worker)
            return None
        self._log.emit(WorkerStarted(worker_pid=worker.pid, seconds=time.monotonic() - began))
        self._await_recheck()
        return worker

    async def _spawn(self) -> Worker | None:
        """Have a worker forked; None if that failed."""
        shared = self._shared
        try:
            setup = setup_of(shared.settings, self.account, self._state_directory())
            process = await shared.spawner.spawn(self.account, shared.settings.enforcement.worker_memory)
        except (AccountError, OSError) as error:
            if isinstance(error, AccountError):
                self.pauses.give_up()  # it does not mend itself
            self._fail(0, "exited", f"not started: {error}")
            return None
        for root, setting in sandbox.hidden(setup.roots):
            shared.log.emit(RootHidden(path=root, setting=setting))
        self.worker = Worker(process, self, setup)
        return self.worker

    async def _serve(self, worker: Worker) -> None:
        """Have a worker do what is to be done, until it has ended."""
        while not worker.over:
            await self._decide(worker)
            await self._sleep()
        self._bury(worker)

    async def _decide(self, worker: Worker) -> None:
        """Start a pass, stop one, or let the worker go, as it is time to."""
        if self.passes.running is not None:
            if reason := self._reason_to_stop():
                self._stop(worker, reason)
            return
        if self.stay is Stay.LAST_PASS and not self.wants.everything:
            self.stay = Stay.GONE
        if self.over or worker.asked_to_end:
            worker.end()
            return
        if self._called:
            await self._begin(worker, "all", "call", self._called)
            return
        chosen = self.wants.choose(self._wanted(worker), self._wake.set)
        if chosen:
            await self._begin(worker, *chosen)
        elif self.wants.waiting:
            self.passes.queued(self.wants.everything)

    def _wanted(self, worker: Worker) -> WantPass | None:
        """Return what a worker asks for, once it is time for that."""
        pause = self._pace.wait() if worker.wanted else 0.0
        if not pause:
            return worker.wanted
        self._timers.start("pace", pause, self._wake.set)
        return None

    def _reason_to_stop(self) -> str:
        """Return why the pass under way should not go on, "" if it should."""
        operation, under_way = self.operation, self.passes.running
        if self._leaving:
            return "service_stopping"
        if operation and under_way and operation.pass_id == under_way.pass_id:
            return operation.why_stopped or self.passes.obsolete
        if self.passes.overdue and self._kept_from_others:
            return "turn_over"
        return "call" if self._called else self.passes.obsolete

    @property
    def _kept_from_others(self) -> bool:
        """Whether the user has a turn that somebody waits for."""
        return self.wants.has_turn and bool(self._shared.turns.waiting)

    def _stop(self, worker: Worker, reason: str) -> None:
        """Have the pass under way stopped, by force if need be: a process of it may have been halted."""
        if self.passes.stop(worker, reason):
            self._timers.start(
                "stop", STOPS_WITHIN, lambda: worker.given_up("hung", "does not stop its pass")
            )

    def _watch_turn(self) -> None:
        """Look now and then whether the pass under way is to make way."""
        self._timers.start("turn", running.STALLED, self._watch_turn)
        self._wake.set()

    async def _begin(
        self, worker: Worker, scope: Scope, trigger: str, operation: Operation | None = None
    ) -> None:
        """Start a pass; without a key for it, come back later."""
        if operation is None:  # one of these may be cancelled: what is owed is so until it has ended
            self.wants.started(scope)
        if not await self.passes.start(worker, self.account, scope, trigger, operation):
            if operation:
                operation.finish(Code.DECRYPTION_FAILED)
            worker.wanted = None
            self.wants.give_back()
            self._timers.start("key", KEY_AGAIN, lambda: self.recheck("retry"))
            return
        self._pace.take()
        self._timers.start("turn", running.STALLED, self._watch_turn)

    def _bury(self, worker: Worker) -> None:
        """Take note of the end of a worker."""
        self.worker = None
        self.wants.give_back()
        self._end_watches()
        self.passes.lost()
        self.passes.remember()
        if worker.failure is None and worker.asked_to_end:
            seconds = asyncio.get_running_loop().time() - worker.began
            self._log.emit(WorkerExited(worker_pid=worker.pid, seconds=seconds))
        else:
            self._fail(worker.pid, *worker.cause)

    # -- failures ------------------------------------------------------------------------------

    def _fail(self, pid: int, reason: str, detail: str) -> None:
        """Count a failure of the worker, tell it, and go on from where it was when it runs again."""
        pause = self.pauses.fail()
        self._shared.totals.worker_failed(reason)
        self._log.emit(WorkerFailed(worker_pid=pid, reason=reason, detail=detail, restart_seconds=pause))
        if self._called:
            self._called.finish(Code.REQUEST_ABORTED)
        if self.pauses.given_up:
            self._log.emit(WorkerAbandoned(failures=self.pauses.failures))
        if self.stay is Stay.LAST_PASS:
            self.stay = Stay.GONE  # the next logon sees to the rest
        else:
            self.wants.want("resume")

    async def _pause(self) -> None:
        """Wait as long as the failures ask for; for good, if there were too many."""
        if self.pauses.pause and not self.pauses.given_up:
            self._timers.start("restart", self.pauses.pause, self._wake.set)
        while not self.over and (self.pauses.given_up or "restart" in self._timers):
            await self._sleep()
        self._timers.cancel("restart")

    # -- what the worker says ------------------------------------------------------------------

    def changed(self) -> None:
        """See `WorkerListener`."""
        self._wake.set()

    def stands(self, said: Standing) -> None:
        """See `WorkerListener`."""
        self.passes.stand(said)
        self._judge(self)

    def happened(self, said: Happened) -> None:
        """See `WorkerListener`."""
        event = event_of(said)
        if isinstance(event, WatchDegraded):
            self._shared.totals.watch_degraded(event.reason)
        (self._log.for_pass(said.pass_id) if said.pass_id else self._log).emit(event)

    def progressed(self, said: PassProgress) -> None:
        """See `WorkerListener`."""
        self.passes.progressed(said)
        self._judge(self)
        if self.operation and self.operation.pass_id == said.pass_id:
            self.operation.idle()

    def item(self, said: ItemBegins | ItemEnds) -> None:
        """See `WorkerListener`."""
        self.passes.check(said.pass_id)
        if self.operation and self.worker and self.operation.pass_id == said.pass_id:
            self.operation.item(said, self.worker.send)

    def pass_ended(self, said: PassEnded) -> None:
        """See `WorkerListener`."""
        called = self.operation if self.operation and self.operation.pass_id == said.pass_id else None
        if self.passes.end(said):
            self.pauses.forget()
            if called:
                self.wants.started("all")
        elif self.passes.made_way:
            self.wants.want("resume")
        self._end_watches()
        if called:
            called.end(said)
        self.wants.ended()
        self._await_recheck()
        self._judge(self)
        self._wake.set()

    # -- small things --------------------------------------------------------------------------

    def _end_watches(self) -> None:
        """Wait for nothing any more that a worker or its pass was to do."""
        for name in ("recheck", "stop", "turn"):
            self._timers.cancel(name)

    def _await_recheck(self) -> None:
        """Have everything looked at again after the configured time."""
        interval = self._shared.settings.enforcement.recheck_interval
        self._timers.cancel("recheck")
        if interval:
            self._timers.start("recheck", interval, lambda: self.recheck("interval"))

    def _state_directory(self) -> str:
        return self._shared.state_directory(self.account)

    async def _sleep(self) -> None:
        """Wait until something has happened."""
        await self._wake.wait()
        self._wake.clear()
