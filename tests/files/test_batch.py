"""Many items through the protocol together."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from cscd.errors import CancelledError
from cscd.files.batch import Converter, Order
from cscd.files.lease import LeaseWatch
from cscd.files.outcome import Outcome, Reason
from cscd.files.rewrite import Rewriter
from tests.support import denial, forks, openers, passes
from tests.support.passes import ENCRYPTED

MANY = 300
"""More than share one wait for the disk."""

Results = dict[str, tuple[Outcome, Reason | None] | None]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Make many items."""
    for number in range(MANY):
        (tmp_path / f"item{number}").write_bytes(b"content")
    return tmp_path


def convert(
    directory: Path,
    names: Sequence[str],
    *,
    stop_after: int = 0,
    looking: bool = False,
    first: Callable[[], None] = lambda: None,
) -> Results:
    """Convert the items in a fork, where `first` is called before, and return what became of each."""
    asked = 0

    def check() -> None:
        nonlocal asked
        asked += 1
        if asked == stop_after:
            raise CancelledError("stopped")

    def run() -> Results:
        fd = os.open(directory, os.O_RDONLY)
        orders = [Order(fd, name) for name in names]
        with LeaseWatch() as watch:
            device = os.fstat(fd).st_dev
            converter = Converter(passes.goal(ENCRYPTED), device, watch, Rewriter(1), check, lambda _: None)
            before = os.listdir("/proc/self/fd")
            try:
                (converter.look if looking else converter.run)(orders)
            except CancelledError:
                assert stop_after
            assert os.listdir("/proc/self/fd") == before
        return {
            order.name: (order.result.outcome, order.result.reason) if order.result else None
            for order in orders
        }

    return forks.call(run, first=first)


def test_each_item_gets_its_own_result(directory: Path) -> None:
    """One that is open, missing or empty does not keep the others from being converted."""
    (directory / "item7").unlink()
    os.truncate(directory / "item8", 0)
    names = [f"item{number}" for number in range(MANY)]
    with openers.holding(directory / "item9"):
        results = convert(directory, names)
    assert results.pop("item7") == (Outcome.GONE, None)
    assert results.pop("item8") == (Outcome.LEFT, Reason.EMPTY)
    assert results.pop("item9") == (Outcome.LEFT, Reason.OPEN_ELSEWHERE)
    assert set(results.values()) == {(Outcome.ENCRYPTED, None)}
    assert len(os.listdir(directory)) == MANY - 1


def test_an_item_that_is_right_is_said_to_be(directory: Path) -> None:
    """Items in the asked state are looked at and left."""
    convert(directory, ["item1"])
    assert convert(directory, ["item1", "item2"]) == {
        "item1": (Outcome.RIGHT, None),
        "item2": (Outcome.ENCRYPTED, None),
    }


@pytest.mark.parametrize("stop_after", [1, 100, 129, 300, 460])
def test_cancelled_it_completes_what_was_exchanged(directory: Path, stop_after: int) -> None:
    """What was exchanged is finished, what was not is as before, and nothing of ours is left in between."""
    results = convert(directory, sorted(os.listdir(directory)), stop_after=stop_after)
    for name, result in results.items():
        content = (directory / name).read_bytes()
        assert passes.plain(content) == b"content"
        assert passes.is_encrypted(content) == (result == (Outcome.ENCRYPTED, None)), name
    assert len(os.listdir(directory)) == MANY
    assert None in results.values()


@pytest.mark.parametrize("count", [1, 2 * MANY // 3])
def test_what_does_not_reach_the_medium_is_not_exchanged(directory: Path, count: int) -> None:
    """Where the disk fails, few items or many slices, each is as it was, and nothing of ours is left."""
    names = sorted(os.listdir(directory))[:count]
    results = convert(directory, names, first=denial.deny_syncing)
    assert results == dict.fromkeys(names, (Outcome.LEFT, Reason.IO_ERROR))
    assert {path.read_bytes() for path in directory.iterdir()} == {b"content"}
    assert len(os.listdir(directory)) == MANY


def test_looking_says_what_would_be_done(directory: Path) -> None:
    """Nothing is converted, and the outcome is the one that it would have."""
    with openers.holding(directory / "item2"):
        assert convert(directory, ["item1", "item2"], looking=True) == {
            "item1": (Outcome.ENCRYPTED, None),
            "item2": (Outcome.LEFT, Reason.OPEN_ELSEWHERE),
        }
    assert (directory / "item1").read_bytes() == b"content"
