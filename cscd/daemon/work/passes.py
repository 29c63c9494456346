"""The passes of one user: the one under way, the last one over everything, and what they have told."""

import time

from cscd.daemon.encrypt.operation import Operation
from cscd.daemon.keys.keyring import KeyAwaitedError
from cscd.daemon.logon.account import Account
from cscd.daemon.state.records import MOST_NAME, Counts, PassRecord, UserRecord
from cscd.daemon.work import compliance
from cscd.daemon.work.running import Running
from cscd.daemon.work.setup import roots_of
from cscd.daemon.work.shared import Shared
from cscd.daemon.work.worker import Worker
from cscd.errors import AccountError, CscdError, MessageError
from cscd.events.log import UserLog, new_pass_id
from cscd.events.passes import PassFailed, PassQueued, PassStarted
from cscd.events.passes import PassProgress as ProgressEvent
from cscd.worker.messages import PassEnded, PassProgress, Scope, Standing, StartPass, StopPass


class Passes:
    """The passes of one user."""

    def __init__(self, account: Account, shared: Shared, log: UserLog) -> None:
        self._account = account
        self._shared = shared
        self._log = log
        self.running: Running | None = None
        self.since = 0
        """Items that passes over what was found have converted since the last one over everything."""
        self.made_way = False
        """Whether the pass that ended last is to go on when its turn comes again."""
        self._queued = False
        before = shared.database.user(account.uid)
        self.last: PassRecord | None = before.last_pass if before else None
        """The last pass over everything, also before the service started."""
        self.unright: Counts = before.pending if before else {}
        """Items that are not in the state, by reason."""

    @property
    def over_everything(self) -> bool:
        """Whether a pass over everything is under way, towards the state that the cache has now."""
        return self.running is not None and self.running.scope == "all" and not self.obsolete

    @property
    def obsolete(self) -> str:
        """Why the pass under way should not go on, "" if it should."""
        if self.running is None:
            return ""
        if self.running.goal is not self._shared.cache.state:
            return "superseded"
        standing = self._shared.keyring.standing(self._account.uid) if self.running.lent else None
        return "key_locked" if standing and standing.state == "locked" else ""

    @property
    def partial(self) -> bool:
        """Whether some item is not in the cache-wide state, or is not known to be.

        New items have a moment to come right before they count: what is done within a second is not worth a
        signal that it was not, and one that it is.
        """
        running = self.running
        if (
            running and running.scope == "found" and running.progress
        ):  # told for the first time after a second
            return True
        return compliance.partial(self._shared.cache.state, self.last, self.unright)

    # -- starting and stopping -----------------------------------------------------------------

    def queued(self, trigger: str) -> None:
        """Tell that a pass waits for its turn, once."""
        if not self._queued:
            self._queued = True
            ahead = max(0, self._shared.turns.waiting - 1)
            self._log.for_pass(new_pass_id()).emit(PassQueued(trigger=trigger, ahead=ahead))

    async def start(
        self,
        worker: Worker,
        account: Account,
        scope: Scope,
        trigger: str,
        operation: Operation | None = None,
    ) -> bool:
        """Have a worker start a pass; False if there is no key or no root for it, which is told.

        `operation` is the call of Encrypt that it is for, if it is for one.
        """
        self._queued = False
        self._account = account
        shared, goal = self._shared, self._shared.cache.state
        try:
            roots = roots_of(shared.settings, account)
            keys = await shared.keyring.for_pass(account, goal)
        except KeyAwaitedError:
            return False
        except CscdError as error:
            reason = "target" if isinstance(error, AccountError) else "key"
            self._log.for_pass(new_pass_id()).emit(PassFailed(reason=reason, detail=str(error)))
            return False
        self.running = running = Running(
            new_pass_id(), trigger, scope, goal, time.time(), lent=keys.identities is not None
        )
        worker.wanted = None
        if operation:
            operation.pass_id = running.pass_id
        self._log.for_pass(running.pass_id).emit(PassStarted(trigger=trigger, goal=goal.value, roots=roots))
        worker.send(
            StartPass(
                pass_id=running.pass_id,
                scope=scope,
                goal=goal,
                recipients=(*keys.recipients, *shared.cache.recovery),
                background=operation is None or operation.background,
                telling=operation.telling if operation else "no",
            ),
            keys.identities,
        )
        return True

    def stop(self, worker: Worker, reason: str) -> bool:
        """Have the worker stop the pass under way; once, and the first reason counts: False after that."""
        if self.running is None or self.running.stopped_for:
            return False
        self.running.stopped_for = reason
        worker.send(StopPass(pass_id=self.running.pass_id))
        return True

    @property
    def overdue(self) -> bool:
        """Whether the pass under way has had its time, or does not come on."""
        return self.running is not None and self.running.overdue(time.monotonic())

    # -- what is said of them ------------------------------------------------------------------

    def progressed(self, said: PassProgress) -> None:
        """Take how far the pass has come. Raises `MessageError` if there is none of that id."""
        self._the_running(said.pass_id).go_on(said, time.monotonic())
        self._log.for_pass(said.pass_id).emit(
            ProgressEvent(items=said.items, found=said.found, bytes=said.bytes, waiting=said.waiting)
        )

    def check(self, pass_id: str) -> None:
        """Raise `MessageError` if no pass of that id is under way."""
        self._the_running(pass_id)

    def stand(self, standing: Standing) -> None:
        """Take what is not right at the moment."""
        self.unright = compliance.unright(standing)

    def end(self, report: PassEnded) -> bool:
        """Take what came of the pass; returns whether it came to an end of its own.

        Raises `MessageError` if there is none of that id.
        """
        running = self._the_running(report.pass_id)
        self.running = None
        self.made_way = running.makes_way and running.scope == "all"
        self._log.for_pass(report.pass_id).emit(running.event(report))
        self._shared.totals.pass_ended(running.goal, report)
        if running.scope == "all":
            self.last = running.record(report)
            self.unright = compliance.left(report)
            self.since = 0
            self.remember()
        else:
            self.since += report.converted
        return not report.error and not report.stopped

    def lost(self) -> None:
        """Take note that the pass under way ended with its worker."""
        if self.running:
            pass_id = self.running.pass_id
            self.end(PassEnded(pass_id=pass_id, complete=False, partial=True, stopped=True, error="died"))

    @property
    def record(self) -> UserRecord:
        """What is known of the user, for when nobody is there to ask."""
        return UserRecord(self._account.uid, self._account.name[:MOST_NAME], self.last, self.unright)

    def remember(self) -> None:
        """Keep what is known of the user for the next start."""
        self._shared.remember(self.record)

    def _the_running(self, pass_id: str) -> Running:
        if self.running is None or self.running.pass_id != pass_id:
            raise MessageError("speaks of a pass that is not under way")
        return self.running
