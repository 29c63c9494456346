"""The service with two users, of whom one means harm: the other's new items are encrypted all the same.

The service, the fork server and the workers are the real ones, and so are the user's means: files, signals.
What would take a bug in a worker first, that it says what its user likes, is played by `puppet`.
"""

import fcntl
import functools
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from cscd.daemon.work import running, user
from cscd.daemon.work.forkserver import ForkServer
from tests.hostile import puppet
from tests.hostile.serving import Served, served
from tests.hostile.test_swapped import statuses, swapping
from tests.support import forks, passes, users
from tests.support.mounts import Mount
from tests.support.users import ALICE, MALLORY
from tests.support.waiting import wait_until

pytestmark = pytest.mark.root

DIRECTORIES = int(os.environ.get("CSCD_HOSTILE_DIRECTORIES", "10000"))
"""Of the one who means harm. A million take some minutes to make."""
ITEMS = 4
"""Items that the other one caches meanwhile."""


def as_mallory(function: Callable[[], object]) -> None:
    """Call something in a process of hers."""
    users.call_as(MALLORY, function)


@contextmanager
def busy(function: Callable[[], object]) -> Iterator[None]:
    """Have a process of hers call something again and again."""
    pid = forks.fork()
    if not pid:
        try:
            users.become(MALLORY)
            while True:
                function()
        finally:
            os._exit(1)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def serves_alice(service: Served) -> None:
    """Make sure that she is served, one item after the other."""
    for number in range(ITEMS):
        service.serves(ALICE, f"item{number} {random.randbytes(4).hex()}")


def hers() -> set[int]:
    """Return the processes that are Mallory's."""
    found = set()
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdecimal() and f"\nUid:\t{MALLORY.uid}\t" in (entry / "status").read_text():
                found.add(int(entry.name))
    return found


def test_directories_swapped_for_links_lead_to_nobody_elses_files(common_path: Path) -> None:
    """Neither another user's items nor root's files are opened or changed, by a worker or by the daemon."""
    with served(common_path) as service:
        outside = common_path / "outside"
        outside.mkdir()
        for number in range(20):
            (outside / f"item{number}").write_bytes(b"root's")
        theirs = service.cache(ALICE) / "theirs"
        theirs.mkdir()
        os.chown(theirs, ALICE.uid, ALICE.gid)
        before = statuses(outside)

        def fill() -> None:
            os.chdir(service.cache(MALLORY))
            for name, target in (("one", outside), ("two", theirs)):
                os.mkdir(name)
                os.symlink(target, f"{name} link")
                for number in range(20):
                    Path(name, f"item{number}").write_bytes(b"hers")

        as_mallory(fill)
        with (
            swapping(MALLORY, service.cache(MALLORY), "one", "one link"),
            swapping(MALLORY, service.cache(MALLORY), "two", "two link"),
        ):
            service.log_on(MALLORY)
            service.log_on(ALICE)
            service.await_told("pass_started", MALLORY)
            serves_alice(service)
            service.await_told("pass_completed", MALLORY)
        assert statuses(outside) == before
        assert not list(theirs.iterdir())


def test_a_great_many_directories_of_one_user_delay_nobody_else(tmpfs: Mount) -> None:
    """They are walked in a turn of its own, and more than the kernel watches is told."""

    def fill() -> None:
        os.chdir(service.cache(MALLORY))
        for number in range(DIRECTORIES):
            if not number % 1000:
                os.mkdir(f"{number // 1000}")
            os.mkdir(f"{number // 1000}/{number}")

    with served(tmpfs.point) as service:
        as_mallory(fill)
        service.log_on(MALLORY)
        service.log_on(ALICE)
        serves_alice(service)
        service.await_told("pass_completed", MALLORY, within=60 + DIRECTORIES / 1000)


def test_what_is_no_file_or_is_called_like_a_device_delays_nobody(common_path: Path) -> None:
    """Nobody opens a pipe that never has a writer; an odd name is a name."""
    names = ["null", "CON", "nul.txt", "COM1", "sda", "tty\n", "-rf", "\udcff", "..."]

    def fill() -> None:
        os.chdir(service.cache(MALLORY))
        for number in range(1000):
            os.mkfifo(f"pipe{number}")
        for name in names:
            Path(name).write_bytes(b"hers")

    with served(common_path) as service:
        as_mallory(fill)
        service.log_on(MALLORY)
        service.log_on(ALICE)
        serves_alice(service)
        for name in names:
            item = service.cache(MALLORY) / name
            wait_until(lambda item=item: passes.is_encrypted(item.read_bytes()), f"{item!r} is encrypted")  # type: ignore[misc] # mypy infers no type for the default


def test_leases_of_ones_own_cost_only_oneself(common_path: Path) -> None:
    """Who opens a leased item would wait for its holder: the pass leaves it, and nobody waits for that."""

    def hold() -> None:
        os.chdir(service.cache(MALLORY))
        signal.signal(signal.SIGIO, signal.SIG_IGN)  # and never lets go
        held = [os.open(f"item{number}", os.O_CREAT | os.O_RDWR) for number in range(50)]
        for fd in held:
            os.write(fd, b"hers")
            fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        Path("held").write_bytes(b"")
        signal.pause()

    with served(common_path) as service, busy(hold):
        held = service.cache(MALLORY) / "held"
        wait_until(held.exists, "the leases are held")
        service.log_on(MALLORY)
        service.log_on(ALICE)
        serves_alice(service)
        service.await_told("item_skipped", MALLORY)


def test_who_kills_the_own_worker_again_and_again_costs_nobody_else(common_path: Path) -> None:
    """With everything that it has begun, whenever there is something; the pauses grow."""

    def kill() -> None:
        with suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
        time.sleep(0.01)

    with served(common_path) as service, busy(kill):
        service.log_on(MALLORY)
        service.log_on(ALICE)
        serves_alice(service)
        service.await_told("worker_failed", MALLORY, 2)
        assert not service.told("worker_failed", ALICE)


def test_who_halts_the_own_worker_in_a_pass_gives_the_turn_back(
    common_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All processes of it but the one that answers the service: with one turn for all, it comes round."""
    monkeypatch.setattr(running, "STALLED", 1.0)
    monkeypatch.setattr(user, "STOPS_WITHIN", 1.0)
    with served(common_path, turns=1) as service:
        large = service.cache(MALLORY) / "large"
        with large.open("wb") as file:
            file.truncate(8 << 30)  # takes no room, but long enough
        os.chown(large, MALLORY.uid, MALLORY.gid)
        service.log_on(MALLORY)
        resident = service.worker(MALLORY)
        service.await_told("pass_started", MALLORY)
        children = wait_until(lambda: hers() - {resident}, "the pass is under way")

        def halt() -> None:
            for pid in children:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSTOP)

        as_mallory(halt)
        item = service.new_item(ALICE, "item")
        service.log_on(ALICE)
        wait_until(lambda: passes.is_encrypted(item.read_bytes()), "the turn came", deadline=20.0)


def test_reloads_without_end_are_few(common_path: Path) -> None:
    """Also in the start, which none of them ends; and users are served meanwhile."""

    def storm(pid: int) -> None:
        for _ in range(500):
            os.kill(pid, signal.SIGHUP)

    with served(common_path, starting=storm) as service:
        service.log_on(ALICE)
        storm(service.pid)
        serves_alice(service)
        wait_until(lambda: len(service.told("config_loaded")) > 2, "it was reloaded twice")
        assert len(service.told("config_loaded")) < 50


@pytest.mark.parametrize("manner", puppet.MANNERS)
def test_a_worker_that_its_user_has_taken_over_costs_nobody_else(
    common_path: Path, monkeypatch: pytest.MonkeyPatch, manner: str
) -> None:
    """Whatever it says, as often as it likes: the others are served, the log stays small, status answers."""
    monkeypatch.setattr(running, "STALLED", 1.0)
    monkeypatch.setattr(running, "LONGEST_TURN", 2.0)
    monkeypatch.setattr(user, "STOPS_WITHIN", 1.0)
    program = (puppet.__file__, manner, str(MALLORY.uid))
    monkeypatch.setattr("cscd.daemon.service.ForkServer", functools.partial(ForkServer, program=program))
    with served(common_path, turns=1) as service:
        service.log_on(MALLORY)
        service.await_told("session_opened", MALLORY)
        item = service.new_item(ALICE, "first")
        service.log_on(ALICE)
        wait_until(lambda: passes.is_encrypted(item.read_bytes()), "the turn came", deadline=20.0)
        serves_alice(service)
        assert service.status()["answer"]["users_all"] == 2
        assert (common_path / "log").stat().st_size < 4 << 20
