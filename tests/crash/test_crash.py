"""One item, converted both ways or rekeyed, killed or failed at every system call of the conversion."""

import errno
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from cscd import age
from cscd.files.goal import Goal, State
from cscd.files.leftover import may_be_leftover
from tests.crash import subject
from tests.crash.injection import Ended, Point, points, traced
from tests.crash.subject import NAME, NEXT, Truth
from tests.support import forks, requires

pytestmark = pytest.mark.crash

MAKERS: Final = {"small": subject.small, "sparse": subject.sparse}
ERRORS: Final = ("ENOSPC", "EIO", "EACCES", "EINTR")
NOT_FILES: Final = (
    *("brk", "mmap", "munmap", "mprotect", "madvise", "mremap", "futex", "getrandom", "getpid", "gettid"),
    *(
        "clone",
        "clone3",
        "rt_sigprocmask",
        "rt_sigaction",
        "rt_sigreturn",
        "tgkill",
        "sched_yield",
        "geteuid",
    ),
    "exit_group",
)
"""Calls that have nothing to do with files: they are killed at, but do not fail with errors of files."""


@dataclass(frozen=True, slots=True)
class Case:
    """An item to be converted into a state, or for another key."""

    path: Path
    """A directory that holds nothing else; cases are made from it."""
    truth: Truth
    towards: Goal


@pytest.fixture(params=["small", "sparse"])
def maker(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Path], None]:
    """Choose an item; skip where it cannot be made."""
    requires.command("strace")
    if not subject.attributes_supported(tmp_path):
        pytest.skip(f"needs ACLs and user attributes on the filesystem of {tmp_path}")
    return MAKERS[request.param]


GOALS: Final = {
    "encrypting": subject.goal(State.ENCRYPTED),
    "unencrypting": subject.goal(State.UNENCRYPTED),
    "rekeying": subject.goal(State.ENCRYPTED, key=NEXT),
}


@pytest.fixture(params=GOALS)
def case(request: pytest.FixtureRequest, maker: Callable[[Path], None], tmp_path: Path) -> Case:
    """Make an item that is in the other state than the one asked for, or encrypted to the other key."""
    template = tmp_path / "template"
    template.mkdir()
    maker(template / NAME)
    truth, _ = subject.look(template / NAME)
    if request.param != "encrypting":
        convert_in_fork(template, GOALS["encrypting"])
    return Case(template, truth, GOALS[request.param])


def convert_in_fork(directory: Path, towards: Goal) -> None:
    """Do what the next pass does, in a fork: it keeps signals and threads of ours out of the test runner."""
    forks.call(lambda: subject.next_pass(directory, towards), first=lambda: None)


def copy_of(case: Case, name: str) -> Path:
    """Copy the item of a case with all its metadata into a directory of its own."""
    directory = case.path.parent / name
    directory.mkdir()
    subprocess.run(["cp", "--archive", case.path / NAME, directory], check=True)
    os.utime(directory / NAME, ns=case.truth.times)  # the copying has read the first one
    return directory


def convert_traced(case: Case, name: str, inject: str = "") -> tuple[Path, Ended]:
    """Convert a copy of the item under strace."""
    directory = copy_of(case, name)
    log = case.path.parent / f"{name}.trace"

    def run(ready: Callable[[], None]) -> None:
        subject.convert(directory, case.towards, ready)

    return directory, traced(run, log, inject)


def wrong_after(case: Case, directory: Path) -> Iterator[str]:
    """Yield what is wrong right after the accident, and after the next pass."""
    yield from differences(case, directory)
    others = [name for name in os.listdir(directory) if name != NAME]
    yield from (f"{name} is not recognised" for name in others if not may_be_leftover(name))
    if len(others) > 1:
        yield f"more than one leftover: {others}"
    convert_in_fork(directory, case.towards)
    yield from (f"after the next pass: {what}" for what in differences(case, directory, case.towards))
    if (names := os.listdir(directory)) != [NAME]:
        yield f"after the next pass there is {names}"


def differences(case: Case, directory: Path, goal: Goal | None = None) -> Iterator[str]:
    """Yield in which way the item is not what it must be; with a goal, it must have come there."""
    found, found_state = subject.look(directory / NAME)
    for what in Truth.__slots__:
        expected, actual = getattr(case.truth, what), getattr(found, what)
        if actual != expected:
            yield f"{what} is {actual!r:.200}, not {expected!r:.200}"
    if goal and found_state is not goal.state:
        yield f"still {found_state}"
    key = subject.key_of(directory / NAME)
    if goal and key and age.key_id(key.recipient) != goal.key_id:
        yield "still encrypted to the other key"


def all_points(case: Case) -> list[Point]:
    """Return every system call of an undisturbed conversion."""
    directory, ended = convert_traced(case, "dry")
    assert ended.code == 0
    assert not list(differences(case, directory, case.towards))
    found = points(ended.trace)
    assert {"fcntl", "linkat", "renameat2", "unlinkat"} <= {point.call for point in found}
    return found


def try_all(case: Case, injections: list[str], judge: Callable[[Ended], str | None]) -> int:
    """Convert once with each injection; returns how many were reached.

    One at a time: a fork made while another thread had an item open would hold it open as well.
    """

    def attempt(inject: str) -> tuple[bool, list[str]]:
        directory, ended = convert_traced(case, inject.replace(":", "-"), inject)
        wrong = [*wrong_after(case, directory)]
        if judged := judge(ended):
            wrong.append(judged)
        return ended.hit, [f"{inject}: {what}" for what in wrong]

    results = [attempt(inject) for inject in injections]
    assert not (wrong := [what for _, found in results for what in found]), "\n".join(wrong)
    return sum(hit for hit, _ in results)


def test_killed_at_every_call(case: Case) -> None:
    """Killed at any system call, the item is whole with its metadata; the next pass finishes, cleans up."""
    killed_at = all_points(case)

    def judge(ended: Ended) -> str | None:
        return None if ended.code in (0, -signal.SIGKILL) else f"ended with {ended.code}"

    injections = [f"{point.call}:signal=KILL:when={point.number}" for point in killed_at]
    assert try_all(case, injections, judge) >= 0.9 * len(injections)


@pytest.mark.parametrize("error", ERRORS)
def test_failed_at_every_call(case: Case, error: str) -> None:
    """When any system call fails once, the item is whole, nobody crashes, and the next pass finishes."""
    assert error in errno.errorcode.values()
    failed_at = [point for point in all_points(case) if point.call not in NOT_FILES]

    def judge(ended: Ended) -> str | None:
        return None if ended.code == 0 else f"the conversion ended with {ended.code}"

    injections = [f"{point.call}:error={error}:when={point.number}" for point in failed_at]
    assert try_all(case, injections, judge) >= 0.9 * len(injections)
