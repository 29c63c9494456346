"""A pass that comes upon what a killed one left behind, and upon items of another key."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cscd import age
from cscd.files import kernel
from cscd.files.goal import Goal
from cscd.files.outcome import Reason
from cscd.files.temporary import SecondName
from cscd.worker.passes.selection import Selection
from tests.support import passes
from tests.support.passes import ENCRYPTED, UNENCRYPTED, Plan

PLAIN = b"what the item says"


@pytest.fixture
def plan(tmp_path: Path) -> Callable[..., Plan]:
    """Return a maker of passes over `tree`."""
    (tmp_path / "tree").mkdir()

    def make(to: Goal | None = None, *, looking: bool = False, selection: Selection | None = None) -> Plan:
        selected = selection or Selection()
        goal = to or passes.goal(ENCRYPTED)
        return Plan(tmp_path / "tree", goal, tmp_path / "state", looking=looking, selection=selected)

    return make


@pytest.fixture
def second(tmp_path: Path, plan: Callable[..., Plan]) -> Path:
    """Encrypt an item and put its old version back beside it, as if the pass had been killed right there."""
    tree = tmp_path / "tree"
    item, old = tree / "item.txt", tree / "old"
    old.write_bytes(PLAIN)
    os.utime(old, ns=(1, 1))
    status = old.stat()
    item.write_bytes(PLAIN)
    os.utime(item, ns=(1, 1))
    assert plan().run().converted == 2
    old.unlink()
    kept = tree / "kept"
    kept.write_bytes(PLAIN)
    os.utime(kept, ns=(1, 1))
    says = SecondName(kept.stat().st_ino, item.stat().st_ino, status.st_mtime_ns, len(PLAIN))
    return kept.rename(tree / str(says))


def test_a_dry_run_leaves_leftovers_where_they_are(
    tmp_path: Path, plan: Callable[..., Plan], second: Path
) -> None:
    """It counts them and touches nothing: neither an unchanged one nor one that was written to since."""
    before = {path: (path.stat().st_ino, path.read_bytes()) for path in (tmp_path / "tree").iterdir()}
    assert plan(looking=True).run().cleaned == 1
    assert {path: (path.stat().st_ino, path.read_bytes()) for path in before} == before
    second.write_bytes(b"written later")
    before = {path: (path.stat().st_ino, path.read_bytes()) for path in (tmp_path / "tree").iterdir()}
    assert plan(looking=True).run().cleaned == 1
    assert {path: (path.stat().st_ino, path.read_bytes()) for path in before} == before


def test_a_dry_run_writes_no_state(tmp_path: Path, plan: Callable[..., Plan]) -> None:
    """Neither an index nor a lock comes into being."""
    (tmp_path / "tree" / "item").write_bytes(PLAIN)
    assert plan(looking=True).run().converted == 1
    assert os.listdir(tmp_path / "state") == []


def test_a_dry_run_knows_what_the_last_pass_knew(tmp_path: Path, plan: Callable[..., Plan]) -> None:
    """It reads the index, so that it opens no more than a pass would."""
    item = tmp_path / "tree" / "item"
    item.write_bytes(PLAIN)
    os.utime(item, ns=(1, 1))
    assert plan().run().converted == 1
    tally = plan(looking=True).run()
    assert (tally.right, tally.found) == (1, 0)


@pytest.mark.parametrize(
    "selection", [Selection(include=["*.txt"]), Selection(exclude=[".*"])], ids=["include", "exclude"]
)
def test_patterns_do_not_keep_leftovers(
    plan: Callable[..., Plan], second: Path, selection: Selection
) -> None:
    """A leftover holds plaintext whatever it is called; a user's file of such a name obeys the patterns."""
    mine = second.with_name(".cscd-mine")
    mine.write_bytes(b"mine")
    tally = plan(selection=selection).run()
    assert (tally.cleaned, tally.left[Reason.EXCLUDED]) == (1, 1)
    assert not second.exists()
    assert mine.read_bytes() == b"mine"


def test_an_item_given_back_is_converted_by_the_same_pass(plan: Callable[..., Plan], second: Path) -> None:
    """What a late writer wrote to the old version is the item again, and is encrypted at once."""
    second.write_bytes(b"written later")
    tally = plan().run()
    assert (tally.cleaned, tally.converted, tally.partial) == (1, 1, False)
    assert not second.exists()
    item = second.with_name("item.txt")
    assert passes.is_encrypted(item.read_bytes())
    assert plan(passes.goal(UNENCRYPTED)).run().converted == 1
    assert item.read_bytes() == b"written later"


def test_items_of_another_key_are_counted_each_time(tmp_path: Path, plan: Callable[..., Plan]) -> None:
    """They are encrypted, so they are right; but whoever changed the key is told, and not only once."""
    item = tmp_path / "tree" / "item"
    item.write_bytes(PLAIN)
    os.utime(item, ns=(1, 1))
    assert plan().run().converted == 1
    recipient = age.X25519Identity.generate().recipient
    other = Goal(ENCRYPTED, (recipient,), age.key_id(recipient))
    for _ in range(2):
        tally = plan(other).run()
        assert (tally.right, tally.other_key, tally.converted) == (1, 1, 0)
    tally = plan().run()
    assert (tally.right, tally.other_key) == (1, 0)


def test_an_exchange_is_what_the_fixture_says(second: Path) -> None:
    """The fixture stands for the state between the exchange and the deletion: undoing it works."""
    directory = os.open(second.parent, os.O_RDONLY)
    kernel.exchange(directory, "item.txt", second.name)
    os.close(directory)
    assert second.with_name("item.txt").read_bytes() == PLAIN
