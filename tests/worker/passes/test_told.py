"""A pass that tells of each item and waits for nobody, as the daemon sees it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cscd.worker.messages import ItemBegins, ItemEnds, PassEnded
from tests.support import workers
from tests.support.openers import holding
from tests.support.passes import UNENCRYPTED
from tests.support.workers import Worker

CONTENT = b"as an application left it"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Make an empty root."""
    path = tmp_path / "cache"
    path.mkdir()
    return path


@pytest.fixture
def worker(root: Path, tmp_path: Path) -> Iterator[Worker]:
    """Start a worker for the root."""
    with workers.worker(root, state=tmp_path / "state") as started:
        yield started


def told(worker: Worker) -> list[ItemBegins | ItemEnds]:
    """Return what was told of items."""
    return [said for said in worker.said if isinstance(said, ItemBegins | ItemEnds)]


def pairs(said: list[ItemBegins | ItemEnds]) -> dict[int, ItemEnds]:
    """Check that each item begins and then ends, and return what came of each."""
    begun: dict[int, ItemBegins] = {}
    ended: dict[int, ItemEnds] = {}
    for each in said:
        if isinstance(each, ItemBegins):
            assert each.number not in begun
            begun[each.number] = each
        else:
            assert begun[each.number].path == each.path
            assert each.number not in ended
            ended[each.number] = each
    assert set(begun) == set(ended)
    return ended


def test_items_are_told_in_pairs_before_the_end_of_the_pass(root: Path, worker: Worker) -> None:
    """What is converted or left in the other state is told, with the reason; what is right is not."""
    for name in "abc":
        (root / name).write_bytes(CONTENT)
    (root / "empty").touch()
    pass_id = worker.start(telling="told")
    worker.until(lambda: any(isinstance(said, PassEnded) for said in worker.said), "it has ended")
    said = told(worker)
    assert {each.pass_id for each in said} == {pass_id}
    assert {Path(each.path).name: each.reason for each in pairs(said).values()} == dict.fromkeys("abc", "")
    order = [said for said in worker.said if isinstance(said, ItemEnds | PassEnded)]
    assert isinstance(order[-1], PassEnded)
    worker.said.clear()
    os.link(root / "a", root.parent / "second name")
    with holding(root / "b"):
        worker.start(to=UNENCRYPTED, telling="told")
        worker.expect(PassEnded)
    reasons = {Path(each.path).name: each.reason for each in pairs(told(worker)).values()}
    assert reasons == {"a": "hard_linked", "b": "open_elsewhere", "c": ""}


@pytest.mark.parametrize("successes", [False, True])
def test_three_thousand_items_are_too_many_to_be_told_one_by_one(
    root: Path, tmp_path: Path, worker: Worker, successes: bool
) -> None:
    """The first and the last are told, the numbers say how many are not, and the pass waits for nothing."""
    worker.set_up(root, state=tmp_path / "state", successes=successes)
    for number in range(3000):
        (root / str(number)).write_bytes(CONTENT)
    worker.start(telling="told")
    ended = worker.expect(PassEnded, deadline=60)
    assert (ended.converted, ended.partial) == (3000, False)
    items = pairs(told(worker))
    numbers = [said.number for said in told(worker) if isinstance(said, ItemEnds)]
    assert numbers == sorted(numbers)
    assert (numbers[0], numbers[-1]) == (1, 3000)
    assert numbers[-200:] == list(range(2801, 3001))
    assert len({item.path for item in items.values()}) == len(items)
    assert 2 * len(items) <= 2_100 + 550 * ended.seconds


def test_a_large_item_is_told_while_it_is_being_converted(root: Path, worker: Worker) -> None:
    """Whoever shows it shows what takes so long."""
    with (root / "large").open("wb") as large:
        large.truncate(400 << 20)
        large.seek(0)
        large.write(CONTENT)
    worker.start(telling="told")
    begun = worker.expect(ItemBegins)
    assert not any(isinstance(said, ItemEnds) for said in worker.said)
    assert begun.path == str(root / "large")
    assert worker.expect(ItemEnds).number == begun.number
    worker.expect(PassEnded)


def test_a_pass_that_is_not_to_tell_tells_nothing(root: Path, worker: Worker) -> None:
    """As it is by default."""
    (root / "item").write_bytes(CONTENT)
    assert worker.run_pass().converted == 1
    assert told(worker) == []
