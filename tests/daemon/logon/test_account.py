"""Accounts from the user database, which may hang."""

import asyncio
import grp
import os
import pwd
import threading
import time

import pytest

from cscd.daemon.logon.account import Account, Accounts
from tests.daemon.bus import until


def test_an_account_is_found() -> None:
    """With name, numbers, home and groups, as the system has them."""
    entry = pwd.getpwuid(os.getuid())
    groups = tuple(sorted(set(os.getgrouplist(entry.pw_name, entry.pw_gid))))
    found = asyncio.run(Accounts().find(os.getuid()))
    assert found == Account(entry.pw_name, entry.pw_uid, entry.pw_gid, entry.pw_dir, groups)
    assert entry.pw_gid in groups


@pytest.mark.parametrize("uid", [987_654_321, 2**40, -5])
def test_an_account_that_is_not_there_is_none(uid: int) -> None:
    """So is a number that is no uid."""
    assert asyncio.run(Accounts().find(uid)) is None


def test_groups_are_found_by_name() -> None:
    """One that is not there has no number."""
    root = grp.getgrgid(0).gr_name
    assert asyncio.run(Accounts().groups((root, "no-such-group"))) == {root: 0, "no-such-group": None}


class Hanging:
    """A user database that hangs until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.let_go = threading.Event()
        self.asked: list[int] = []
        self._entry = pwd.getpwuid(os.getuid())
        monkeypatch.setattr("cscd.daemon.logon.account.pwd.getpwuid", self._ask)

    def _ask(self, uid: int) -> pwd.struct_passwd:
        self.asked.append(uid)
        self.let_go.wait(30)
        return self._entry


def test_an_answer_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller gets None in time, the loop ends without the thread, asking again makes no second."""
    hanging = Hanging(monkeypatch)

    async def check() -> None:
        accounts = Accounts(longest=0.05)
        assert await accounts.find(os.getuid()) is None
        assert await accounts.find(os.getuid()) is None
        assert len(hanging.asked) == 1

    began = time.monotonic()
    asyncio.run(check())
    assert time.monotonic() - began < 5
    hanging.let_go.set()


def test_a_late_answer_is_there_for_who_asks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that was given up goes on, and answers the next time."""
    hanging = Hanging(monkeypatch)

    async def check() -> None:
        accounts = Accounts(longest=0.05)
        assert await accounts.find(os.getuid()) is None
        accounts._longest = 10  # noqa: SLF001 - patience now
        again = asyncio.create_task(accounts.find(os.getuid()))
        hanging.let_go.set()
        found = await again
        assert found
        assert found.uid == os.getuid()
        assert len(hanging.asked) == 1

    asyncio.run(check())


def test_threads_that_hang_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred accounts that hang cost as many threads as there are places, and get their answer after."""
    hanging = Hanging(monkeypatch)

    async def check() -> None:
        accounts = Accounts(longest=0.2, places=3)
        found = await asyncio.gather(*(accounts.find(uid) for uid in range(100)))
        assert found == [None] * 100
        assert len(hanging.asked) == 3
        hanging.let_go.set()
        await until(lambda: not accounts._running, "the threads have ended")  # noqa: SLF001
        assert await accounts.find(os.getuid())

    asyncio.run(check())


def test_an_account_of_another_number_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user database that answers another question than was asked is not believed."""
    entry = pwd.getpwuid(os.getuid())
    monkeypatch.setattr("cscd.daemon.logon.account.pwd.getpwuid", lambda _uid: entry)
    assert asyncio.run(Accounts().find(os.getuid() + 1)) is None
