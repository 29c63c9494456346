"""Filesystems that cannot swap two names, or have no unnamed files, or neither."""

import os
import random
from pathlib import Path

import pytest

from cscd.files.outcome import Reason
from cscd.files.temporary import PREFIX
from tests.files.stepping import Stepper
from tests.support import denial, forks, passes
from tests.support.mounts import Mount
from tests.support.passes import ENCRYPTED, UNENCRYPTED, Plan
from tests.support.waiting import wait_until

CONTENT = random.randbytes(300_000)


@pytest.fixture
def item(tmp_path: Path) -> Path:
    """Make an item alone in a tree."""
    path = tmp_path / "tree" / "item"
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    return path


@pytest.mark.root
def test_a_fuse_filesystem_with_neither_is_left_as_it_is(fuse: Mount, tmp_path: Path) -> None:
    """Without a swap an item cannot be replaced safely: it stays, and nothing of ours stays behind."""
    item = fuse.point / "item"
    item.write_bytes(CONTENT)
    to = passes.goal(ENCRYPTED, leases_required=False)
    tally = Plan(fuse.point, to, tmp_path / "state").run()
    assert passes.left(tally) == {"item": Reason.NO_EXCHANGE}
    assert item.read_bytes() == CONTENT
    assert os.listdir(fuse.point) == ["item"]


def test_an_item_is_left_alone_without_the_exchange_alone(item: Path, tmp_path: Path) -> None:
    """With unnamed files and leases, but no swap, it is the same."""
    plan = Plan(item.parent, passes.goal(ENCRYPTED), tmp_path / "state", first=denial.deny_exchange)
    assert passes.left(plan.run()) == {"item": Reason.NO_EXCHANGE}
    assert item.read_bytes() == CONTENT
    assert os.listdir(item.parent) == ["item"]


def test_a_named_copy_does_where_there_are_no_unnamed_files(item: Path, tmp_path: Path) -> None:
    """Without O_TMPFILE the new version has a name while it is written, and items are converted both ways."""
    before = item.stat()
    for to, encrypted in ((ENCRYPTED, True), (UNENCRYPTED, False)):
        plan = Plan(item.parent, passes.goal(to), tmp_path / "state", first=denial.deny_unnamed_files)
        assert (plan.run().converted, passes.is_encrypted(item.read_bytes())) == (1, encrypted)
        assert passes.plain(item.read_bytes()) == CONTENT
        assert os.listdir(item.parent) == ["item"]
    assert (item.stat().st_mode, item.stat().st_mtime_ns) == (before.st_mode, before.st_mtime_ns)


@pytest.mark.parametrize("last", ["copy", "commit", "settle"])
def test_what_a_killed_run_leaves_without_unnamed_files_is_cleaned(
    item: Path, tmp_path: Path, last: str
) -> None:
    """A named copy, complete or not, exchanged or not, is recognised and goes with the next pass."""

    def die() -> None:
        with Stepper(item, passes.goal(ENCRYPTED)) as step:
            assert step.until(last).reason is None
            os._exit(0)

    with pytest.raises(ChildProcessError):
        forks.call(die, first=denial.deny_unnamed_files)
    (leftover,) = [path for path in item.parent.iterdir() if path != item]
    assert leftover.name.startswith(PREFIX)
    tally = Plan(item.parent, passes.goal(UNENCRYPTED), tmp_path / "state").run()
    assert (tally.cleaned, tally.partial) == (1, False)
    assert os.listdir(item.parent) == ["item"]
    assert item.read_bytes() == CONTENT


def test_a_named_copy_killed_while_it_is_written_is_cleaned(item: Path, tmp_path: Path) -> None:
    """A pass killed in the middle of a large copy leaves a part of it; the next pass deletes that."""
    with item.open("ab") as file:
        file.truncate(1 << 30)
    plan = Plan(item.parent, passes.goal(ENCRYPTED), tmp_path / "state", first=denial.deny_unnamed_files)
    running = plan.start()
    wait_until(lambda: any(_is_begun(path) for path in item.parent.iterdir()), "the copy has begun")
    running.kill()
    assert len(os.listdir(item.parent)) == 2
    os.truncate(item, len(CONTENT))
    tally = plan.run()
    assert (tally.converted, tally.cleaned, tally.partial) == (1, 1, False)
    assert os.listdir(item.parent) == ["item"]
    assert passes.plain(item.read_bytes()) == CONTENT


def _is_begun(path: Path) -> bool:
    return path.name.startswith(PREFIX) and path.stat().st_size > 0
