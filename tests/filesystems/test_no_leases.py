"""Filesystems without leases: nobody can tell there who opens a file; `/proc` tells only who has it open."""

import os
from pathlib import Path

import pytest

from cscd.files.outcome import Reason
from tests.files.stepping import Stepper
from tests.support import denial, forks, openers, passes
from tests.support.passes import ENCRYPTED, Plan

CONTENT = b"what an application wrote\n"


@pytest.fixture
def item(tmp_path: Path) -> Path:
    """Make an item alone in a tree."""
    path = tmp_path / "tree" / "item"
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    return path


def plan(item: Path, *, leases_required: bool) -> Plan:
    """Plan a pass for which the kernel refuses leases."""
    to = passes.goal(ENCRYPTED, leases_required=leases_required)
    return Plan(item.parent, to, item.parent.parent / "state", first=denial.deny_leases)


def test_items_are_left_alone_where_leases_are_required(item: Path) -> None:
    """Without leases an item stays as it is, and the pass says why."""
    tally = plan(item, leases_required=True).run()
    assert passes.left(tally) == {"item": Reason.NO_LEASES}
    assert item.read_bytes() == CONTENT


def test_best_effort_converts(item: Path) -> None:
    """Where leases are not required, an item that nobody has open is converted without."""
    tally = plan(item, leases_required=False).run()
    assert (tally.converted, tally.partial) == (1, False)
    assert passes.is_encrypted(item.read_bytes())
    assert passes.plain(item.read_bytes()) == CONTENT


@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_WRONLY | os.O_APPEND])
def test_best_effort_sees_who_has_it_open(item: Path, flags: int) -> None:
    """An item that another process has open is left alone, and that process is named."""
    with openers.holding(item, flags) as pid:
        tally = plan(item, leases_required=False).run()
        (left,) = tally.first[Reason.OPEN_ELSEWHERE]
        assert [holder.pid for holder in left.result.holders] == [pid]
    assert item.read_bytes() == CONTENT


@pytest.mark.parametrize("moment", ["copy", "commit", "settle"])
def test_best_effort_looks_again_before_and_after(item: Path, moment: str) -> None:
    """Whoever opened the item after the first look is seen at the next one; nothing is replaced."""

    def convert() -> Reason | None:
        with Stepper(item, passes.goal(ENCRYPTED, leases_required=False)) as step:
            step.until(moment)
            with openers.holding(step.old_version):
                return step.rest()

    assert forks.call(convert, first=denial.deny_leases) in (
        Reason.OPENED_MEANWHILE,
        Reason.CHANGED_MEANWHILE,
    )
    assert item.read_bytes() == CONTENT
    assert os.listdir(item.parent) == ["item"]


@pytest.mark.parametrize("moment", ["begin", "copy", "commit", "settle"])
def test_best_effort_compares_before_and_after(item: Path, moment: str) -> None:
    """A writer that came and went between two looks is seen by what it did, and its writes stay."""

    def convert() -> Reason | None:
        with Stepper(item, passes.goal(ENCRYPTED, leases_required=False)) as step:
            step.until("begin")
            writer = os.open(item, os.O_WRONLY | os.O_APPEND)  # ours: /proc is not asked about ourselves
            step.until(moment)
            os.write(writer, b"one more line\n")
            os.close(writer)
            return step.rest()

    assert forks.call(convert, first=denial.deny_leases) is Reason.CHANGED_MEANWHILE
    assert item.read_bytes() == CONTENT + b"one more line\n"
    assert os.listdir(item.parent) == ["item"]
