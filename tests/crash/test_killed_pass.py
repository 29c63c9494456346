"""A whole pass, several processes, killed at any moment: every item is whole and the next pass finishes."""

import os
import random
import time
from pathlib import Path
from typing import Final

import pytest

from cscd.files.leftover import may_be_leftover
from tests.support import passes
from tests.support.passes import ENCRYPTED, UNENCRYPTED, Plan

pytestmark = pytest.mark.crash

ITEMS: Final = 200
KILLS: Final = 20
DIRECTORIES: Final = 5
TIME: Final = 1_234_567_890_123_456_789


def make_items(tree: Path, rng: random.Random) -> dict[Path, bytes]:
    """Make the items; returns what each holds."""
    contents = {}
    for number in range(ITEMS):
        path = tree / f"directory-{number % DIRECTORIES}" / f"item-{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        contents[path] = rng.randbytes(rng.choice((1, 100, 5_000, 70_000, 300_000)))
        path.write_bytes(contents[path])
        os.utime(path, ns=(TIME + number, TIME + number))
    return contents


def assert_whole(contents: dict[Path, bytes]) -> None:
    """Every item is there, whole and with its time, in either state."""
    for number, (path, content) in enumerate(contents.items()):
        assert passes.plain(path.read_bytes()) == content, path
        assert path.stat().st_mtime_ns == TIME + number, path


def others(tree: Path, contents: dict[Path, bytes]) -> list[Path]:
    """Return the files that are no items."""
    return [path for path in tree.rglob("*") if path.is_file() and path not in contents]


def test_killed_at_random_moments(tmp_path: Path) -> None:
    """Killed at 20 moments: all items whole, only leftovers besides, no process left; the next finishes."""
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")  # noqa: T201 - for whoever has to run it again
    rng = random.Random(seed)
    tree = tmp_path / "tree"
    contents = make_items(tree, rng)
    halfway, state, duration = 0, ENCRYPTED, 0.5
    for _ in range(KILLS):
        plan = Plan(tree, passes.goal(state), tmp_path / "state")
        running = plan.start()
        time.sleep(rng.uniform(0, duration))  # the moment is what is random here; nothing is ordered by it
        running.kill()  # returns when the last of its processes is gone
        assert_whole(contents)
        assert all(may_be_leftover(path.name) for path in others(tree, contents))
        begun = time.monotonic()
        tally = plan.run()
        duration = 0.5 * duration + 0.5 * (time.monotonic() - begun)
        halfway += 0 < tally.converted < ITEMS
        assert not tally.partial
        assert_whole(contents)
        assert all(passes.is_encrypted(path.read_bytes()) == (state is ENCRYPTED) for path in contents)
        assert others(tree, contents) == []
        state = UNENCRYPTED if state is ENCRYPTED else ENCRYPTED
    assert halfway >= KILLS // 5, f"seed {seed}: hardly any pass was killed at work"
