"""Logons through whichever source works: a real bus that comes and goes, and real files."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cscd.config.settings import SessionSettings
from cscd.daemon.logon.sessions import Sessions
from tests.daemon.bus import Bus, FakeSession, logind, until
from tests.daemon.logonpeer import ALICE, BOB, Book, Heard, Kept
from tests.support import requires


@dataclass
class Machine:
    """A bus, logind's directory, and what was told."""

    bus: Bus
    directory: Path
    heard: Heard
    kept: Kept

    def open(self, session_id: str, uid: int) -> None:
        """Write the file of a session as logind does."""
        aside = self.directory / "sessions" / f".#{session_id}"
        aside.write_text(f"UID={uid}\nUSER=x\nSTATE=active\nCLASS=user\n")
        aside.rename(self.directory / "sessions" / session_id)

    def close(self, session_id: str) -> None:
        """Remove the file of a session."""
        (self.directory / "sessions" / session_id).unlink()

    @contextlib.asynccontextmanager
    async def sessions(self, **settings: Any) -> AsyncIterator[Sessions]:  # noqa: ANN401 - any setting
        """Sessions at work."""
        sessions = Sessions(
            SessionSettings(**settings),
            self.kept.log,
            Book(ALICE, BOB),
            self.heard,
            runtime_directory=str(self.directory),
            bus_address=self.bus.address,
        )
        task = asyncio.create_task(sessions.run())
        try:
            yield sessions
            assert not task.done()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """A machine whose bus does not run yet, and that tries again soon."""
    requires.command("dbus-daemon")
    monkeypatch.setattr("cscd.daemon.logon.sessions.FIRST_PAUSE", 0.02)
    monkeypatch.setattr("cscd.daemon.logon.sessions.LONGEST_PAUSE", 0.1)
    (tmp_path / "sessions").mkdir()
    bus = Bus(tmp_path)
    yield Machine(bus, tmp_path, Heard(), Kept())
    bus.kill()


def test_logind_is_taken_where_it_works(machine: Machine) -> None:
    """It is said so, and who is there is listed as the start."""

    async def check() -> None:
        machine.bus.start()
        async with logind(machine.bus) as fake:
            fake.sessions = {"1": FakeSession(1000)}
            async with machine.sessions() as sessions:
                await until(lambda: machine.kept.fields("sessions_listed"), "it is listed")
                assert sessions.source == "logind"
                assert sessions.open == {1000: 1}
                assert machine.kept.fields("session_source_changed") == [
                    {"source": "logind", "reason": "automatic"}
                ]
                assert machine.kept.fields("sessions_listed") == [
                    {"reason": "start", "users": 1, "opened": 1, "closed": 0}
                ]
                assert not machine.kept.fields("session_source_lost")

    asyncio.run(check())


def test_without_a_bus_the_files_are_taken(machine: Machine) -> None:
    """And nothing was lost, for there was nothing."""

    async def check() -> None:
        machine.open("1", 1000)
        async with machine.sessions() as sessions:
            await until(lambda: machine.heard.all == ["+1000"], "alice is logged on")
            assert sessions.source == "runtime-directory"
            assert machine.kept.fields("session_source_changed") == [
                {"source": "runtime-directory", "reason": "automatic"}
            ]
            assert not machine.kept.fields("session_source_lost")

    asyncio.run(check())


def test_the_bus_goes_and_comes_back(machine: Machine) -> None:
    """Logons meanwhile are seen in the files; who stays logged on notices nothing of either change."""

    async def check() -> None:
        machine.bus.start()
        machine.open("1", 1000)
        async with machine.sessions() as sessions:
            async with logind(machine.bus) as fake:
                fake.sessions = {"1": FakeSession(1000)}
                await until(lambda: sessions.source == "logind", "logind is taken")
                await until(lambda: sessions.open, "alice is logged on")
                machine.bus.kill()
                await until(lambda: sessions.source == "runtime-directory", "the files are taken")
                machine.open("2", 1001)
                await until(lambda: sessions.open == {1000: 1, 1001: 1}, "bob is seen in the files")
            machine.bus.start()
            async with logind(machine.bus) as fake:
                fake.sessions = {"1": FakeSession(1000), "2": FakeSession(1001)}
                await until(lambda: sessions.source == "logind", "logind is back")
                # What the files say does not count any more.
                machine.close("1")
                await fake.close("2")
                await until(lambda: sessions.open == {1000: 1}, "bob has gone")
                assert machine.heard.all == ["+1000", "+1001", "-1001"]
                changes = machine.kept.fields("session_source_changed")
                assert [change["reason"] for change in changes] == ["automatic", "fallback", "restored"]
                (lost,) = machine.kept.fields("session_source_lost")
                assert lost["source"] == "logind"
                reasons = [fields["reason"] for fields in machine.kept.fields("sessions_listed")]
                assert reasons[0] == "start"
                assert set(reasons[1:]) == {"reconnect"}

    asyncio.run(check())


def test_what_happened_while_the_bus_was_gone_is_found(machine: Machine) -> None:
    """With logind alone: it is lost once, and who logged on and off unseen is found at the return."""

    async def check() -> None:
        machine.bus.start()
        async with machine.sessions(source="logind") as sessions:
            async with logind(machine.bus) as fake:
                fake.sessions = {"1": FakeSession(1000)}
                await until(lambda: sessions.open == {1000: 1}, "alice is logged on")
                machine.bus.kill()
                await until(lambda: not sessions.source, "logind is lost")
            machine.bus.start()
            async with logind(machine.bus) as fake:
                fake.sessions = {"2": FakeSession(1001)}
                await until(lambda: sessions.open == {1001: 1}, "bob is, and alice is not")
            assert sorted(machine.heard.all) == ["+1000", "+1001", "-1000"]
            reasons = [f["reason"] for f in machine.kept.fields("session_source_changed")]
            assert reasons == ["configured", "restored"]
            assert machine.kept.fields("session_source_lost")[0]["source"] == "logind"

    asyncio.run(check())


def test_a_bus_that_stays_away_is_told_once(machine: Machine) -> None:
    """Trying again and again is not worth a line each time."""

    async def check() -> None:
        async with machine.sessions(source="logind") as sessions:
            await until(lambda: machine.kept.fields("session_source_lost"), "it is told")
            machine.bus.start()
            async with logind(machine.bus):
                await until(lambda: sessions.source == "logind", "it is there")
            assert machine.kept.names()[:2] == ["session_source_lost", "session_source_changed"]

    asyncio.run(check())


def test_ten_users_with_ten_sessions_each(machine: Machine) -> None:
    """One hundred sessions at once are two logons of those who have an account here, and no other."""

    async def check() -> None:
        machine.bus.start()
        async with logind(machine.bus) as fake, machine.sessions() as sessions:
            await until(lambda: sessions.source == "logind", "logind is taken")
            for number in range(100):
                await fake.open(str(number), 1000 + number % 10)
            await until(lambda: sessions.open == {1000: 10, 1001: 10}, "all are counted")
            assert sorted(machine.heard.all) == ["+1000", "+1001"]

    asyncio.run(check())


def test_other_rules_apply_at_once(machine: Machine) -> None:
    """A reload logs off whom the new rules leave out."""

    async def check() -> None:
        machine.open("1", 1000)
        async with machine.sessions(source="runtime-directory") as sessions:
            await until(lambda: machine.heard.all == ["+1000"], "alice is logged on")
            sessions.reconfigure(SessionSettings(source="runtime-directory", users=("bob",)))
            await until(lambda: machine.heard.all == ["+1000", "-1000"], "alice does not count any more")
            assert not sessions.open

    asyncio.run(check())


def test_a_listener_that_fails_ends_it(machine: Machine) -> None:
    """A mistake of ours is not swallowed by a task that nobody waits for."""

    async def check() -> None:
        def fail(account: object) -> None:
            raise ZeroDivisionError(account)

        machine.heard.logged_on = fail  # type: ignore[method-assign] # what fails here, and nothing else
        machine.open("1", 1000)
        with pytest.raises(ExceptionGroup) as caught:
            async with asyncio.timeout(10):
                await Sessions(
                    SessionSettings(source="runtime-directory"),
                    machine.kept.log,
                    Book(ALICE),
                    machine.heard,
                    runtime_directory=str(machine.directory),
                ).run()
        assert caught.group_contains(ZeroDivisionError)

    asyncio.run(check())
