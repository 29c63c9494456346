"""The converter processes of a pass."""

import os
import signal
from collections.abc import Callable
from mmap import mmap
from pathlib import Path

import pytest

from cscd.files.tree import Tree
from cscd.worker.passes.converter import Assignment
from cscd.worker.passes.crew import Crew
from cscd.worker.passes.selection import Selection
from cscd.worker.passes.tasks import Answer, Progress, ScanDirectories, Scanned, Task
from tests.support import forks, passes
from tests.support.passes import ENCRYPTED

ROOT = ScanDirectories((("", b""),))


@pytest.fixture
def crew(tmp_path: Path) -> Callable[[], Crew]:
    """Return what makes a crew of three for an empty tree."""

    def make() -> Crew:
        tree = Tree.open(str(tmp_path))
        return Crew(Assignment(tree, passes.goal(ENCRYPTED), Selection(), 1, mmap(-1, 1), "normal", 0), 3)

    return make


def answers(crew: Crew) -> list[tuple[Task, Answer | None]]:
    """Wait until nobody has anything to do, and return all answers."""
    found: list[tuple[Task, Answer | None]] = []
    while crew.busy:
        for message in crew.answers(10, []):
            assert not isinstance(message, Progress)
            _, task, answer = message
            found.append((task, answer))
    return found


def test_each_task_is_answered(crew: Callable[[], Crew]) -> None:
    """Everyone in the crew works, and all of them end when they are told to."""

    def work() -> bool:
        three = crew()
        for member in three.free():
            member.give(ROOT)
        assert three.free() == []
        done = answers(three)
        assert [type(answer) for _, answer in done] == [Scanned] * 3
        three.end()
        with pytest.raises(ChildProcessError):
            os.waitpid(-1, 0)
        return True

    assert forks.call(work, first=lambda: None)


@pytest.mark.parametrize("before", [True, False])
def test_a_death_is_an_answer(crew: Callable[[], Crew], before: bool) -> None:
    """Whoever dies with a task, or before it is given one, answers None; the others go on."""

    def work() -> bool:
        three = crew()
        victim, *others = three.free()
        if not before:
            os.kill(victim.pid, signal.SIGSTOP)
            victim.give(ROOT)
        os.kill(victim.pid, signal.SIGKILL)
        if before:
            os.waitid(os.P_PID, victim.pid, os.WEXITED | os.WNOWAIT)
            victim.give(ROOT)
        others[0].give(ROOT)
        kinds = {type(answer) for _, answer in answers(three)}
        alive = three.size
        three.end()
        return kinds == {type(None), Scanned} and alive == 2

    assert forks.call(work, first=lambda: None)


def test_the_crew_ends_with_the_pass(crew: Callable[[], Crew]) -> None:
    """A pass that is killed leaves no process behind."""
    reader, writer = os.pipe()

    def die() -> None:
        three = crew()
        for member in three.free():
            member.give(ROOT)
        answers(three)  # by now each of them has asked to end with us
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(ChildProcessError):
        forks.call(die, first=lambda: None)
    os.close(writer)
    assert os.read(reader, 1) == b""  # the last process that held the other end is gone
