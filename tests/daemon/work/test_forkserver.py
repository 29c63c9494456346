"""The fork server, seen from the daemon: a real one, real workers, real users."""

import asyncio
import os
import signal
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from cscd.daemon.logon.account import Account
from cscd.daemon.work.forkserver import ForkServer
from cscd.daemon.work.process import WorkerProcess
from cscd.errors import AccountError
from cscd.events.log import Log
from cscd.worker.channel import LONGEST, encoded, from_worker
from cscd.worker.messages import Ping, Pong, Ready
from tests.daemon.peer import until
from tests.events.kept import Kept
from tests.support import residents
from tests.support.users import ALICE, MALLORY, User

MEMORY = 256 << 20
DEADLINE = 20.0


def account_of(user: User) -> Account:
    """Return the account of a user that no database knows."""
    return Account("", user.uid, user.gid, "/", (user.gid,))


@asynccontextmanager
async def fork_server(kept: Kept | None = None) -> AsyncIterator[ForkServer]:
    """Run a fork server whose workers are `tests.support.residents`."""
    log = Log([kept or Kept()])
    server = ForkServer(log, [residents.__file__])
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
        log.close()


async def hear(worker: WorkerProcess) -> Any:  # noqa: ANN401 - a message of a worker's
    """Wait for what a worker says; None when it has hung up."""
    loop = asyncio.get_running_loop()
    data = await asyncio.wait_for(loop.sock_recv(worker.connection, LONGEST + 1), DEADLINE)
    return from_worker(data) if data else None


async def ready(server: ForkServer, account: Account) -> WorkerProcess:
    """Start a worker and wait until it is ready."""
    worker = await server.spawn(account, MEMORY)
    assert isinstance(await hear(worker), Ready)
    return worker


def run(test: Callable[[], Awaitable[None]]) -> None:
    """Run a test in a loop of its own, not for ever."""

    async def bounded() -> None:
        await asyncio.wait_for(test(), 3 * DEADLINE)

    asyncio.run(bounded())


def status_of(pid: int) -> dict[str, str]:
    """Return what the kernel says of a process."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    return {name: value.strip() for name, _, value in (line.partition(":") for line in text.splitlines())}


def children_of(pid: int) -> list[int]:
    """Return the processes that a process has forked."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in children.read_text(encoding="ascii").split()]


@pytest.mark.root
def test_a_worker_is_its_user_and_nothing_more() -> None:
    """Ids, groups and capabilities are the user's from the first message on."""

    async def test() -> None:
        async with fork_server() as server:
            worker = await ready(server, account_of(ALICE))
            status = status_of(worker.pid)
            worker.connection.close()
            assert await worker.ended() == 0
        assert status["Uid"].split() == [str(ALICE.uid)] * 4
        assert status["Gid"].split() == [str(ALICE.gid)] * 4
        assert status["Groups"].split() == [str(ALICE.gid)]
        assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {0}
        assert status["NoNewPrivs"] == "1"

    run(test)


@pytest.mark.root
def test_a_worker_answers_over_its_own_channel() -> None:
    """Two workers are two processes, each of which hears what is sent to it alone."""

    async def test() -> None:
        async with fork_server() as server:
            workers = [await ready(server, account_of(user)) for user in (ALICE, MALLORY)]
            for number, worker in enumerate(workers):
                worker.connection.send(encoded(Ping(number=number)))
            assert [await hear(worker) for worker in workers] == [Pong(number=0), Pong(number=1)]
            for worker in workers:
                worker.connection.close()

    run(test)


@pytest.mark.root
def test_a_worker_can_be_killed() -> None:
    """It ends by the signal, and killing it again is harmless."""

    async def test() -> None:
        async with fork_server() as server:
            worker = await ready(server, account_of(ALICE))
            worker.kill()
            assert await worker.ended() == signal.SIGKILL
            worker.kill()
            worker.connection.close()

    run(test)


@pytest.mark.root
def test_workers_end_with_the_fork_server_which_is_started_again() -> None:
    """Killed, it takes its workers along; the next worker comes from another one, and the log tells."""

    async def test() -> None:
        kept = Kept()
        async with fork_server(kept) as server:
            worker = await ready(server, account_of(ALICE))
            os.kill(int(status_of(worker.pid)["PPid"]), signal.SIGKILL)
            assert await worker.ended() == signal.SIGKILL
            worker.connection.close()
            other = await ready(server, account_of(ALICE))
            other.connection.close()
        assert kept.names == ["fork_server_restarted"]
        assert kept.records[0].fields["workers"] == 1

    run(test)


def test_root_gets_no_worker() -> None:
    """What is cached for root stays as it is: nothing would confine its worker."""

    async def test() -> None:
        async with fork_server() as server:
            with pytest.raises(AccountError, match="root gets no worker"):
                await server.spawn(Account("root", 0, 0, "/root", ()), MEMORY)

    run(test)


# -- when things go wrong --------------------------------------------------------------------------------


def script(path: Path, code: str) -> list[str]:
    """Write a program to be run as a fork server."""
    path.write_text(code, encoding="utf-8")
    return [str(path)]


def test_a_fork_server_that_does_not_start_is_an_error(tmp_path: Path) -> None:
    """Nobody waits for one that ends before it is ready."""

    async def test() -> None:
        server = ForkServer(Log([Kept()]), script(tmp_path / "ends", "raise SystemExit(3)"))
        with pytest.raises(ConnectionResetError):
            await server.start()
        await server.stop()

    run(test)


def test_a_fork_server_that_talks_nonsense_is_replaced(tmp_path: Path) -> None:
    """What it says is checked, too; a new one is started, and the old one ends."""
    talks = """
        import os, socket, sys
        connection = socket.socket(fileno=os.dup(int(sys.argv[1])))
        connection.send(b'{"kind":"warm"}')
        connection.send(b"nonsense")
        connection.recv(1)
    """

    async def test() -> None:
        kept = Kept()
        server = ForkServer(Log([kept]), script(tmp_path / "talks", textwrap.dedent(talks)))
        await server.start()
        await until(lambda: bool(kept.records))
        await server.stop()
        assert set(kept.names) == {"fork_server_restarted"}

    run(test)


@pytest.mark.root
def test_a_worker_that_nobody_waits_for_any_more_is_ended() -> None:
    """Whoever asked may have given up before it was there."""

    async def test() -> None:
        async with fork_server() as server:
            asked = [asyncio.create_task(server.spawn(account_of(ALICE), MEMORY)) for _ in range(20)]
            await asyncio.sleep(0)
            for task in asked:
                task.cancel()
            await asyncio.wait(asked)
            worker = await ready(server, account_of(ALICE))
            server_pid = int(status_of(worker.pid)["PPid"])
            await until(lambda: children_of(server_pid) == [worker.pid])
            worker.connection.close()

    run(test)


@pytest.mark.root
def test_many_workers_at_once() -> None:
    """Two hundred users log on at the same time, and all of them are served; they end with the service."""

    async def test() -> None:
        async with fork_server() as server:
            users = [User(100_000 + number, 100_000 + number) for number in range(200)]
            workers = await asyncio.gather(*(ready(server, account_of(user)) for user in users))
            assert len({worker.pid for worker in workers}) == 200
        for worker in workers:
            assert await worker.ended() == signal.SIGKILL
            worker.connection.close()

    run(test)


@pytest.mark.root
def test_after_the_end_there_are_no_workers() -> None:
    """Whoever asks too late is told, as for any other failure."""

    async def test() -> None:
        async with fork_server() as server:
            pass
        with pytest.raises(ConnectionResetError):
            await server.spawn(account_of(ALICE), MEMORY)

    run(test)


@pytest.mark.root
def test_while_it_is_started_again_workers_are_waited_for(tmp_path: Path) -> None:
    """One that cannot be started for a while is tried again, and ending the service meanwhile is no hang."""
    program = tmp_path / "program"
    program.write_bytes(Path(residents.__file__).read_bytes())

    async def test() -> None:
        server = ForkServer(Log([Kept()]), [str(program)])
        await server.start()
        worker = await ready(server, account_of(ALICE))
        program.rename(tmp_path / "away")
        os.kill(int(status_of(worker.pid)["PPid"]), signal.SIGKILL)
        assert await worker.ended() == signal.SIGKILL
        worker.connection.close()
        asked = asyncio.create_task(ready(server, account_of(ALICE)))
        await asyncio.wait((asked,), timeout=0.5)
        assert not asked.done()
        (tmp_path / "away").rename(program)
        (await asked).connection.close()
        program.rename(tmp_path / "away")
        os.kill(children_of(os.getpid())[-1], signal.SIGKILL)
        late = asyncio.create_task(server.spawn(account_of(ALICE), MEMORY))
        await asyncio.wait((late,), timeout=0.5)
        await server.stop()
        with pytest.raises(ConnectionResetError):
            await late

    run(test)
