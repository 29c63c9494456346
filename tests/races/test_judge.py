"""What the races excuse and what they do not."""

from pathlib import Path

import pytest

from tests.races.judge import judge

SECOND = "append/.cscd-1-2-3-4"
WRONG = ["append/item-01: 3 lines of application 0, 2 there, missing [2]"]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Make a tree where a version of an item was kept."""
    (tmp_path / "append").mkdir()
    (tmp_path / "append" / "item-01").write_bytes(b"0 0\n0 1\n")
    (tmp_path / SECOND).write_bytes(b"0 0\n0 2\n")
    return tmp_path


def test_the_item_that_a_version_was_kept_of_is_excused(tree: Path) -> None:
    """What is missing in the item may be in the version beside it."""
    failure = "append/item-01, application 0: its lines are out of order"
    assert judge(tree, [*WRONG, failure], {SECOND: "append/item-01"}) == []


def test_no_other_item_is_excused(tree: Path) -> None:
    """Neither another one of that directory, nor one whose name only begins alike."""
    others = ["append/item-02: 1 lines", "append/item-011: 1 lines", "append: something else"]
    assert judge(tree, [*WRONG, *others], {SECOND: "append/item-01"}) == others


@pytest.mark.parametrize("kept", [{}, {SECOND: "append/item-02"}, {"append/other": "append/item-01"}])
def test_a_version_that_no_pass_told_of_excuses_nothing(tree: Path, kept: dict[str, str]) -> None:
    """It is a leftover then, or belongs to another item."""
    (tree / "append" / "item-02").write_bytes((tree / SECOND).read_bytes())
    assert judge(tree, WRONG, kept) == [*WRONG, f"{SECOND}: is there"]


def test_a_version_that_holds_nothing_else_excuses_nothing(tree: Path) -> None:
    """What is missing is not in it."""
    (tree / SECOND).write_bytes((tree / "append" / "item-01").read_bytes())
    assert judge(tree, WRONG, {SECOND: "append/item-01"}) == [*WRONG, f"{SECOND}: is there"]


def test_two_are_no_accident(tree: Path) -> None:
    """More than one kept version in a run is wrong in itself."""
    other = "append/.cscd-5-6-7-8"
    (tree / other).write_bytes(b"0 3\n")
    found = judge(tree, [], {SECOND: "append/item-01", other: "append/item-01"})
    assert found == [f"{SECOND}: is there", f"{other}: is there"]
