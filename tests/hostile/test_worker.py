"""A user against workers, the own one and others'; and a worker against everybody else."""

import ctypes
import functools
import os
import select
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from cscd.worker.channel import Channel, encoded
from cscd.worker.messages import Ping, Pong, Ready
from cscd.worker.spawning import Exited
from tests.support import forks, ptrace, users
from tests.support.forkserver import DEADLINE, serving
from tests.support.users import ALICE, MALLORY

pytestmark = pytest.mark.root


def read(name: str) -> Callable[[int], object]:
    """Return what reads a file of a process's directory in /proc."""
    return lambda pid: Path(f"/proc/{pid}/{name}").read_bytes()


def read_memory(pid: int) -> object:
    """Read a process's memory without attaching to it (process_vm_readv(2))."""
    libc = ctypes.CDLL(None, use_errno=True)
    here = ctypes.create_string_buffer(8)
    local = (ctypes.c_void_p * 2)(ctypes.addressof(here), 8)
    if libc.process_vm_readv(pid, local, 1, local, 1, 0) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return here.raw


INTRUSIONS: dict[str, Callable[[int], object]] = {
    "ptrace": ptrace.seize,
    "memory": read_memory,
    "mem": lambda pid: os.open(f"/proc/{pid}/mem", os.O_RDWR),
    "environ": read("environ"),
    "auxv": read("auxv"),
    "maps": read("maps"),
    "descriptors": lambda pid: os.listdir(f"/proc/{pid}/fd"),
    "working directory": lambda pid: os.readlink(f"/proc/{pid}/cwd"),
    "rank for want of memory": lambda pid: Path(f"/proc/{pid}/oom_score_adj").write_text("0"),
}


@pytest.mark.parametrize("intrude", INTRUSIONS.values(), ids=INTRUSIONS.keys())
def test_a_users_own_processes_do_not_get_into_the_worker(intrude: Callable[[int], object]) -> None:
    """Keys are in its memory, and its channel leads to the service."""
    with serving() as server:
        worker = server.spawn(ALICE)
        assert worker.hear() == Ready()
        with pytest.raises(PermissionError):
            users.call_as(ALICE, lambda: intrude(worker.pid))


@pytest.mark.parametrize("intrude", INTRUSIONS.values(), ids=INTRUSIONS.keys())
def test_the_intrusions_work_on_a_process_that_is_dumpable(intrude: Callable[[int], object]) -> None:
    """What the worker withstands is real: the same attempts get into any other process of the user."""

    def try_on_a_child() -> None:
        pid = forks.fork()
        if not pid:
            signal.pause()
        try:
            intrude(pid)
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)

    # A process of root's that becomes a user is not dumpable; a program that a user starts is.
    forks.call(try_on_a_child, first=lambda: None)


def test_a_user_who_kills_the_worker_ends_only_that() -> None:
    """The others go on, and the next one starts."""
    with serving() as server:
        hers, others = server.spawn(ALICE), server.spawn(MALLORY)
        assert (hers.hear(), others.hear()) == (Ready(), Ready())
        users.call_as(ALICE, lambda: os.kill(hers.pid, signal.SIGKILL))
        assert server.hear().status == signal.SIGKILL
        others.channel.send(encoded(Ping(number=1)))
        assert others.hear() == Pong(number=1)
        assert server.spawn(ALICE).hear() == Ready()


def test_a_user_who_stops_the_worker_stops_only_that() -> None:
    """A worker that was stopped can still be ended by the service."""
    with serving() as server:
        hers, others = server.spawn(ALICE), server.spawn(MALLORY)
        assert (hers.hear(), others.hear()) == (Ready(), Ready())
        users.call_as(ALICE, lambda: os.kill(hers.pid, signal.SIGSTOP))
        others.channel.send(encoded(Ping(number=1)))
        assert others.hear() == Pong(number=1)
        signal.pidfd_send_signal(hers.pidfd, signal.SIGKILL)
        assert server.hear().status == signal.SIGKILL


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM, signal.SIGCHLD])
def test_a_user_does_not_reach_the_fork_server(number: signal.Signals) -> None:
    """It is root's, as are the workers of others theirs."""
    with serving() as server:
        other = server.spawn(MALLORY)
        assert other.hear() == Ready()
        for pid in (server.pid, other.pid):
            with pytest.raises(PermissionError):
                users.call_as(ALICE, functools.partial(os.kill, pid, number))


def test_a_worker_reaches_nobody_else() -> None:
    """What a worker taken over sends to all processes reaches those of its user alone."""

    def kill_all(channel: Channel) -> int:
        channel.send(Ready())
        os.kill(-1, signal.SIGKILL)  # all but itself (kill(2))
        return 9

    with serving(kill_all) as server:
        worker = server.spawn(ALICE)
        assert worker.hear() == Ready()
        assert server.hear().status == 9 << 8
        assert server.spawn(ALICE).hear() == Ready()


def test_a_worker_with_more_and_more_children_is_ended_with_all_of_them() -> None:
    """They fork without end, in sessions of their own, and none is left."""

    def multiply(channel: Channel) -> int:
        channel.send(Ready())
        for _ in range(40):
            if not forks.fork():
                os.setsid()
                if forks.fork():
                    os._exit(0)
                signal.pause()
        channel.receive()
        return 0

    with serving(multiply) as server:
        worker = server.spawn(ALICE)
        assert worker.hear() == Ready()
        signal.pidfd_send_signal(worker.pidfd, signal.SIGKILL)
        assert select.select([worker.channel], [], [], DEADLINE)[0]
        assert worker.channel.recv(1) == b""  # nobody is left who holds the other end
        assert server.hear() == Exited(pid=worker.pid, status=signal.SIGKILL)
        another = server.spawn(ALICE)
        assert another.hear() == Ready()
        another.channel.setblocking(False)  # noqa: FBT003 - the standard library's
        end = another.channel.dup()
    with end:
        assert end.recv(1) == b""  # they end with the fork server, too: nobody has the other end any more
