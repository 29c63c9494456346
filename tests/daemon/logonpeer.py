"""Who hears of logons in tests, a log that is kept, and a user database that answers when the test says."""

import asyncio
from collections.abc import Sequence
from typing import Any

from cscd.daemon.logon.account import Account, Accounts
from cscd.events.level import Level
from cscd.events.limit import Limits
from cscd.events.log import Log
from cscd.events.record import Record

ALICE = Account("alice", 1000, 1000, "/home/alice", (100, 1000))
BOB = Account("bob", 1001, 1001, "/home/bob", (1001,))
GREETER = Account("gdm", 120, 120, "/var/lib/gdm", (120,))


class Kept:
    """A sink that keeps everything."""

    name = "stdout"

    def __init__(self) -> None:
        self.records: list[Record] = []
        # Enough of each kind that none is summed up.
        self.log = Log([self], Level.DEBUG, Limits(1_000_000, 3600.0))

    def write(self, record: Record) -> None:
        """Keep a record."""
        self.records.append(record)

    def reopen(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""

    def fields(self, event: str) -> list[dict[str, Any]]:
        """The fields of all events of that name."""
        return [dict(record.fields) for record in self.records if record.event == event]

    def names(self) -> list[str]:
        """The names of all events."""
        return [record.event for record in self.records]


class Heard:
    """Logons and logoffs, in order: +uid and -uid."""

    def __init__(self) -> None:
        self.all: list[str] = []
        self.accounts: list[Account] = []

    def logged_on(self, account: Account) -> None:
        """Keep a logon."""
        self.all.append(f"+{account.uid}")
        self.accounts.append(account)

    def logged_off(self, uid: int) -> None:
        """Keep a logoff."""
        self.all.append(f"-{uid}")

    def slept(self) -> None:
        """Take note of a suspend."""
        self.all.append("slept")


class Book(Accounts):
    """A user database in memory, which can be held."""

    def __init__(self, *accounts: Account, **groups: int) -> None:
        super().__init__()
        self.known = {account.uid: account for account in accounts}
        self.numbers = groups
        self.asked = 0
        self.answering = asyncio.Event()
        self.answering.set()

    async def find(self, uid: int) -> Account | None:
        """Answer once we may."""
        self.asked += 1
        await self.answering.wait()
        return self.known.get(uid)

    async def groups(self, names: Sequence[str]) -> dict[str, int | None]:
        """Answer at once."""
        return {name: self.numbers.get(name) for name in names}
