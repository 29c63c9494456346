"""The source `runtime-directory`, on real files that come and go as logind has them do."""

import asyncio
import contextlib
import os
import threading
from collections.abc import AsyncIterator, Collection
from pathlib import Path

import pytest
from watchdog.observers.inotify_c import InotifyFD

from cscd.daemon.logon.runtime_directory import RuntimeDirectorySource, parsed
from cscd.daemon.logon.session import Session, SourceLostError
from tests.daemon.bus import until

ALICE = b"# This is private data. Do not parse.\nUID=1000\nUSER=alice\nACTIVE=1\nSTATE=active\nCLASS=user\n"


class Heard:
    """What a source told, kept as it leaves matters."""

    def __init__(self) -> None:
        self.now: dict[str, Session] = {}
        self.lists = 0

    def listed(self, sessions: Collection[Session], _reason: str) -> None:
        """Take all."""
        self.now = {session.id: session for session in sessions}
        self.lists += 1

    def opened(self, session: Session) -> None:
        """Take one."""
        self.now[session.id] = session

    def closed(self, session_id: str) -> None:
        """Drop one."""
        self.now.pop(session_id, None)

    def slept(self) -> None:
        """Never hear of it: the files do not tell."""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The directory of sessions."""
    (tmp_path / "sessions").mkdir()
    return tmp_path / "sessions"


@contextlib.asynccontextmanager
async def watching(directory: Path, relist: float = 300.0) -> AsyncIterator[tuple[Heard, asyncio.Task[None]]]:
    """A source at work that has listed."""
    heard = Heard()
    task = asyncio.create_task(RuntimeDirectorySource(str(directory.parent), relist=relist).watch(heard))
    try:
        await until(lambda: heard.lists or task.done(), "the source has listed")
        yield heard, task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def write(directory: Path, session_id: str, content: bytes = ALICE) -> None:
    """Write a session's file aside and rename it, as logind does."""
    aside = directory / f".#{session_id}abcdef"
    aside.write_bytes(content)
    aside.rename(directory / session_id)


def test_sessions_are_listed_and_followed(directory: Path) -> None:
    """Those that are there count, new ones come, closing and removed ones go."""

    async def check() -> None:
        write(directory, "1")
        async with watching(directory) as (heard, _task):
            assert heard.now == {"1": Session("1", 1000, "alice", "user")}
            write(directory, "c2", ALICE.replace(b"1000", b"1001"))
            await until(lambda: "c2" in heard.now, "the new session is told")
            assert heard.now["c2"].uid == 1001
            write(directory, "1", ALICE.replace(b"STATE=active", b"STATE=closing"))
            await until(lambda: "1" not in heard.now, "the closing session is over")
            (directory / "c2").unlink()
            await until(lambda: not heard.now, "the removed session is over")
            assert heard.lists == 1

    asyncio.run(check())


def test_what_lies_beside_the_sessions_is_none(directory: Path) -> None:
    """FIFOs, links, directories, devices and files half written are never waited for, nor followed."""

    async def check() -> None:
        outside = directory.parent / "outside"
        outside.write_bytes(ALICE)
        os.mkfifo(directory / "1.ref")
        os.mkfifo(directory / "2")
        (directory / "3").symlink_to(outside)
        (directory / "4").mkdir()
        (directory / ".#5").write_bytes(ALICE)
        (directory / os.fsdecode(b"\xff\xfe")).write_bytes(ALICE)
        (directory / "6").write_bytes(ALICE + b"X" * 20_000)
        (directory / "7").write_bytes(b"")
        write(directory, "8")
        async with watching(directory) as (heard, _task):
            assert heard.now.keys() == {"8"}

    asyncio.run(check())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\x00",
        b"UID=1000\n",
        ALICE.replace(b"UID=1000", b"UID=-1"),
        ALICE.replace(b"UID=1000", b"UID=4294967295"),
        ALICE.replace(b"UID=1000", b"UID=99999999999999999999"),
        ALICE.replace(b"UID=1000", "UID=\u0661\u0660\u0660\u0660".encode()),
        ALICE.replace(b"UID=1000", b"UID=1000 "),
        ALICE.replace(b"CLASS=user", b"CLASS=User Class"),
        ALICE.replace(b"CLASS=user", b""),
        ALICE.replace(b"STATE=active", b"STATE=closing"),
    ],
)
def test_a_file_that_makes_no_sense_is_no_session(content: bytes) -> None:
    """Nothing is guessed."""
    assert parsed("1", content) is None


def test_bytes_that_are_no_text_harm_nothing_else() -> None:
    """A value in another encoding is not what counts."""
    found = parsed("1", ALICE + b"DESKTOP=\xff\xfe\n")
    assert found == Session("1", 1000, "alice", "user")


def test_lost_events_are_answered_with_a_list(directory: Path) -> None:
    """What the kernel could not tell of is found."""

    async def check() -> None:
        source = RuntimeDirectorySource(str(directory.parent))
        heard = Heard()
        task = asyncio.create_task(source.watch(heard))
        await until(lambda: heard.lists == 1, "it is listed")
        # As watchdog's thread calls it when the kernel says IN_Q_OVERFLOW.
        (reader,) = [thread for thread in threading.enumerate() if type(thread).__name__ == "_Reader"]
        (watch,) = reader._watch_for_wd.values()  # type: ignore[attr-defined] # noqa: SLF001
        (callback,) = watch.callbacks.values()
        callback.on_queue_overflow()
        await until(lambda: heard.lists == 2, "it is listed anew")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(check())


def test_a_thread_that_dies_loses_the_source(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody would tell of logons any more, so it is begun anew."""

    async def check() -> None:
        async with watching(directory) as (_heard, task):
            monkeypatch.setattr(InotifyFD, "handle_event", lambda _self, _event: 1 // 0)
            write(directory, "1")
            with pytest.raises(SourceLostError, match="the thread that watches it ended"):
                await asyncio.wait_for(task, 10)

    asyncio.run(check())


def test_a_directory_that_is_removed_loses_the_source(directory: Path) -> None:
    """It is noticed at once, also while we have it open."""

    async def check() -> None:
        async with watching(directory) as (_heard, task):
            os.rename(directory, f"{directory}.old")
            with pytest.raises(SourceLostError, match="removed or replaced"):
                await asyncio.wait_for(task, 10)

    asyncio.run(check())


def test_a_directory_above_that_is_replaced_is_noticed(tmp_path: Path) -> None:
    """By the list that comes now and then, for the kernel tells nothing."""

    async def check() -> None:
        directory = tmp_path / "systemd" / "sessions"
        directory.mkdir(parents=True)
        async with watching(directory, relist=0.05) as (_heard, task):
            (tmp_path / "systemd").rename(tmp_path / "old")
            directory.mkdir(parents=True)
            with pytest.raises(SourceLostError, match="removed or replaced"):
                await asyncio.wait_for(task, 10)

    asyncio.run(check())


def test_no_directory_loses_the_source(tmp_path: Path) -> None:
    """A machine without logind has none; a file or a link is none."""

    async def check() -> None:
        with pytest.raises(SourceLostError, match="No such file"):
            await RuntimeDirectorySource(str(tmp_path)).watch(Heard())
        (tmp_path / "sessions").write_bytes(b"")
        with pytest.raises(SourceLostError, match="Not a directory"):
            await RuntimeDirectorySource(str(tmp_path)).watch(Heard())

    asyncio.run(check())


def test_nothing_is_left_behind(directory: Path) -> None:
    """Neither a thread nor a descriptor, however often it is begun anew."""

    def readers() -> int:
        return sum(type(thread).__name__ == "_Reader" for thread in threading.enumerate())

    async def check() -> None:
        async with watching(directory):
            assert readers() == 1
        assert not readers()

    asyncio.run(check())
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        asyncio.run(check())
    assert len(os.listdir("/proc/self/fd")) == before
