"""Becoming a user, for good: real processes, real users."""

import codecs
import functools
import os
import resource
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from cscd.errors import AccountError, ConfinementError
from cscd.worker import confinement, kernel
from cscd.worker.confinement import MOST_GROUPS, Credentials, Limits
from tests.support import forks, requires, users
from tests.support.users import ALICE, MALLORY

codecs.lookup("ascii")  # a fork that is another user may not be able to load it any more

Answer = TypeVar("Answer")

LIMITS = Limits(1 << 30)
CREDENTIALS = Credentials(ALICE.uid, ALICE.gid, (ALICE.gid, 60_850, 60_851))
NOBODY = 2**32 - 2


def open_descriptors() -> set[int]:
    """Return the numbers of all descriptors of this process."""
    return set(map(int, os.listdir("/proc/self/fd")))


def confined(
    function: Callable[[], Answer], user: Credentials = CREDENTIALS, limits: Limits = LIMITS
) -> Answer:
    """Call the function in a fork that is confined, and return its answer."""
    parent = os.getpid()
    return forks.call(
        function, first=lambda: confinement.become(user, limits, parent, open_descriptors() - {0, 1, 2})
    )


def status() -> dict[str, str]:
    """Return what the kernel says of this process."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


@pytest.mark.root
def test_it_is_the_user_and_nothing_more() -> None:
    """Every id and group is the user's, every capability is gone, and none can come back."""
    found = confined(status)
    assert found["Uid"].split() == [str(ALICE.uid)] * 4
    assert found["Gid"].split() == [str(ALICE.gid)] * 4
    assert found["Groups"].split() == [str(ALICE.gid), "60850", "60851"]
    sets = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
    assert {int(found[name], 16) for name in sets} == {0}
    assert found["NoNewPrivs"] == "1"


REGAINS: dict[str, Callable[[], object]] = {
    "uid": lambda: os.setresuid(0, 0, 0),
    "effective uid": lambda: os.seteuid(0),
    "another user": lambda: os.setresuid(MALLORY.uid, MALLORY.uid, MALLORY.uid),
    "gid": lambda: os.setresgid(0, 0, 0),
    "groups": lambda: os.setgroups([0]),
    "root's file": lambda: os.open("/etc/shadow", os.O_RDONLY),
    "root's process": lambda: os.kill(1, signal.SIGCONT),
    "another root directory": lambda: os.chroot("/tmp"),  # noqa: S108 - it is there, and must not work
    "priority": lambda: os.setpriority(os.PRIO_PROCESS, 0, -1),
    "ownership": lambda: os.chown("/proc/self/fd/0", 0, 0),
    "more memory": lambda: resource.setrlimit(resource.RLIMIT_DATA, (2 << 30, 2 << 30)),
}


@pytest.mark.root
@pytest.mark.parametrize("attempt", REGAINS.values(), ids=REGAINS.keys())
def test_nothing_is_regained(attempt: Callable[[], object]) -> None:
    """What a worker does not have, the kernel does not give it."""
    with pytest.raises((PermissionError, ValueError)):
        confined(attempt)


@pytest.mark.root
def test_a_program_with_privileges_gives_none(common_path: Path) -> None:
    """A set-user-ID program of root's runs as the user."""
    program = common_path / "id"
    program.write_bytes(Path("/usr/bin/id").read_bytes())
    program.chmod(0o4755)

    def run() -> str:
        return subprocess.run([program, "-u"], capture_output=True, text=True, check=True).stdout.strip()

    assert confined(run) == str(ALICE.uid)


@pytest.mark.root
def test_its_surroundings_are_its_own() -> None:
    """No session, directory, mask or signal handler of the service's is left to it."""

    def look() -> tuple[bool, str, int, object, object]:
        mask = os.umask(0)
        return (
            os.getsid(0) == os.getpid(),
            os.getcwd(),
            mask,
            signal.getsignal(signal.SIGTERM),
            signal.getsignal(signal.SIGPIPE),
        )

    assert confined(look) == (True, "/", 0o077, signal.SIG_DFL, signal.SIG_IGN)


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


@pytest.mark.root
def test_signals_that_were_ignored_or_blocked_are_not() -> None:
    """The fork server begins as any program does, whatever it was started by, and its workers with it."""

    def look() -> tuple[object, object, int]:
        return signal.getsignal(signal.SIGUSR1), signal.getsignal(signal.SIGTERM), len(_blocked())

    def begin() -> None:
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
        confinement.reset_signals()

    assert forks.call(look, first=begin) == (signal.SIG_DFL, signal.SIG_DFL, 0)


def _blocked() -> set[signal.Signals]:
    return {signal.Signals(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, ())}


@pytest.mark.root
def test_descriptors_are_closed() -> None:
    """Of what the service has open, a worker has what it was given and standard input, output and error."""
    parent = os.getpid()
    reader, writer = os.pipe()
    pid = forks.fork()
    if not pid:
        try:
            confinement.become(CREDENTIALS, LIMITS, parent, (writer,))
            os.write(writer, repr([fd for fd in range(1000) if _is_open(fd)]).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, encoding="ascii") as pipe:
        assert pipe.read() == repr([0, 1, 2, writer])
    os.waitpid(pid, 0)


# -- limits ----------------------------------------------------------------------------------------------


@pytest.mark.root
def test_memory_is_limited() -> None:
    """Wanting more than is allowed fails where it is wanted; what is allowed is there."""

    def take(size: int) -> int:
        return len(bytearray(size))

    assert confined(functools.partial(take, 64 << 20)) == 64 << 20
    with pytest.raises(MemoryError):
        confined(functools.partial(take, 1 << 30))


@pytest.mark.root
def test_stacks_of_threads_leave_memory_for_the_work() -> None:
    """A thread takes a stack of half a MiB from what is allowed, not one of 8 MiB."""

    def start_threads() -> int:
        done = threading.Event()
        threads = [threading.Thread(target=done.wait) for _ in range(16)]
        before = int(status()["VmData"].split()[0])
        for thread in threads:
            thread.start()
        after = int(status()["VmData"].split()[0])
        done.set()
        for thread in threads:
            thread.join()
        return after - before

    # glibc adds a guard, and a first heap for the threads.
    assert confined(start_threads) < 16 * 1024


@pytest.mark.root
def test_files_are_limited() -> None:
    """One descriptor too many is EMFILE, and the limit cannot be raised."""

    def open_all() -> int:
        while True:
            os.dup(0)

    with pytest.raises(OSError, match="Too many open files"):
        confined(open_all, limits=Limits(1 << 30, files=200))


@pytest.mark.root
def test_processes_are_limited() -> None:
    """A worker that forks and forks comes to an end with it."""

    def fork_all() -> int:
        children = 0
        hold, release = os.pipe()
        try:
            while True:
                if not forks.fork():
                    os.close(release)
                    os.read(hold, 1)
                    os._exit(0)
                children += 1
        except BlockingIOError:
            os.close(release)
        return children

    assert 0 < confined(fork_all, limits=Limits(1 << 30, processes=20)) < 20


@pytest.mark.root
def test_a_lower_limit_stays() -> None:
    """What the service's own unit allows is not exceeded."""

    def limit() -> tuple[int, int]:
        return resource.getrlimit(resource.RLIMIT_NOFILE)

    parent = os.getpid()

    def lower_and_become() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (300, 300))
        confinement.become(CREDENTIALS, LIMITS, parent, open_descriptors() - {0, 1, 2})

    assert forks.call(limit, first=lower_and_become) == (300, 300)


# -- who is taken ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "user, why",
    [
        (Credentials(0, ALICE.gid, ()), "root gets no worker"),
        (Credentials(2**32 - 1, ALICE.gid, ()), "the id of no user"),
        (Credentials(NOBODY, ALICE.gid, ()), "the id of no user"),
        (Credentials(-1, ALICE.gid, ()), "the id of no user"),
        (Credentials(ALICE.uid, 2**32 - 1, ()), "the id of no user"),
        (Credentials(ALICE.uid, ALICE.gid, (2**32 - 1,)), "the id of no user"),
        (Credentials(ALICE.uid, ALICE.gid, tuple(range(MOST_GROUPS + 1))), "groups"),
    ],
)
def test_some_get_no_worker(user: Credentials, why: str) -> None:
    """Root, ids that mean nobody or "as before", and more groups than anybody has."""
    with pytest.raises(AccountError, match=why):
        user.check()


@pytest.mark.root
def test_a_member_of_roots_group_is_taken() -> None:
    """What root's group may, this user may anyway."""
    found = confined(status, Credentials(ALICE.uid, 0, (0, ALICE.gid)))
    assert (found["Gid"].split()[1], found["Groups"].split()) == ("0", ["0", str(ALICE.gid)])


@pytest.mark.root
def test_many_groups_are_taken() -> None:
    """As many as are allowed."""
    groups = tuple(range(100_000, 100_000 + MOST_GROUPS))
    assert confined(lambda: len(os.getgroups()), Credentials(ALICE.uid, ALICE.gid, groups)) == MOST_GROUPS


def test_an_ordinary_user_confines_itself() -> None:
    """Without root's rights there is nobody to become, and all the rest is done."""
    user = Credentials(os.getuid(), os.getgid(), ()) if os.getuid() else CREDENTIALS
    parent = os.getpid()

    def be_ordinary_and_confined() -> None:
        if not os.getuid():
            users.become(ALICE)
        confinement.become(user, LIMITS, parent, open_descriptors() - {0, 1, 2})

    found = forks.call(status, first=be_ordinary_and_confined)
    assert found["NoNewPrivs"] == "1"
    assert int(found["CapPrm"], 16) == 0


@pytest.mark.root
def test_an_ordinary_user_becomes_nobody_else() -> None:
    """The attempt ends the worker."""
    parent = os.getpid()

    def try_it() -> None:
        users.become(ALICE)
        confinement.become(
            Credentials(MALLORY.uid, ALICE.gid, ()), LIMITS, parent, open_descriptors() - {0, 1, 2}
        )

    with pytest.raises(ConfinementError):
        forks.call(lambda: None, first=try_it)


@pytest.mark.root
def test_a_worker_without_its_parent_does_not_begin() -> None:
    """The parent may have ended before the kernel was asked to tell."""
    with pytest.raises(ConfinementError, match="ended before"):
        forks.call(
            lambda: None,
            first=lambda: confinement.become(CREDENTIALS, LIMITS, 1, open_descriptors() - {0, 1, 2}),
        )


@pytest.mark.root
def test_it_works_with_the_few_rights_of_the_unit() -> None:
    """`CapabilityBoundingSet=` of cscd.service and `NoNewPrivileges=` leave enough to become a user."""
    requires.command("setpriv")
    code = """
        import os, sys
        from cscd.worker import confinement
        from cscd.worker.confinement import Credentials, Limits
        parent = os.getpid()
        if not os.fork():
            confinement.become(Credentials(60801, 60801, (60801,)), Limits(1 << 28), parent, ())
            os.write(1, open("/proc/self/status", "rb").read())
            os._exit(0)
        sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
    """
    given = "-all,+setuid,+setgid,+kill,+chown"
    command = ["setpriv", "--bounding-set", given, "--inh-caps=-all", "--no-new-privs", sys.executable, "-c"]
    answer = subprocess.run([*command, textwrap.dedent(code)], capture_output=True, text=True, check=True)
    assert f"CapEff:\t{0:016x}" in answer.stdout
    assert "NoNewPrivs:\t1" in answer.stdout


# -- making sure -----------------------------------------------------------------------------------------


def _keep_saved_uid() -> None:
    os.setgroups([*CREDENTIALS.groups])
    os.setresgid(ALICE.gid, ALICE.gid, ALICE.gid)
    os.setresuid(ALICE.uid, ALICE.uid, 0)


def _keep_groups() -> None:
    os.setgroups([0])
    os.setresgid(ALICE.gid, ALICE.gid, ALICE.gid)
    os.setresuid(ALICE.uid, ALICE.uid, ALICE.uid)


def _keep_saved_gid() -> None:
    os.setgroups([*CREDENTIALS.groups])
    os.setresgid(ALICE.gid, ALICE.gid, 0)
    os.setresuid(ALICE.uid, ALICE.uid, ALICE.uid)


def _allow_new_privileges() -> None:
    os.setgroups([*CREDENTIALS.groups])
    os.setresgid(ALICE.gid, ALICE.gid, ALICE.gid)
    os.setresuid(ALICE.uid, ALICE.uid, ALICE.uid)


def _keep_bounding_set() -> None:
    _allow_new_privileges()
    kernel.no_new_privileges()


@pytest.mark.root
@pytest.mark.parametrize(
    "omission, why",
    [
        (lambda: None, "the ids are"),
        (_keep_saved_uid, "the ids are"),
        (_keep_saved_gid, "the ids are"),
        (_keep_groups, "the groups are"),
        (_allow_new_privileges, "CapBnd"),
        (_keep_bounding_set, "CapBnd"),
    ],
)
def test_what_is_missing_is_noticed(omission: Callable[[], None], why: str) -> None:
    """A process that is not what it was to be is told so, whatever the reason."""
    with pytest.raises(ConfinementError, match=why):
        forks.call(lambda: confinement.verify(CREDENTIALS, 0, bounded=True), first=omission)


@pytest.mark.root
def test_new_privileges_are_noticed() -> None:
    """Also where the bounding set is not ours to empty."""
    with pytest.raises(ConfinementError, match="new privileges"):
        forks.call(lambda: confinement.verify(CREDENTIALS, 0, bounded=False), first=_allow_new_privileges)


@pytest.mark.root
def test_a_file_within_reach_is_noticed() -> None:
    """A file that is said to be root's alone and can be opened gives away that something is wrong."""
    readable = os.memfd_create("readable")
    os.fchmod(readable, 0o644)
    with pytest.raises(ConfinementError, match="a file of root's is within reach"):
        forks.call(lambda: confinement.verify(CREDENTIALS, readable, bounded=False), first=_keep_bounding_set)
    os.close(readable)
