"""Making way for others."""

import os
from typing import Literal

import pytest

from cscd.worker.passes.priority import step_back
from tests.support import forks, requires


@pytest.mark.parametrize("io, told", [("idle", "idle"), ("low", "best-effort: prio 7"), ("normal", "none")])
def test_io_makes_way(io: Literal["idle", "low", "normal"], told: str) -> None:
    """The kernel ranks the reads and writes of the process as asked; "normal" leaves them as they are."""
    requires.command("ionice")

    def rank() -> str:
        with os.popen(f"ionice -p {os.getpid()}") as answer:  # noqa: S605 - the test's own number
            return answer.read().strip()

    before = rank()
    after = forks.call(rank, first=lambda: step_back(io, 0))
    assert after == (before if io == "normal" else told)


@pytest.mark.parametrize("nice", [0, 10, 19])
def test_the_processor_makes_way(nice: int) -> None:
    """The process has the nice value asked for, and one that is lower already stays."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    after = forks.call(lambda: os.getpriority(os.PRIO_PROCESS, 0), first=lambda: step_back("normal", nice))
    assert after == max(before, nice)


def test_what_is_forked_makes_way_too() -> None:
    """Converters have the priority of their pass."""

    def of_a_child() -> int:
        return forks.call(lambda: os.getpriority(os.PRIO_PROCESS, 0), first=lambda: None)

    assert forks.call(of_a_child, first=lambda: step_back("idle", 19)) == 19
