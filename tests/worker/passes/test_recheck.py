"""A pass: what it does to a tree, what it counts, and that repeating it finishes the work."""

import os
import random
import shutil
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from cscd.errors import BusyError
from cscd.files.goal import State
from cscd.files.outcome import Reason
from cscd.worker.passes.selection import Selection
from tests.support import openers, opens, passes
from tests.support.opens import IN_OPEN
from tests.support.passes import ENCRYPTED, UNENCRYPTED, Plan
from tests.support.users import User
from tests.support.waiting import wait_until

MIB = 1 << 20
HANG = 0.25
"""Seconds that no application waits to open an item: a bound for a hang, hundreds of times what it takes."""
SOON = 1.0
"""Seconds within which what is announced has happened; retries by time alone would take longer."""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Make a tree of a hundred items in ten directories, written a while ago."""
    tree = tmp_path / "tree"
    for number in range(100):
        path = tree / f"d{number % 10}" / f"item{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"%d" % number * 100)
        os.utime(path, ns=(number, number))
    return tree


@pytest.fixture
def plan(tree: Path, tmp_path: Path) -> Callable[..., Plan]:
    """Plan passes over the tree."""

    def make(to: State = ENCRYPTED, **options: object) -> Plan:
        arguments = {"root": tree, "to": passes.goal(to), "state_directory": tmp_path / "state"} | options
        return Plan(**arguments)  # type: ignore[arg-type] # the tests name the fields

    return make


def contents(tree: Path) -> dict[str, bytes]:
    """Return what each file of a tree holds, in either state."""
    return {
        str(path.relative_to(tree)): passes.plain(path.read_bytes())
        for path in tree.rglob("*")
        if path.is_file()
    }


def states(tree: Path) -> set[bool]:
    """Return which states are in a tree: encrypted (True), not encrypted (False).

    What a pass removes in between, as it does with second names, is in none.
    """
    found = set()
    for path in filter(Path.is_file, tree.rglob("*")):
        with suppress(FileNotFoundError):
            found.add(passes.is_encrypted(path.read_bytes()))
    return found


def test_a_tree_goes_there_and_back(tree: Path, plan: Callable[..., Plan]) -> None:
    """Everything is encrypted, then everything is as before, and the counts say so."""
    before = contents(tree)
    size = sum(map(len, before.values()))
    tally = plan().run()
    assert (tally.converted, tally.converted_bytes, tally.found, tally.finished) == (100, size, 100, 100)
    assert (tally.directories, tally.complete, tally.partial, tally.left) == (11, True, False, {})
    assert (states(tree), contents(tree)) == ({True}, before)
    assert plan(UNENCRYPTED).run().converted == 100
    assert (states(tree), contents(tree)) == ({False}, before)


@pytest.mark.parametrize("to", [ENCRYPTED, UNENCRYPTED])
def test_a_second_pass_opens_nothing(tree: Path, plan: Callable[..., Plan], to: State) -> None:
    """What is known to be right is not looked into again, whichever state that is."""
    plan().run()
    if to is UNENCRYPTED:
        plan(UNENCRYPTED).run()
    with opens.watching(tree, *tree.iterdir(), mask=IN_OPEN) as watch:
        tally = plan(to).run()
        assert not {path for path in watch.seen() if path.is_file()}
        assert (tally.right, tally.found, tally.converted, tally.partial) == (100, 0, 0, False)
        (tree / "d1" / "item1").read_bytes()
        assert watch.seen() == {tree / "d1" / "item1"}  # so that the watch is proven to see


def test_only_what_changed_is_looked_into(tree: Path, plan: Callable[..., Plan]) -> None:
    """New and changed items are found among those that are right."""
    plan().run()
    (tree / "d1" / "item1").write_bytes(b"plain again")
    (tree / "d2" / "new").write_bytes(b"new")
    (tree / "d3" / "item3").chmod(0o640)
    tally = plan().run()
    assert (tally.right, tally.found, tally.converted) == (99, 3, 2)
    assert states(tree) == {True}


def test_without_its_index_a_pass_looks_and_leaves(
    tree: Path, plan: Callable[..., Plan], tmp_path: Path
) -> None:
    """Nothing is encrypted twice: a pass that knows nothing finds that all is right."""
    plan().run()
    before = {path: path.read_bytes() for path in tree.rglob("item*")}
    shutil.rmtree(tmp_path / "state")
    tally = plan().run()
    assert (tally.right, tally.found, tally.converted, tally.partial) == (100, 100, 0, False)
    assert {path: path.read_bytes() for path in before} == before


def test_a_damaged_index_costs_a_look_and_no_more(plan: Callable[..., Plan], tmp_path: Path) -> None:
    """Garbage in place of the index: the pass makes it anew, and the one after that opens nothing."""
    plan().run()
    (index,) = (tmp_path / "state").glob("*.db")
    index.write_bytes(random.randbytes(20_000))
    tally = plan().run()
    assert (tally.right, tally.found, tally.partial) == (100, 100, False)
    tally = plan().run()
    assert (tally.right, tally.found) == (100, 0)


def test_looking_changes_nothing(tree: Path, plan: Callable[..., Plan]) -> None:
    """A pass that only looks counts what would be done, and leaves items and index as they were."""
    assert plan(looking=True).run().converted == 100
    assert states(tree) == {False}
    assert plan().run().converted == 100


def test_patterns_choose_the_items(plan: Callable[..., Plan]) -> None:
    """What is not selected is counted as excluded, and the cache is whole without it."""
    tally = plan(selection=Selection(include=["*1*"], exclude=["d1"])).run()
    assert (tally.converted, tally.left[Reason.EXCLUDED], tally.partial) == (9, 82, False)


def test_keys_in_the_tree_are_spared(tree: Path, plan: Callable[..., Plan]) -> None:
    """The keys, and the directory that holds them, are never items."""
    key = tree / "d1" / "item1"
    keys = tree / "d2"
    spared = [key.stat().st_ino, keys.stat().st_ino]
    tally = plan(selection=Selection(spared=spared)).run()
    assert (tally.converted, tally.left) == (89, {Reason.EXCLUDED: 2})
    assert not passes.is_encrypted(key.read_bytes())
    assert states(keys) == {False}


@pytest.mark.root
def test_an_ordinary_user_serves_himself(common_path: Path, alice: User) -> None:
    """The same pass needs no privileges for the user's own files."""
    tree = common_path / "tree"
    tree.mkdir()
    for number in range(20):
        (tree / f"{number}").write_bytes(b"content")
        os.chown(tree / f"{number}", alice.uid, alice.gid)
    os.chown(tree, alice.uid, alice.gid)
    for to in (ENCRYPTED, UNENCRYPTED):
        tally = Plan(tree, passes.goal(to), common_path / "state", user=alice).run()
        assert (tally.converted, tally.partial) == (20, False)
    assert {path.stat().st_uid for path in tree.iterdir()} == {alice.uid}


# -- open items ----------------------------------------------------------------------------------------


def test_an_item_is_tried_again_as_soon_as_it_is_closed(tree: Path, plan: Callable[..., Plan]) -> None:
    """After some tries the next one by time is far; the close brings it at once."""
    item = tree / "d1" / "item1"
    with opens.watching(item.parent, mask=IN_OPEN) as watch:
        with openers.holding(item, os.O_RDWR):
            watch.seen()
            running = plan(retry_for=60).start()
            for number in range(4):  # by then the next try by time is two seconds away, or more
                wait_until(lambda: item in watch.seen(), f"try {number}")
        wait_until(lambda: not running.running, "the item is converted", deadline=SOON)
    tally = running.tally()
    assert (tally.converted, tally.waiting, tally.partial) == (100, 0, False)


def test_waiting_is_not_busy(tree: Path, plan: Callable[..., Plan]) -> None:
    """An item that stays open is tried a few times, further and further apart: no try brings on the next."""
    item = tree / "d1" / "item1"
    tries = 0
    with openers.holding(item), opens.watching(item.parent, mask=IN_OPEN) as watch:
        running = plan(retry_for=3).start()
        while running.running:
            tries += wait_until(lambda: item in watch.seen() or not running.running, "a try", deadline=60)
        assert passes.left(running.tally()) == {"d1/item1": Reason.OPEN_ELSEWHERE}
    assert 3 <= tries <= 8


def test_what_stays_open_is_left_when_the_time_is_up(tree: Path, plan: Callable[..., Plan]) -> None:
    """The pass ends on time and names who has it open."""
    item = tree / "d1" / "item1"
    with openers.holding(item) as pid:
        tally = plan(retry_for=0.3).run()
    assert (tally.converted, tally.waiting, tally.partial) == (99, 0, True)
    (left,) = tally.first[Reason.OPEN_ELSEWHERE]
    assert left.path == "d1/item1"
    assert [holder.pid for holder in left.result.holders] == [pid]


def test_an_application_gets_in_at_once(tmp_path: Path) -> None:
    """A reader of a large item under conversion is not kept waiting, and reads what it held."""
    tree = tmp_path / "tree"
    tree.mkdir()
    item = tree / "item"
    content = random.randbytes(MIB) * 128
    item.write_bytes(content)
    inode = f":{item.stat().st_ino} "
    running = Plan(tree, passes.goal(ENCRYPTED), tmp_path / "state").start()

    def leased() -> bool:
        locks = Path("/proc/locks").read_text(encoding="ascii").splitlines()
        return any(inode in line and "LEASE" in line for line in locks)

    wait_until(leased, "the item is being converted")
    start = time.monotonic()
    with openers.holding(item):
        waited = time.monotonic() - start
        read = item.read_bytes()
    tally = running.tally()
    assert read == content
    assert waited < HANG
    assert passes.left(tally) == {"item": Reason.OPENED_MEANWHILE}
    assert item.read_bytes() == content


def test_everything_is_tried_once_more_at_the_end(tree: Path, plan: Callable[..., Plan]) -> None:
    """When the time for retries is over there is a last try, also of what no watch was left for."""
    with ExitStack() as held:
        for number in range(10):
            held.enter_context(openers.holding(tree / f"d{number}" / f"item{number}"))
        running = plan(retry_for=1.5).start()
        wait_until(lambda: len(states(tree)) > 1, "the others are encrypted")
    tally = running.tally()
    assert (tally.converted, tally.partial) == (100, False)


# -- stopped, killed, twice at once --------------------------------------------------------------------


def test_stopped_it_keeps_what_is_done_and_repeating_finishes(tmp_path: Path) -> None:
    """A pass that is stopped says that it is partial; nothing is torn, and the next one does the rest."""
    tree = tmp_path / "tree"
    tree.mkdir()
    for number in range(40):
        (tree / f"item{number}").write_bytes(bytes(2 * MIB))
    plan = Plan(tree, passes.goal(ENCRYPTED), tmp_path / "state", processes=1)
    running = plan.start()
    wait_until(lambda: True in states(tree) or not running.running, "some items are encrypted")
    running.stop()
    tally = running.tally()
    assert tally.converted + tally.untouched <= 40
    assert tally.partial is (tally.converted < 40)
    assert set(contents(tree).values()) == {bytes(2 * MIB)}
    again = plan.run()
    assert tally.converted + again.converted == 40
    assert (again.partial, states(tree), len(os.listdir(tree))) == (False, {True}, 40)


def test_killed_it_is_finished_by_the_next(tree: Path, plan: Callable[..., Plan]) -> None:
    """SIGKILL at any moment: the next pass finishes and leaves nothing of ours behind."""
    before = contents(tree)
    for _ in range(5):
        for to in (ENCRYPTED, UNENCRYPTED):
            running = plan(to).start()
            wait_until(lambda: len(states(tree)) > 1 or not running.running, "the pass is in the middle")  # noqa: B023
            running.kill()
            tally = plan(to).run()
            assert not tally.partial
            assert (states(tree), contents(tree)) == ({to is ENCRYPTED}, before)


def test_a_converter_that_dies_costs_nothing(tree: Path, plan: Callable[..., Plan]) -> None:
    """What it had in hand is tried once more by another."""
    (tree / "large").write_bytes(bytes(300 * MIB))
    running = plan(processes=3).start()
    children = Path(f"/proc/{running.pid}/task/{running.pid}/children")
    victim = int(wait_until(lambda: children.read_text().split(), "the converters are there")[0])
    os.kill(victim, 9)
    tally = running.tally()
    assert (tally.converted, tally.partial) == (101, False)
    assert states(tree) == {True}


def test_the_second_pass_over_a_tree_is_refused(
    tree: Path, plan: Callable[..., Plan], tmp_path: Path
) -> None:
    """It says who is at work, and the first goes on undisturbed."""
    with openers.holding(tree / "d1" / "item1"):
        running = plan(retry_for=60).start()
        wait_until(
            lambda: any(path.read_text() for path in (tmp_path / "state").glob("*.lock")),
            "the first is at work",
        )
        with pytest.raises(BusyError, match=f"pid {running.pid}"):
            plan(UNENCRYPTED).run()
        running.stop()
    assert running.tally().left[Reason.OPEN_ELSEWHERE] <= 1
    assert not plan().run().partial


def test_passes_over_nested_trees_lose_nothing(tree: Path, plan: Callable[..., Plan]) -> None:
    """Two passes that want opposite things of the same items at once: each item is whole, in some state."""
    before = contents(tree)
    (tree / "d1").rename(tree / "nested")
    before = contents(tree)
    for _ in range(10):
        one = plan(ENCRYPTED, retry_for=1).start()
        other = plan(UNENCRYPTED, root=tree / "nested", retry_for=1).start()
        one.tally()
        other.tally()
        assert {name: content for name, content in contents(tree).items() if name in before} == before
    tally = plan(UNENCRYPTED).run()
    assert not tally.partial
    assert (states(tree), contents(tree)) == ({False}, before)
