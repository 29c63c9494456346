"""What is known of users, kept without waiting for the disk."""

import asyncio
import threading
from pathlib import Path

from cscd.daemon.state.database import Database
from cscd.daemon.state.disk import Disk
from cscd.daemon.state.records import UserRecord
from cscd.daemon.state.remembering import Remembering
from cscd.events.event import ServiceEvent
from cscd.events.log import Log
from tests.daemon.peer import within


class Keeping(Database):
    """A database that says what it is given."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.kept: list[UserRecord] = []

    def keep_user(self, record: UserRecord) -> tuple[ServiceEvent, ...]:
        """Keep it."""
        self.kept.append(record)
        return super().keep_user(record)


def test_a_slow_disk_keeps_the_last_of_each_user(tmp_path: Path) -> None:
    """However often there was something to keep meanwhile."""
    tmp_path.chmod(0o700)

    async def test() -> None:
        database, _ = Keeping.open(str(tmp_path / "state.db"))
        disk = Disk("test")
        let = threading.Event()
        waiting = asyncio.create_task(disk.do(let.wait))
        await asyncio.sleep(0)
        kept = database.kept
        remember = Remembering(database, disk, Log([]))
        for number in range(1000):
            remember(UserRecord(1001, "alice", None, {"no_space": number}))
            remember(UserRecord(1002, "bob", None, {"no_space": number}))
        let.set()
        await waiting
        await disk.do(lambda: None)
        assert [(record.uid, record.pending) for record in kept] == [
            (1001, {"no_space": 999}),
            (1002, {"no_space": 999}),
        ]
        remember(UserRecord(1001, "alice"))
        await disk.do(lambda: None)
        assert kept[2:] == [UserRecord(1001, "alice")]
        disk.close()
        database.close()

    within(test())
