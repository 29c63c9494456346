"""The source `self`: one user, logged on from start to end."""

import asyncio
import os

from cscd.config.settings import SessionSettings
from cscd.daemon.logon.account import Account, Accounts
from cscd.daemon.logon.own import OwnSession
from tests.daemon.bus import until
from tests.daemon.logonpeer import Book, Heard, Kept


def test_the_user_who_runs_it_is_logged_on_to_the_end() -> None:
    """One logon, no logoff, whatever the rules say."""

    async def check() -> None:
        heard, kept = Heard(), Kept()
        own = OwnSession(kept.log, Accounts(), heard)
        task = asyncio.create_task(own.run())
        await until(lambda: kept.fields("sessions_listed"), "the session is told")
        own.reconfigure(SessionSettings(users=("nobody-else",), min_uid=5000))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert heard.all == [f"+{os.getuid()}"]
        assert own.open == {os.getuid(): 1}
        assert own.source == "self"
        assert kept.fields("session_source_changed") == [{"source": "self", "reason": "configured"}]
        assert kept.fields("session_opened") == [
            {"session": "self", "session_class": "user", "sessions": 1},
        ]

    asyncio.run(check())


def test_an_account_that_comes_late_is_waited_for() -> None:
    """The user database may be later than we are."""

    async def check() -> None:
        heard, kept, book = Heard(), Kept(), Book()
        book.answering.clear()
        own = OwnSession(kept.log, book, heard)
        task = asyncio.create_task(own.run())
        await until(lambda: book.asked == 1, "the account is asked for")
        assert not own.open
        uid = os.getuid()
        book.known[uid] = Account("me", uid, 0, "/", (0,))
        book.answering.set()
        await until(lambda: heard.all == [f"+{uid}"], "it is found")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(check())
