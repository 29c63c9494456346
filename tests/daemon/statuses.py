"""Statuses to show and to send: of a service with much to tell, and of one with nothing."""

from typing import Any

from cscd.daemon.telling.status import (
    NO_RECOVERY,
    CallerStatus,
    HolderStatus,
    LastPass,
    OperationStatus,
    Reasons,
    RootStatus,
    RunningPass,
    Status,
    StuckItem,
    UserStatus,
)
from cscd.files.goal import State
from cscd.files.name import Name

NOW = 1_795_572_000.0
"""2026-11-25, 02:40 UTC."""

MIB = 1 << 20


def last(**changed: Any) -> LastPass:  # noqa: ANN401 - any field
    """Give a pass that ended well, five minutes ago."""
    facts: dict[str, Any] = {
        "id": "0a1b2c3d4e5f",
        "trigger": "logon",
        "goal": State.ENCRYPTED,
        "ended": NOW - 300,
        "seconds": 2.31,
        "complete": True,
        "partial": False,
        "converted": 120,
        "converted_bytes": 3 * MIB,
        "right": 12_225,
    }
    return LastPass(**{**facts, **changed})


def user(name: str = "alice", uid: int = 1000, **changed: Any) -> UserStatus:  # noqa: ANN401 - as above
    """Give a user whose items are all right."""
    facts: dict[str, Any] = {
        "sessions": 1,
        "worker": "ready",
        "worker_pid": 4000 + uid % 1000,
        "key_id": "0123456789abcdef",
        "key": "unlocked",
        "partial": False,
        "right": 12_345,
        "right_bytes": 1234 * MIB,
        "roots": (RootStatus(path=Name.of(f"/home/{name}/.cache/cscd"), state="watched"),),
        "last": last(),
    }
    return UserStatus(name=name, uid=uid, **{**facts, **changed})


def status(*users: UserStatus, **changed: Any) -> Status:  # noqa: ANN401 - as above
    """Give the status of a service with these users."""
    facts: dict[str, Any] = {
        "version": "0.1.0",
        "time": NOW,
        "pid": 812,
        "uptime": 7_800.0,
        "state": State.ENCRYPTED,
        "partial": any(each.partial for each in users),
        "policy": "user-controlled",
        "session_source": "logind",
        "recovery_recipients": 1,
        "passes_running": sum(each.running is not None for each in users),
        "passes_waiting": sum(each.waiting for each in users),
        "users_all": len(users),
    }
    return Status(users=users, **{**facts, **changed})


def rich() -> Status:
    """Give one with everything that can be told."""
    stuck = (
        StuckItem(
            path=Name.of("/home/alice/.cache/cscd/projects/2026/quarterly report, final version (3).odt"),
            reason="open_elsewhere",
            holders=(HolderStatus(pid=4711, command="soffice.bin"),),
            attempts=3,
            retry_at=NOW + 12,
        ),
        StuckItem(
            path=Name.of("/home/alice/.cache/cscd/mail.db"),
            reason="open_elsewhere",
            holders=(HolderStatus(pid=812, command="thunderbird"), HolderStatus(pid=813, command="indexer")),
            retry_at=NOW + 3,
        ),
        StuckItem(path=Name.of("/home/alice/.cache/cscd/l\udcff\x1b[31mink"), reason="hard_linked"),
        StuckItem(path=Name.of("/home/alice/.cache/cscd/disk.img"), reason="io_error", errno=5),
    )
    alice = user(
        sessions=2,
        partial=True,
        right=5_900,
        right_bytes=600 * MIB,
        operation=OperationStatus(
            goal=State.ENCRYPTED,
            background=True,
            began=NOW - 43,
            pass_id="00ff00ff00ff",  # noqa: S106 - the name of a pass
            waiting=3,
            callers=(CallerStatus(name="alice", uid=1000, pid=4242), CallerStatus(name="root", uid=0)),
        ),
        running=RunningPass(
            id="00ff00ff00ff",
            trigger="logon",
            goal=State.ENCRYPTED,
            began=NOW - 42,
            items=5_900,
            found=12_345,
            bytes=600 * MIB,
            found_bytes=1234 * MIB,
            waiting=14,
        ),
        pending=(Reasons(reason="open_elsewhere", items=14), Reasons(reason="no_space", items=1)),
        failed=(Reasons(reason="hard_linked", items=1), Reasons(reason="io_error", items=1)),
        stuck=stuck,
        roots=(
            RootStatus(path=Name.of("/home/alice/.cache/cscd"), state="unwatched", reason="limit"),
            RootStatus(path=Name.of("/mnt/data/alice"), state="awaited", reason="missing"),
        ),
        last=last(trigger="interval", ended=NOW - 200_000, stopped=True, partial=True),
    )
    bob = user("bob", 1001, partial=True, waiting=True, right=0, right_bytes=0, last=None, worker="starting")
    carol = user("carol", 1002, worker="abandoned", worker_pid=None, key="locked", partial=True)
    dora = user("dora", 1003)
    erik = user("erik", 1004, sessions=0, right=1, right_bytes=17)
    return status(
        dora, erik, bob, carol, alice, policy="encrypted", recovery_recipients=0, warnings=(NO_RECOVERY,)
    )


def poor() -> Status:
    """Give one of a service that has just begun: nobody is logged on, nothing is seen."""
    return status(session_source="", uptime=0.4)
