"""Which sessions count, and whose first or last one they are."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from cscd.config.settings import SessionSettings
from cscd.daemon.logon.account import Account
from cscd.daemon.logon.logons import Logons
from cscd.daemon.logon.session import Session
from tests.daemon.bus import until
from tests.daemon.logonpeer import ALICE, BOB, GREETER, Book, Heard, Kept


@dataclass
class Scene:
    """Logons at work, with what they told."""

    logons: Logons
    book: Book
    heard: Heard
    kept: Kept

    async def settled(self) -> None:
        """Wait until nothing is left to settle."""
        for user in list(self.logons._users.values()):  # noqa: SLF001 - no one else needs to know
            await user.settled.wait()


@contextlib.asynccontextmanager
async def scene(*accounts: Account, **settings: Any) -> AsyncIterator[Scene]:  # noqa: ANN401 - any setting
    """Logons with some accounts, alice's and bob's without any, by these rules."""
    book, heard, kept = Book(*(accounts or (ALICE, BOB, GREETER)), staff=100), Heard(), Kept()
    logons = Logons(SessionSettings(**settings), kept.log, book, heard)
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        logons.attend(group)
        yield Scene(logons, book, heard, kept)
        for task in group._tasks:  # noqa: SLF001 - as if the group was cancelled
            task.cancel()


def session(number: int, uid: int = 1000, session_class: str = "user") -> Session:
    """A session."""
    return Session(str(number), uid, "somebody", session_class)


def test_ten_logons_at_once_are_one() -> None:
    """The first is told, the last is; between them only counts change."""

    async def check() -> None:
        async with scene() as it:
            for number in range(10):
                it.logons.opened(session(number))
            await it.settled()
            assert it.heard.all == ["+1000"]
            assert it.heard.accounts == [ALICE]
            assert it.logons.open == {1000: 10}
            counts = [fields["sessions"] for fields in it.kept.fields("session_opened")]
            assert counts == list(range(1, 11))
            for number in range(10):
                it.logons.closed(str(number))
                await it.settled()
            assert it.heard.all == ["+1000", "-1000"]
            assert not it.logons.open
            counts = [fields["sessions"] for fields in it.kept.fields("session_closed")]
            assert counts == list(range(9, -1, -1))
            assert {record.context.user for record in it.kept.records} == {"alice"}

    asyncio.run(check())


def test_a_session_that_is_over_before_the_account_is_found_is_none() -> None:
    """Nobody is told, and nothing is left."""

    async def check() -> None:
        async with scene() as it:
            it.book.answering.clear()
            it.logons.opened(session(1))
            await until(lambda: it.book.asked == 1, "the account is asked for")
            it.logons.closed("1")
            it.book.answering.set()
            await it.settled()
            assert it.heard.all == []
            assert it.kept.names() == []
            assert not it.logons.open

    asyncio.run(check())


def test_a_session_that_flaps_is_counted_right() -> None:
    """A hundred changes within one turn of the loop are what they come to."""

    async def check() -> None:
        async with scene() as it:
            it.logons.opened(session(1))
            await it.settled()
            for _ in range(100):
                it.logons.closed("1")
                it.logons.opened(session(1))
            await it.settled()
            assert it.heard.all == ["+1000"]
            assert it.logons.open == {1000: 1}
            it.logons.opened(session(2))
            it.logons.closed("2")
            it.logons.closed("1")
            await it.settled()
            assert it.heard.all == ["+1000", "-1000"]
            assert not it.logons.open

    asyncio.run(check())


def test_an_account_that_is_not_there_yet_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as its session is open, and with pauses that grow up to a bound."""
    monkeypatch.setattr("cscd.daemon.logon.logons.FIRST_PAUSE", 0.001)
    monkeypatch.setattr("cscd.daemon.logon.logons.LONGEST_PAUSE", 0.01)

    async def check() -> None:
        async with scene(BOB) as it:
            it.logons.opened(session(1))
            await until(lambda: it.book.asked >= 5, "it is asked for again and again")
            assert it.heard.all == []
            it.book.known[1000] = ALICE
            await until(lambda: it.heard.all, "it is found")
            assert it.heard.accounts == [ALICE]
            assert it.logons.open == {1000: 1}

    asyncio.run(check())


def test_an_account_whose_session_is_over_is_not_asked_for_any_more() -> None:
    """The retries end with the session."""

    async def check() -> None:
        async with scene(BOB) as it:
            it.logons.opened(session(1))
            await it.settled()
            it.logons.closed("1")
            await it.settled()
            assert not it.logons._users  # noqa: SLF001 - nothing is left that could ask
            assert it.kept.names() == []

    asyncio.run(check())


def test_who_is_logged_on_stays_so_while_the_user_database_is_down() -> None:
    """Another session of the user counts by the account that is known."""

    async def check() -> None:
        async with scene() as it:
            it.logons.opened(session(1))
            await it.settled()
            it.book.known.clear()
            it.logons.opened(session(2))
            await it.settled()
            assert it.logons.open == {1000: 2}
            assert it.heard.all == ["+1000"]

    asyncio.run(check())


def test_a_changed_account_is_told_again() -> None:
    """A home that moved is told at the next session, without a logoff between."""

    async def check() -> None:
        async with scene() as it:
            it.logons.opened(session(1))
            await it.settled()
            moved = replace(ALICE, home="/net/alice")
            it.book.known[1000] = moved
            it.logons.opened(session(2))
            await it.settled()
            assert it.heard.all == ["+1000", "+1000"]
            assert it.heard.accounts == [ALICE, moved]

    asyncio.run(check())


@pytest.mark.parametrize(
    "rules, told, reason",
    [
        ({}, session(1, 1000, "greeter"), "class"),
        ({}, session(1, 1000, "manager"), "class"),
        ({}, session(1, 120), "min_uid"),
        ({"users": ("bob",)}, session(1, 1000), "user"),
        ({"groups": ("staff",)}, session(1, 1001), "group"),
        ({"users": ("carol",), "groups": ("staff",)}, session(1, 1001), "group"),
    ],
)
def test_a_session_that_does_not_count_is_told_once(
    rules: dict[str, Any], told: Session, reason: str
) -> None:
    """With the rule that speaks against it, however often it is listed."""

    async def check() -> None:
        async with scene(**rules) as it:
            for _ in range(3):
                it.logons.listed([told], "")
                await it.settled()
            assert it.kept.fields("session_ignored") == [{"session": "1", "reason": reason}]
            assert it.heard.all == []

    asyncio.run(check())


@pytest.mark.parametrize(
    "rules, told",
    [
        ({"classes": ("user", "greeter")}, session(1, 1000, "greeter")),
        ({"min_uid": 100}, session(1, 120)),
        ({"users": ("alice",)}, session(1, 1000)),
        ({"groups": ("staff",)}, session(1, 1000)),
        ({"users": ("bob",), "groups": ("staff",)}, session(1, 1000)),
        ({"users": ("bob",), "groups": ("staff",)}, session(1, 1001)),
    ],
)
def test_a_session_that_the_rules_allow_counts(rules: dict[str, Any], told: Session) -> None:
    """Users and members of groups both count where both are named."""

    async def check() -> None:
        async with scene(**rules) as it:
            it.logons.opened(told)
            await it.settled()
            assert it.logons.open == {told.uid: 1}

    asyncio.run(check())


def test_a_session_that_does_not_count_keeps_nobody_logged_on() -> None:
    """A user's manager outlives the session, and is none."""

    async def check() -> None:
        async with scene() as it:
            it.logons.opened(session(1))
            it.logons.opened(session(2, 1000, "manager"))
            await it.settled()
            assert it.logons.open == {1000: 1}
            it.logons.closed("1")
            await it.settled()
            assert it.heard.all == ["+1000", "-1000"]

    asyncio.run(check())


def test_other_rules_apply_to_open_sessions() -> None:
    """Who no longer counts is logged off, who now does logged on, and all of it is told as a list."""

    async def check() -> None:
        async with scene(users=("alice",)) as it:
            it.logons.opened(session(1, 1000))
            it.logons.opened(session(2, 1001))
            await it.settled()
            assert it.logons.open == {1000: 1}
            it.logons.reconfigure(SessionSettings(users=("bob",)))
            await until(lambda: it.kept.fields("sessions_listed"), "the list is told")
            assert it.logons.open == {1001: 1}
            assert sorted(it.heard.all) == ["+1000", "+1001", "-1000"]
            assert it.kept.fields("sessions_listed") == [
                {"reason": "reload", "users": 1, "opened": 1, "closed": 1}
            ]

    asyncio.run(check())


def test_a_list_is_told_with_what_counts() -> None:
    """Opened and closed are sessions that count, and come before their sum."""

    async def check() -> None:
        async with scene() as it:
            it.logons.listed([session(1), session(2), session(3, 120), session(4, 1001)], "start")
            await until(lambda: it.kept.fields("sessions_listed"), "the list is told")
            it.logons.listed([session(2), session(5)], "resume")
            await until(lambda: len(it.kept.fields("sessions_listed")) == 2, "the list is told")
            assert it.kept.fields("sessions_listed") == [
                {"reason": "start", "users": 2, "opened": 3, "closed": 0},
                {"reason": "resume", "users": 1, "opened": 1, "closed": 2},
            ]
            assert it.kept.names()[-1] == "sessions_listed"
            assert it.heard.all[-1] == "-1001"

    asyncio.run(check())


def test_a_session_id_that_another_user_has_now_is_another_session() -> None:
    """After a restart of logind the numbers begin anew."""

    async def check() -> None:
        async with scene() as it:
            it.logons.opened(session(1, 1000))
            await it.settled()
            it.logons.opened(session(1, 1001))
            await it.settled()
            assert it.logons.open == {1001: 1}
            assert sorted(it.heard.all) == ["+1000", "+1001", "-1000"]

    asyncio.run(check())


def test_a_class_that_changes_makes_it_count() -> None:
    """A session that began without its home is a logon once it has it."""

    async def check() -> None:
        async with scene() as it:
            it.logons.opened(session(1, 1000, "user-incomplete"))
            await it.settled()
            assert not it.logons.open
            it.logons.opened(session(1, 1000, "user"))
            await it.settled()
            assert it.logons.open == {1000: 1}

    asyncio.run(check())


def test_one_user_whose_account_hangs_holds_up_nobody() -> None:
    """The others are logged on meanwhile."""

    async def check() -> None:
        async with scene() as it:
            it.book.answering.clear()
            it.logons.opened(session(1, 1000))
            await until(lambda: it.book.asked == 1, "alice is asked for")
            # Another database, as the first will not answer.
            it.logons.accounts = Book(BOB)
            it.logons.opened(session(2, 1001))
            await until(lambda: it.heard.all == ["+1001"], "bob is logged on")

    asyncio.run(check())
