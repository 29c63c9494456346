"""Files that events did not say enough of: what they are, the files themselves tell."""

import os
from pathlib import Path

import pytest

from cscd.files.temporary import SecondName
from cscd.files.tree import Tree
from cscd.worker.watch import doubts
from cscd.worker.watch.doubts import Doubts
from cscd.worker.watch.ground import Ground


@pytest.fixture
def some(tmp_path: Path) -> Doubts:
    """Have no doubts yet."""
    return Doubts(Ground(Tree.open(str(tmp_path))))


def test_a_file_that_was_just_created_is_waited_for(tmp_path: Path, some: Doubts) -> None:
    """Its close is to come, and needs no question then."""
    with (tmp_path / "file").open("wb") as file:
        file.write(b"content")
        file.flush()
        some.created(("", "file"))
        assert list(some.settle()) == []
    assert not some.closed(("", "file"))


def test_a_link_is_complete(tmp_path: Path, some: Doubts) -> None:
    """Nothing more comes of it."""
    (tmp_path / "file").write_bytes(b"content")
    os.link(tmp_path / "file", tmp_path / "link")
    some.created(("", "link"))
    assert list(some.settle()) == [("", "link")]


def test_what_is_no_file_is_no_candidate(tmp_path: Path, some: Doubts) -> None:
    """A symbolic link, a FIFO, and what is gone by now."""
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "fifo")
    for name in ("link", "fifo", "gone"):
        some.created(("", name))
    some.created(("no directory", "file"))
    assert list(some.settle()) == []


@pytest.mark.parametrize("ours", [True, False])
def test_a_second_name_is_ours_if_the_inode_says_so(tmp_path: Path, some: Doubts, ours: bool) -> None:
    """Under the item's name, and under the second one; a user's file of that name is told of."""
    (tmp_path / "item").write_bytes(b"new version")
    inode = (tmp_path / "item").stat().st_ino + (not ours)
    says = SecondName(inode, inode, 1, 1)
    (tmp_path / "item").rename(tmp_path / str(says))
    some.created(("", str(says)))
    assert list(some.settle()) == ([] if ours else [("", str(says))])
    (tmp_path / str(says)).rename(tmp_path / "item")
    some.moved(("", "item"), says)
    assert list(some.settle()) == ([] if ours else [("", "item")])


def test_files_waited_for_are_bounded(tmp_path: Path, some: Doubts, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest is told of when there are too many; one that was closed does not count."""
    monkeypatch.setattr(doubts, "_MOST_YOUNG", 2)
    told = []
    for name in ("a", "b", "c", "d"):
        (tmp_path / name).write_bytes(b"content")
        some.created(("", name))
        told += list(some.settle())
        if name == "b":
            some.closed(("", "b"))
    assert told == [("", "a")]
