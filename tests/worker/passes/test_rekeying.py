"""A pass that brings every item to the recipients asked for, and one that only counts those of others."""

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from cscd import age
from cscd.age import X25519Identity
from cscd.errors import NoMatchError
from cscd.files.goal import Goal
from cscd.files.outcome import Reason
from cscd.worker.passes.tally import MOST_KEYS, Tally
from tests.support import openers, passes
from tests.support.passes import ENCRYPTED, IDENTITY, UNENCRYPTED, Plan

NEW, RECOVERY = X25519Identity.generate(), X25519Identity.generate()
ITEMS = 30


@pytest.fixture
def contents(tmp_path: Path) -> dict[Path, bytes]:
    """Make a tree of items, written a while ago, and have them encrypted to the test run's key."""
    contents = {}
    for number in range(ITEMS):
        path = tmp_path / "tree" / f"d{number % 3}" / f"item{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        contents[path] = random.randbytes(1 + number * 5_000)
        path.write_bytes(contents[path])
        os.utime(path, ns=(number, number))
    assert Plan(tmp_path / "tree", passes.goal(ENCRYPTED), tmp_path / "state").run().converted == ITEMS
    return contents


@pytest.fixture
def plan(contents: dict[Path, bytes], tmp_path: Path) -> Callable[..., Plan]:
    """Plan passes for a key and those who recover; by default both keys are at hand."""
    assert contents

    def make(*keys: X25519Identity, rekey: bool = True, identities: object = None, **more: object) -> Plan:
        recipients = tuple(key.recipient for key in keys)
        at_hand = (NEW, IDENTITY) if identities is None else identities
        to = Goal(ENCRYPTED, recipients, age.key_id(recipients[0]), at_hand, rekey=rekey)  # type: ignore[arg-type]
        return Plan(tmp_path / "tree", to, tmp_path / "state", **more)  # type: ignore[arg-type]

    return make


def opens(path: Path, key: X25519Identity) -> bytes | None:
    """Return what a key finds in an item, None if the item is not for it."""
    content = path.read_bytes()
    try:
        reader = age.AgeReader(lambda size, at: content[at : at + size], len(content), [key])
    except NoMatchError:
        return None
    return reader.read_at(0, reader.size)


def ids(**items: int) -> dict[str, int]:
    """Return counts by key id of the keys named."""
    names = {"old": IDENTITY, "new": NEW}
    return {age.key_id(names[name].recipient): count for name, count in items.items()}


def test_every_item_comes_to_the_new_key(plan: Callable[..., Plan], contents: dict[Path, bytes]) -> None:
    """After a rotation all items open with the new key and none with the old one, with their times."""
    tally = plan(NEW, RECOVERY).run()
    assert (tally.rekeyed, tally.converted, tally.right, tally.partial) == (ITEMS, ITEMS, 0, False)
    assert tally.keys == ids(new=ITEMS)
    for number, (path, content) in enumerate(contents.items()):
        assert opens(path, NEW) == opens(path, RECOVERY) == content
        assert opens(path, IDENTITY) is None
        assert path.stat().st_mtime_ns == number


def test_a_second_time_nothing_is_left_to_do(plan: Callable[..., Plan]) -> None:
    """What has been rekeyed is right, and known to be without a look."""
    plan(NEW).run()
    tally = plan(NEW).run()
    assert (tally.right, tally.converted, tally.other_key) == (ITEMS, 0, 0)
    assert tally.keys == ids(new=ITEMS)


@pytest.mark.parametrize("recovery", [(RECOVERY,), ()])
def test_recovery_recipients_are_added_and_removed(
    plan: Callable[..., Plan], contents: dict[Path, bytes], recovery: tuple[X25519Identity, ...]
) -> None:
    """The user's key stays, and that somebody else was added or is no more is noticed."""
    before = () if recovery else (RECOVERY,)
    plan(IDENTITY, *before).run()
    assert plan(IDENTITY, *recovery).run().rekeyed == ITEMS
    for path, content in contents.items():
        assert opens(path, IDENTITY) == content
        assert (opens(path, RECOVERY) == content) is bool(recovery)


def test_another_pass_takes_items_for_right_and_does_not_hide_them(plan: Callable[..., Plan]) -> None:
    """Encrypted for others is encrypted: counted by key each time, and not kept from the pass that rekeys."""
    for _ in range(2):
        tally = plan(NEW, rekey=False).run()
        assert (tally.right, tally.other_key, tally.converted, tally.partial) == (ITEMS, ITEMS, 0, False)
        assert tally.keys == ids(old=ITEMS)
    assert plan(NEW).run().rekeyed == ITEMS


def test_a_dry_run_changes_nothing(plan: Callable[..., Plan], contents: dict[Path, bytes]) -> None:
    """It says how many there are to be rekeyed, and of which keys they are now."""
    before = {path: path.read_bytes() for path in contents}
    tally = plan(NEW, looking=True).run()
    assert (tally.rekeyed, tally.keys) == (ITEMS, ids(old=ITEMS))
    assert {path: path.read_bytes() for path in contents} == before


def test_what_is_plain_is_encrypted(plan: Callable[..., Plan], tmp_path: Path) -> None:
    """An item that came meanwhile is encrypted for the new recipients at once."""
    (tmp_path / "tree" / "later").write_bytes(b"later")
    tally = plan(NEW).run()
    assert (tally.converted, tally.rekeyed) == (ITEMS + 1, ITEMS)
    assert opens(tmp_path / "tree" / "later", NEW) == b"later"


@pytest.mark.parametrize("identities, reason", [((), Reason.KEY_LOCKED), ((RECOVERY,), Reason.NO_IDENTITY)])
def test_what_cannot_be_opened_is_left(
    plan: Callable[..., Plan],
    contents: dict[Path, bytes],
    identities: tuple[X25519Identity, ...],
    reason: Reason,
) -> None:
    """With a locked key, or without the right one, items stay as they are, and count with their key."""
    tally = plan(NEW, identities=identities).run()
    assert (tally.left, tally.keys, tally.partial) == ({reason: ITEMS}, ids(old=ITEMS), True)
    assert all(opens(path, IDENTITY) == content for path, content in contents.items())


def test_an_item_that_is_open_stays_for_later(plan: Callable[..., Plan], contents: dict[Path, bytes]) -> None:
    """Somebody's open file is left alone with its old header; repeating the pass finishes the work."""
    path = next(iter(contents))
    with openers.holding(path):
        tally = plan(NEW).run()
    assert passes.left(tally) == {"d0/item0": Reason.OPEN_ELSEWHERE}
    assert tally.keys == ids(old=1, new=ITEMS - 1)
    tally = plan(NEW).run()
    assert (tally.rekeyed, tally.right, tally.keys) == (1, ITEMS - 1, ids(new=ITEMS))


def test_unencrypting_after_a_rotation_takes_both_keys(
    plan: Callable[..., Plan], contents: dict[Path, bytes], tmp_path: Path
) -> None:
    """Items of the old and of the new key come back alike, and none is counted with a key then."""
    plan(NEW).run()
    next(iter(contents)).write_bytes(passes.encrypted(b"of the old key"))
    to = Goal(UNENCRYPTED, identities=(NEW, IDENTITY))
    tally = Plan(tmp_path / "tree", to, tmp_path / "state").run()
    assert (tally.converted, tally.keys) == (ITEMS, {})


def test_keys_are_counted_apart_up_to_a_bound() -> None:
    """Whoever makes up a key for each item makes nobody remember them all."""
    tally = Tally()
    for number in range(2 * MOST_KEYS):
        tally.count_key(f"{number:016x}", 2)
    assert len(tally.keys) == MOST_KEYS + 1
    assert tally.keys[""] == 2 * MOST_KEYS
    assert tally.keys.total() == 4 * MOST_KEYS
