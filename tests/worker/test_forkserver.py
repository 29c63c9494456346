"""The fork server itself, asked as the daemon asks it; its workers do what each test has them do."""

import errno
import os
import resource
import select
import signal
import socket
import sys
from pathlib import Path

import pytest

from cscd.worker import channel
from cscd.worker.channel import LONGEST, Channel, encoded, from_worker
from cscd.worker.messages import Ping, Pong, Ready
from cscd.worker.spawning import Ending, Exited, Refused, Spawn, Spawned
from tests.support import forks, users
from tests.support.forkserver import DEADLINE, MEMORY, serving
from tests.support.users import ALICE, User
from tests.support.waiting import wait_until


def is_over(pidfd: int) -> bool:
    """Whether the process behind the descriptor has ended."""
    return bool(select.select([pidfd], [], [], 0)[0])


@pytest.mark.root
def test_an_end_is_told() -> None:
    """With the exit code, and the descriptor given is the worker's."""
    with serving(lambda _: 7) as server:
        worker = server.spawn()
        assert server.hear() == Exited(pid=worker.pid, status=7 << 8)
        assert is_over(worker.pidfd)


@pytest.mark.root
def test_what_a_worker_writes_last_is_told() -> None:
    """An error that nobody expected comes with its traceback; what is long is cut at its beginning."""

    def fail(_channel: Channel) -> int:
        sys.stderr.write("x" * 5000 + "\n")
        raise RuntimeError("here")

    with serving(fail) as server:
        server.spawn()
        exited = server.hear()
    assert os.waitstatus_to_exitcode(exited.status) == Ending.FAILED
    assert exited.words.endswith("RuntimeError: here")
    assert len(exited.words) == 1000


@pytest.mark.root
def test_a_worker_that_writes_and_writes_does_not_wait() -> None:
    """Nobody reads it before its end, and it is not held up."""

    def write(_channel: Channel) -> int:
        written = 0
        while written < 1 << 20:
            try:
                written += os.write(2, bytes(4096))
            except BlockingIOError:
                return 3
        return 0

    with serving(write) as server:
        server.spawn()
        assert os.waitstatus_to_exitcode(server.hear().status) == 3


@pytest.mark.root
def test_a_worker_without_memory_says_so() -> None:
    """Wanting more than is allowed is an end of its own kind."""
    with serving(lambda _: len(bytearray(1 << 30)) and 0) as server:
        server.spawn()
        assert os.waitstatus_to_exitcode(server.hear().status) == Ending.OUT_OF_MEMORY


@pytest.mark.root
def test_a_worker_that_cannot_be_confined_does_nothing() -> None:
    """It ends before its work begins, and says why."""
    with serving() as server:
        ours = server.ask(User(0, 0))
        assert isinstance(server.hear(), Spawned)
        exited = server.hear()
        assert ours.recv(LONGEST) == b""
        ours.close()
    assert os.waitstatus_to_exitcode(exited.status) == Ending.NOT_CONFINED
    assert "root gets no worker" in exited.words


def test_an_ordinary_user_has_workers() -> None:
    """Started without root's rights, it forks workers of its own user."""
    user = ALICE if not os.getuid() else User(os.getuid(), os.getgid())
    with serving(first=lambda: None if os.getuid() else users.become(ALICE)) as server:
        worker = server.spawn(user)
        assert worker.hear() == Ready()
        worker.channel.send(encoded(Ping(number=5)))
        assert worker.hear() == Pong(number=5)


# -- robust ----------------------------------------------------------------------------------------------


@pytest.mark.root
@pytest.mark.parametrize(
    "garbage", [b"garbage", b"{}", b"[" * 100_000, b"\xff" * 100_000, b'{"kind":"spawn"}']
)
def test_garbage_is_refused(garbage: bytes) -> None:
    """What is no request starts nothing and ends nothing."""
    with serving() as server:
        server.connection.send(garbage)
        assert server.hear() == Refused(token=0, errno=errno.EBADMSG)
        assert server.spawn().hear() == Ready()


@pytest.mark.root
def test_a_request_without_a_channel_is_refused() -> None:
    """There is nothing to talk over."""
    with serving() as server:
        server.connection.send(
            encoded(Spawn(token=9, uid=ALICE.uid, gid=ALICE.gid, groups=(), memory=MEMORY))
        )
        assert server.hear() == Refused(token=9, errno=errno.EMFILE)


@pytest.mark.root
def test_descriptors_beyond_the_one_are_closed() -> None:
    """A request with many brings the fork server none of them."""
    with serving() as server:
        before = sorted(os.listdir(f"/proc/{server.pid}/fd"))
        ours, theirs = channel.pair()
        spawn = Spawn(token=9, uid=ALICE.uid, gid=ALICE.gid, groups=(), memory=MEMORY)
        socket.send_fds(server.connection, [encoded(spawn)], [theirs.fileno(), 0, 1, 2])
        theirs.close()
        spawned = server.hear()
        assert from_worker(ours.recv(LONGEST)) == Ready()
        ours.close()
        assert server.hear() == Exited(pid=spawned.pid, status=0)
        # It still looks for what the worker has left behind, for which it opens a file for a moment.
        wait_until(lambda: sorted(os.listdir(f"/proc/{server.pid}/fd")) == before, "all are closed")


@pytest.mark.root
@pytest.mark.parametrize("room", [0, 1, 2])
def test_no_room_for_descriptors_is_a_refusal(room: int) -> None:
    """With all descriptors in use there is no worker, and with room again there is."""
    with serving() as server:
        _, hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
        used = {int(name) for name in os.listdir(f"/proc/{server.pid}/fd")}
        free = [number for number in range(max(used) + 9) if number not in used]
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (free[room], hard))
        ours = server.ask(ALICE, token=3)
        assert server.hear() == Refused(token=3, errno=errno.EMFILE)
        ours.close()
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (hard, hard))
        assert server.spawn().hear() == Ready()


@pytest.mark.root
def test_a_fork_that_fails_is_a_refusal() -> None:
    """The kernel's reason is passed on."""

    def be_allowed_one_process() -> None:
        users.become(ALICE)
        resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))

    with serving(first=be_allowed_one_process) as server:
        for token in range(3):
            server.ask(ALICE, token=token).close()
            assert server.hear() == Refused(token=token, errno=errno.EAGAIN)


@pytest.mark.root
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_to_the_group_do_not_end_it(number: signal.Signals) -> None:
    """When it ends is the daemon's to decide."""
    with serving() as server:
        os.kill(server.pid, number)
        assert server.spawn().hear() == Ready()


@pytest.mark.root
def test_workers_end_with_it() -> None:
    """However it ends, also those that are stopped or wait."""
    with serving() as server:
        workers = [server.spawn() for _ in range(3)]
        for worker in workers:
            assert worker.hear() == Ready()
        os.kill(workers[0].pid, signal.SIGSTOP)
        server.connection.close()
        for worker in workers:
            assert select.select([worker.pidfd], [], [], DEADLINE)[0]


@pytest.mark.root
def test_what_a_worker_leaves_behind_is_ended() -> None:
    """Also what has left its session, and ignores what it can."""

    def leave_something(talk: Channel) -> int:
        heard, says = os.pipe()
        if forks.fork():
            os.close(says)
            os.read(heard, 1)
            return 0
        os.setsid()
        if forks.fork():
            os._exit(0)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        talk.send(Ready())
        os.close(says)
        signal.pause()
        return 0

    with serving(leave_something) as server:
        worker = server.spawn()
        assert worker.hear() == Ready()
        assert worker.hear() is None  # the last that held the other end is gone
        assert isinstance(server.hear(), Exited)
        children = Path(f"/proc/{server.pid}/task/{server.pid}/children")
        wait_until(lambda: not children.read_text(encoding="ascii"), "all are reaped")
