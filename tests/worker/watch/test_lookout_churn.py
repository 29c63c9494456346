"""Directories that are made, renamed, moved out and in and removed all at once, under few names."""

import contextlib
import os
import random
import shutil
from pathlib import Path

import pytest

from cscd.worker.watch.noticed import Files, Subtree
from tests.worker.watching import Listener, listen, mentioned

NAMES = "abc"
ROUNDS = 1500


def _directories(root: Path) -> list[Path]:
    return [Path(path) for path, _, _ in os.walk(root)]


def _stir(root: Path, outside: Path, seed: int) -> None:
    """Do what many programs would do at the same time."""
    chance = random.Random(seed)
    directories = [root]
    for number in range(ROUNDS):
        if not number % 20:
            directories = _directories(root)
        target = chance.choice(directories) / chance.choice(NAMES)
        source = chance.choice(directories)
        with contextlib.suppress(OSError, IndexError):  # IndexError: nothing was moved out yet
            match chance.randrange(10):
                case 0 | 1 | 2 | 3:
                    (target / chance.choice(NAMES)).mkdir(parents=True)
                case 4 | 5 | 6 if source != root:
                    source.rename(target)
                case 7 if source != root:
                    source.rename(outside / f"{number}")
                case 8:
                    chance.choice(sorted(outside.iterdir())).rename(target)
                case 9 if source != root and chance.random() < 0.3:
                    shutil.rmtree(source)


@pytest.mark.parametrize("seed", [1, 4])
def test_whatever_becomes_of_directories_all_are_watched(tmp_path: Path, seed: int) -> None:
    """Once all is quiet, a file made in any of them is told, by name."""
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()

    def act(listener: Listener) -> list[str]:
        _stir(root, outside, seed)
        (root / "quiet").write_bytes(b"content")
        listener.until_mentioned("quiet")
        # Where names led astray, the root is walked once more a second later, and told of as a whole.
        with contextlib.suppress(TimeoutError):
            listener.until(lambda told: Subtree(0, "") in told, patience=2.5)
        for directory in _directories(root):
            (directory / "last").write_bytes(b"content")
        paths = [os.path.relpath(directory / "last", root) for directory in _directories(root)]
        told = listener.until_mentioned(*paths)
        return [path for path in paths if not mentioned([e for e in told if isinstance(e, Files)], path)]

    assert listen(root, do=act) == []
