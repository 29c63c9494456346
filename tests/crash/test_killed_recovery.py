"""A recovery into another place, killed at every system call."""

from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from cscd.files.restore import Manner
from cscd.files.tree import Tree
from cscd.worker.passes.recovery import Recovery, Source
from cscd.worker.passes.tally import Tally
from tests.crash.injection import Ended, points, traced
from tests.support import forks, passes, requires

pytestmark = pytest.mark.crash

CONTENT = {"one": b"first\n", "below/two": b"2" * 100_000, "below/three": b"third\n"}


@pytest.fixture
def originals(tmp_path: Path) -> Path:
    """Give a directory with three encrypted files."""
    requires.command("strace")
    root = tmp_path / "originals"
    (root / "below").mkdir(parents=True)
    for name, content in CONTENT.items():
        (root / name).write_bytes(passes.encrypted(content))
    return root


def recover(originals: Path, target: Path, ready: Callable[[], None] = lambda: None) -> Tally:
    """Restore everything."""
    with closing(Tree.open(str(originals))) as tree, closing(Tree.open(str(target))) as into:
        manner = Manner(passes.goal(passes.UNENCRYPTED).identities)
        recovery = Recovery(Source(tree, "", "copy"), into, manner, lambda *_: None)
        ready()
        return recovery.run()


def copies(target: Path) -> dict[str, bytes]:
    """Return every file that has a name."""
    root = target / "copy"
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_recovery_killed_anywhere_leaves_whole_files_and_is_finished_by_the_next(
    originals: Path, tmp_path: Path
) -> None:
    """Every name leads to a whole file, no other name is left, and repeating it restores the rest."""

    def attempt(name: str, inject: str = "") -> tuple[Path, Ended]:
        target = tmp_path / name
        target.mkdir()

        def run(ready: Callable[[], None]) -> None:
            recover(originals, target, ready)

        return target, traced(run, tmp_path / f"{name}.trace", inject)

    target, dry = attempt("dry")
    assert (dry.code, copies(target)) == (0, CONTENT)
    places = points(dry.trace)
    assert {"linkat", "fsync", "mkdirat", "pwrite64"} <= {point.call for point in places}
    wrong, hit, partly = [], 0, 0
    for point in places:
        target, ended = attempt(f"{point}", f"{point.call}:signal=KILL:when={point.number}")
        hit += ended.hit
        found = copies(target)
        partly += 0 < len(found) < len(CONTENT)
        wrong += [f"{point}: {name}" for name in found if found[name] != CONTENT.get(name)]
        tally = forks.call(partial(recover, originals, target), first=lambda: None)
        if copies(target) != CONTENT or tally.right != len(found):
            wrong.append(f"{point}: the next one has {sorted(copies(target))}")
    assert not wrong
    assert hit >= len(places) * 9 // 10
    assert partly > 0
