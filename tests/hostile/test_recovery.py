"""Another user swaps things for symbolic links in a tight loop while root restores, or holds a drill."""

import os
from contextlib import closing
from pathlib import Path

import pytest

from cscd.files.restore import Manner
from cscd.files.tree import Tree
from cscd.worker.passes.drill import Drill
from cscd.worker.passes.drill import Place as DrawnFrom
from cscd.worker.passes.recovery import Recovery, Source
from tests.hostile.test_swapped import statuses, swapping
from tests.support import opens, passes
from tests.support.users import User

pytestmark = pytest.mark.root

SWAPS = 10_000
FOUND = 100
IDENTITIES = passes.goal(passes.UNENCRYPTED).identities


@pytest.fixture
def outside(common_path: Path) -> Path:
    """Give a directory of root's with files that no user may read."""
    directory = common_path / "outside"
    directory.mkdir(mode=0o700)
    for number in range(20):
        (directory / f"item{number}").write_bytes(passes.encrypted(b"secret"))
    return directory


@pytest.fixture
def tree(common_path: Path, outside: Path, mallory: User) -> Path:
    """Give a tree with a user's directory `hers`: in it a directory, and a link that leads outside."""
    tree = common_path / "tree"
    hers = tree / "hers"
    (hers / "directory").mkdir(parents=True)
    for number in range(20):
        (hers / "directory" / f"item{number}").write_bytes(passes.encrypted(b"own"))
    (hers / "link").symlink_to(outside)
    for path in (hers, *hers.rglob("*")):
        os.chown(path, mallory.uid, mallory.gid, follow_symlinks=False)
    return tree


def test_what_is_swapped_while_root_restores_leads_nowhere(
    tree: Path, outside: Path, common_path: Path, mallory: User
) -> None:
    """No file outside is opened, and none of their content is in a copy."""
    before = statuses(outside)
    restored = rounds = 0
    with opens.watching(outside) as watch, swapping(mallory, tree / "hers", "directory", "link") as swaps:
        while swaps.times < SWAPS or restored < FOUND:
            target = common_path / f"target{rounds}"
            target.mkdir()
            rounds += 1
            with closing(Tree.open(str(tree))) as source, closing(Tree.open(str(target))) as into:
                recovery = Recovery(Source(source, "", ""), into, Manner(IDENTITIES), lambda *_: None)
                restored += recovery.run().converted
            copied = [path for path in target.rglob("*") if path.is_file()]
            assert all(path.read_bytes() == b"own" for path in copied)
        assert watch.seen() == set()
    assert statuses(outside) == before


def test_what_is_swapped_during_a_drill_leads_nowhere(tree: Path, outside: Path, mallory: User) -> None:
    """Only the user's own items are drawn and tried."""
    before = statuses(outside)
    tried = 0
    with opens.watching(outside) as watch, swapping(mallory, tree / "hers", "directory", "link") as swaps:
        while swaps.times < SWAPS or tried < FOUND:
            with closing(Tree.open(str(tree))) as source:
                drill = Drill([DrawnFrom(source)], IDENTITIES, 10, lambda *_: None)
                tried += drill.run().right
            assert drill.failed == 0
        assert watch.seen() == set()
    assert statuses(outside) == before
