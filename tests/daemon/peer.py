"""A worker that does what a test says, at the other end of a real channel; and a service around one user."""

import asyncio
import os
import select
import signal
import socket
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from cscd.config import Settings
from cscd.daemon.keys.keyring import Changed, PassKeys, Standing
from cscd.daemon.logon.account import Account
from cscd.daemon.state.cache import Cache
from cscd.daemon.state.database import Database
from cscd.daemon.state.records import UserRecord
from cscd.daemon.telling.totals import Totals
from cscd.daemon.work.shared import Shared
from cscd.daemon.work.turns import Turns
from cscd.daemon.work.worker import WorkerProcess
from cscd.events.log import Log
from cscd.events.record import Record
from cscd.files.goal import State
from cscd.worker.channel import encoded, from_daemon, pair, receive
from cscd.worker.holder import lending
from cscd.worker.holder.reply import Refused
from cscd.worker.messages import Message, PassEnded, Ready, StartPass

ALICE = Account("alice", 1001, 1001, "/home/alice", (1001,))
DEADLINE = 10.0
"""Seconds to wait for anything; more than enough."""


def within(test: Coroutine[Any, Any, None]) -> None:
    """Run a test in a loop of its own, which fails what nobody caught in it."""
    caught: list[dict[str, Any]] = []

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: caught.append(context))
        await asyncio.wait_for(test, 2 * DEADLINE)

    try:
        asyncio.run(run())
    finally:
        while _PEERS:
            _PEERS.pop().close()
        while _DESCRIPTORS:
            os.close(_DESCRIPTORS.pop())
    assert not caught


async def until(event: Callable[[], object]) -> None:
    """Let the loop run until something is so."""
    async with asyncio.timeout(DEADLINE):
        while not event():  # noqa: ASYNC110 - what is waited for tells nobody that it has come
            await asyncio.sleep(0.001)


_PEERS: "list[Peer]" = []
"""Those of the test that runs, to be closed at its end."""
_DESCRIPTORS: list[int] = []
"""Those that peers were given."""


class Peer:
    """The worker's side, and the process that it would be in."""

    def __init__(self, pid: int = 4711) -> None:
        self.connection, self._socket = pair()
        for end in (self.connection, self._socket):
            end.setblocking(False)  # noqa: FBT003 - the standard library's
        _PEERS.append(self)
        self.pid = pid
        self.beside: list[int] = []
        """The descriptors that came beside what it heard last; closed at the end of the test."""
        self.words = ""
        self._status: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    # -- as a WorkerProcess --------------------------------------------------------------------

    def kill(self) -> None:
        """Die."""
        self.exit(signal.SIGKILL)

    async def ended(self) -> int:
        """Wait for the end."""
        return await asyncio.shield(self._status)

    # -- as the worker -------------------------------------------------------------------------

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self._status.done()

    def exit(self, status: int = 0) -> None:
        """End with a wait status."""
        if not self.over:
            self._socket.close()
            self._status.set_result(status)

    def close(self) -> None:
        """Let go of both ends."""
        self._socket.close()
        self.connection.close()

    def say(self, message: Message) -> None:
        """Say something."""
        self.say_bytes(encoded(message))

    def say_bytes(self, data: bytes) -> None:
        """Say anything."""
        self._socket.send(data)

    async def hear(self) -> Any:  # noqa: ANN401 - a message of the daemon's; None when it has hung up
        """Wait for what the daemon says next."""
        await until(lambda: select.select([self._socket], [], [], 0)[0])
        data, self.beside = receive(self._socket)
        _DESCRIPTORS.extend(self.beside)
        return from_daemon(data) if data else None

    def silent(self) -> bool:
        """Whether the daemon has said nothing that was not heard."""
        try:
            return not self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True

    async def be_ready(self) -> None:
        """Take the setup and be ready."""
        await self.hear()
        self.say(Ready())

    async def hear_start(self) -> StartPass:
        """Wait for a pass to start, whatever else is said before."""
        while not isinstance(message := await self.hear(), StartPass):
            assert message is not None
        return message

    def finish(self, start: StartPass, **counts: Any) -> None:  # noqa: ANN401 - fields of PassEnded
        """End a pass, all right unless `counts` say otherwise."""
        facts = {"complete": True, "partial": False, "stopped": False, **counts}
        self.say(PassEnded(pass_id=start.pass_id, **facts))


class Kept:
    """A sink that keeps records."""

    name = "kept"

    def __init__(self) -> None:
        self.records: list[Record] = []

    def write(self, record: Record) -> None:
        """Keep one."""
        self.records.append(record)

    def reopen(self) -> None:
        """Nothing is open."""

    def close(self) -> None:
        """Nothing is open."""


class Keys:
    """Keys that are always there."""

    def __init__(self) -> None:
        self.there: set[int] = set()
        self.slept = 0

    async def for_pass(self, account: Account, goal: State) -> PassKeys:  # noqa: ARG002 - of a protocol
        """Return them."""
        return PassKeys(("age1user",), lending.lent(()) if goal is State.UNENCRYPTED else None)

    async def recipient(self, account: Account) -> str | None:  # noqa: ARG002 - of a protocol
        """Return it."""
        return "age1user"

    async def answer(self, uid: int, asked: object, connection: object) -> bytes | None:  # noqa: ARG002 - of a protocol
        """Open nothing."""
        raise Refused("no_match", "there is no key")

    def on_change(self, changed: Changed) -> None:
        """Be told who is told."""
        self.changed = changed

    def arrived(self, uid: int) -> None:
        """Take note of a user."""
        self.there.add(uid)

    def left(self, uid: int) -> None:
        """Take note that one has left."""
        self.there.discard(uid)

    def sleep(self) -> None:
        """Take note of a suspend."""
        self.slept += 1

    def reconfigure(self, settings: Settings) -> None:
        """Go by nothing."""

    async def stop(self) -> None:
        """Forget nothing."""

    def standing(self, uid: int) -> Standing | None:  # noqa: ARG002 - of a protocol
        """Know nothing."""
        return None


class World:
    """All that a user of the service has around them, with workers that are peers."""

    def __init__(self, directory: Path, settings: Settings | None = None, most_passes: int = 2) -> None:
        self.kept = Kept()
        self.peers: list[Peer] = []
        self.refusing: Exception | None = None
        """What a spawn raises, if anything."""
        log = Log([self.kept])
        self.settings = settings or Settings()
        self.database, _ = Database.open(str(directory / "state.db"))
        cache = Cache(self.settings.encryption, self.database, log)
        cache.apply(self.settings.encryption)
        self.shared = Shared(
            self.settings,
            log,
            cache,
            self.database,
            Keys(),
            Turns(most_passes),
            Totals(),
            self,
            self._remember,
            lambda _account: str(directory),
        )

    def _remember(self, record: UserRecord) -> None:
        self.database.keep_user(record)

    async def spawn(self, account: Account, memory: int) -> WorkerProcess:  # noqa: ARG002 - of a protocol
        """Start a peer."""
        if self.refusing:
            raise self.refusing
        self.peers.append(Peer(4711 + len(self.peers)))
        return self.peers[-1]

    async def peer(self, number: int = -1, *, ready: bool = True) -> Peer:
        """Wait for a worker to be started, and have it be ready."""
        wanted = number if number >= 0 else len(self.peers)
        await until(lambda: len(self.peers) > wanted)
        if ready:
            await self.peers[wanted].be_ready()
        return self.peers[wanted]

    @property
    def told(self) -> list[str]:
        """The names of the events told so far."""
        return [record.event for record in self.kept.records]

    def last(self, event: str) -> dict[str, Any]:
        """Return the fields of the last event of a name."""
        return dict(next(each for each in reversed(self.kept.records) if each.event == event).fields)

    def close(self) -> None:
        """Let go of everything."""
        for peer in self.peers:
            peer.exit()
        self.database.close()
