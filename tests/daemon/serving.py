"""A control socket that is served by a thread, for clients that wait."""

import asyncio
import os
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cscd.age import X25519Identity, unwrapped
from cscd.daemon.telling.allowance import Limits
from cscd.daemon.telling.control import Control
from cscd.daemon.telling.keyrequests import AskUnwrap, KeyQuestion
from cscd.daemon.telling.requests import AskDrill
from cscd.daemon.telling.status import Status
from cscd.errors import AgeError
from cscd.worker.holder.reply import Refused, file_key_answer
from tests.daemon import statuses

_BEAT = 0.005
"""Seconds between two looks at how late the loop is."""


@dataclass
class Kept:
    """Answers from what the test has put here."""

    status_now: Status = field(default_factory=statuses.poor)
    identities: dict[int, tuple[X25519Identity, ...]] = field(default_factory=dict)
    asked: list[int] = field(default_factory=list)
    """The uids that asked for the status."""
    drills: list[AskDrill] = field(default_factory=list)
    counts: bool = True
    """Whether drills are of a recovery key in force."""
    first: Callable[[], Awaitable[None]] | None = None
    """Waited for before each status."""

    async def status(self, uid: int) -> Status:
        """Return the status as it is now."""
        self.asked.append(uid)
        if self.first:
            await self.first()
        return self.status_now

    async def recipients(self, uid: int) -> tuple[str, ...]:
        """Return those of the user's identities."""
        if uid not in self.identities:
            raise Refused("unknown_user", "no key is kept for you")
        return tuple(str(identity.recipient) for identity in self.identities[uid])

    async def drilled(self, uid: int, drill: AskDrill) -> bool:
        """Take note of a drill."""
        if uid not in (0, os.geteuid()):
            raise Refused("not_allowed", "root's to hold")
        self.drills.append(drill)
        return self.counts

    async def keys(self, uid: int, asked: KeyQuestion, connection: socket.socket) -> bytes | None:  # noqa: ARG002
        """Try the user's identities; other questions about keys get no answer."""
        if not isinstance(asked, AskUnwrap) or uid not in self.identities:
            raise Refused("unknown_user", "no key is kept for you")
        stanzas = [each.shown().stanza() for each in asked.stanzas]
        try:
            file_key = unwrapped(stanzas, self.identities[uid])
        except AgeError as error:
            raise Refused("malformed", str(error)) from None
        if file_key is None:
            raise Refused("no_match", "none of your keys opens it")
        return file_key_answer(file_key)


@dataclass
class Served:
    """A server that runs."""

    path: Path
    answers: Kept
    control: Control
    loop: asyncio.AbstractEventLoop
    limited: list[tuple[int, str]] = field(default_factory=list)
    failed: list[Exception] = field(default_factory=list)

    def call(self, function: Callable[[], Awaitable[None]]) -> None:
        """Run something in the server's loop, and wait for it."""

        async def run() -> None:
            await function()

        asyncio.run_coroutine_threadsafe(run(), self.loop).result(30)

    def stop(self) -> None:
        """Stop listening."""
        self.call(self.control.stop)

    @contextmanager
    def timed(self) -> "Iterator[Timed]":
        """Look how late the loop is while the block lasts, and how long that is."""
        with beating(self.loop) as timed:
            yield timed


@dataclass
class Timed:
    """What was measured while others did their worst."""

    latest: float = 0.0
    """By how many seconds the loop was late, at most."""
    seconds: float = 0.0
    """How long all took."""


@contextmanager
def beating(loop: asyncio.AbstractEventLoop) -> Iterator[Timed]:
    """Look how late a loop in another thread is while the block lasts, and how long that is."""
    timed = Timed()
    looking = asyncio.run_coroutine_threadsafe(_beat(timed), loop)
    begun = time.monotonic()
    try:
        yield timed
    finally:
        timed.seconds = time.monotonic() - begun
        looking.cancel()
        # The cancelled one ends before the loop does.
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result(30)


async def _beat(timed: Timed) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + _BEAT
        await asyncio.sleep(_BEAT)
        timed.latest = max(timed.latest, loop.time() - due)


@contextmanager
def served(path: Path, answers: Kept | None = None, limits: Limits | None = None) -> Iterator[Served]:
    """Serve at a path while the block lasts."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="control")
    answers = answers or Kept()
    limited: list[tuple[int, str]] = []
    failed: list[Exception] = []
    control = Control(
        str(path),
        answers,
        limits=limits,
        limited=lambda uid, limit: limited.append((uid, limit)),
        failed=failed.append,
    )
    thread.start()
    server = Served(path, answers, control, loop, limited, failed)
    try:
        server.call(control.start)
        yield server
        server.stop()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
