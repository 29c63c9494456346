"""From what the service knows to what it says of itself (`cscd.daemon.telling.status`)."""

import os
import time
from collections.abc import Mapping

from cscd import __version__
from cscd.daemon.encrypt.operation import Operation
from cscd.daemon.state.records import DrillRecord, PassRecord
from cscd.daemon.telling import status
from cscd.daemon.telling.status import (
    CallerStatus,
    DrillStatus,
    LastPass,
    OperationStatus,
    Reasons,
    RootStatus,
    RunningPass,
    Status,
    StuckItem,
    UserStatus,
)
from cscd.daemon.work.running import Running
from cscd.daemon.work.shared import Shared
from cscd.daemon.work.user import User
from cscd.daemon.work.users import Users


def status_of(
    shared: Shared, users: Users, uid: int, *, began: float, source: str, sessions: Mapping[int, int]
) -> Status:
    """Return what the service says to a user; all of it to root.

    Only what the user may see is made, for everybody may ask often and many users may be there.

    Args:
        shared: what is in force.
        users: who is logged on.
        uid: who asks.
        began: the start of the service, in seconds since 1970.
        source: where logons are seen.
        sessions: those that count, by uid.
    """
    now = time.time()
    cache = shared.cache
    seen = [user for user in users if uid in (status.ROOT, user.account.uid)]
    return Status(
        version=__version__,
        time=now,
        pid=os.getpid(),
        uptime=max(0.0, now - began),
        state=cache.state,
        partial=cache.partial,
        policy=cache.policy,
        session_source=source,
        recovery_recipients=len(cache.recovery),
        recovery_drill=_drill(cache.drill) if cache.drill else None,
        warnings=status.warnings(cache.state, len(cache.recovery)),
        passes_running=users.running,
        passes_waiting=shared.turns.waiting,
        users_all=len(users),
        users=tuple(_user(user, shared, sessions.get(user.account.uid, 0)) for user in seen),
    )


def _drill(record: DrillRecord) -> DrillStatus:
    return DrillStatus(at=record.at, items=record.items, failed=record.failed)


def _user(user: User, shared: Shared, sessions: int) -> UserStatus:
    account, passes, worker = user.account, user.passes, user.worker
    key = shared.keyring.standing(account.uid)
    standing = worker.standing if worker else None
    right, right_bytes = _right(passes.last, passes.since)
    return UserStatus(
        name=account.name,
        uid=account.uid,
        sessions=sessions,
        worker=user.worker_state,
        worker_pid=worker.pid if worker else None,
        key_id=key.key_id if key else "",
        key=key.state if key else "none",
        protectors=tuple(each.value for each in key.protectors) if key else (),
        stale=key.stale if key else False,
        awaited=key.awaited if key else False,
        partial=passes.partial,
        right=right,
        right_bytes=right_bytes,
        pending=Reasons.of(standing.pending) if standing else (),
        failed=Reasons.of(standing.failed) if standing else (),
        stuck=StuckItem.of(standing.first) if standing else (),
        roots=tuple(map(RootStatus.of, standing.roots)) if standing else (),
        waiting=user.wants.waiting,
        operation=_operation(user.operation) if user.operation and not user.operation.over else None,
        running=_running(passes.running) if passes.running else None,
        last=_last(passes.last) if passes.last else None,
    )


def _right(last: PassRecord | None, since: int) -> tuple[int, int]:
    if last is None:
        return since, 0
    return last.right + last.converted + since, last.right_bytes + last.converted_bytes


def _operation(operation: Operation) -> OperationStatus:
    callers = operation.callers
    return OperationStatus(
        goal=operation.goal,
        background=operation.background,
        began=operation.began,
        pass_id=operation.pass_id,
        waiting=len(callers),
        callers=tuple(CallerStatus(name=each.name, uid=each.uid, pid=each.pid) for each in callers),
    )


def _running(running: Running) -> RunningPass:
    begun = RunningPass(id=running.pass_id, trigger=running.trigger, goal=running.goal, began=running.began)
    return begun.at(running.progress) if running.progress else begun


def _last(record: PassRecord) -> LastPass:
    return LastPass(
        id=record.pass_id,
        trigger=record.trigger,
        goal=record.goal,
        ended=record.ended,
        seconds=record.seconds,
        complete=record.complete,
        partial=record.partial,
        stopped=record.stopped,
        error=record.error,
        converted=record.converted,
        converted_bytes=record.converted_bytes,
        right=record.right,
        pending=record.pending,
        failed=record.failed,
        other_key=record.other_key,
    )
