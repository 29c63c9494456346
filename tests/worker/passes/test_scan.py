"""Listing a directory, and telling what is known from what is to be looked at."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from cscd.files.outcome import Reason, Seen
from cscd.files.tree import Tree
from cscd.worker.passes import scan as module
from cscd.worker.passes.record import Record
from cscd.worker.passes.scan import Listing, Scan
from cscd.worker.passes.selection import Selection


def listings(root: Path, record: Record, selection: Selection) -> list[Listing]:
    """List a directory to its end."""
    tree = Tree.open(str(root))
    scan = Scan(tree, "", record.pack(), selection)
    slices = [scan.slice()]
    while slices[-1].more:
        slices.append(scan.slice())
    scan.close()
    tree.close()
    return slices


def listing(root: Path, known: Sequence[Seen] = (), selection: Selection | None = None) -> Listing:
    """List a directory that fits into a slice."""
    (only,) = listings(root, Record.of(known), selection or Selection())
    return only


def seen(path: Path) -> Seen:
    """Return the version of a file that is there now."""
    status = path.stat()
    return Seen(status.st_ino, status.st_ctime_ns, status.st_size)


def names(candidates: Sequence[tuple[str, int]]) -> set[str]:
    """Return the names only."""
    return {name for name, _ in candidates}


def test_files_are_candidates_and_directories_are_to_be_walked(tmp_path: Path) -> None:
    """Everything in a directory is one of the two, or left for a reason."""
    (tmp_path / "item").write_bytes(b"12345")
    (tmp_path / "directory").mkdir()
    (tmp_path / "empty").touch()
    (tmp_path / "link").symlink_to("item")
    os.mkfifo(tmp_path / "fifo")
    found = listing(tmp_path)
    assert found.candidates == [("item", 5)]
    assert found.subdirectories == [("directory", (tmp_path / "directory").stat().st_ino)]
    assert found.left == {Reason.EMPTY: 1, Reason.NOT_REGULAR: 2}
    assert set(found.left_first) == {
        ("empty", Reason.EMPTY),
        ("link", Reason.NOT_REGULAR),
        ("fifo", Reason.NOT_REGULAR),
    }


def test_what_is_known_is_not_a_candidate(tmp_path: Path) -> None:
    """The very version that was seen is right; one that has changed since is to be looked at."""
    for name in ("same", "changed"):
        (tmp_path / name).write_bytes(b"12345")
    known = [seen(tmp_path / "same"), seen(tmp_path / "changed")]
    unchanged = listing(tmp_path, known)
    assert (unchanged.right, unchanged.right_bytes, unchanged.candidates) == (2, 10, [])
    assert unchanged.record is None
    (tmp_path / "changed").write_bytes(b"54321")
    os.utime(tmp_path / "changed")
    changed = listing(tmp_path, known)
    assert (changed.right, names(changed.candidates)) == (1, {"changed"})
    assert changed.record is not None
    assert Record.unpack(changed.record) == Record.of(known[:1])


def test_leftovers_are_candidates_even_if_empty(tmp_path: Path) -> None:
    """A name of ours has to be looked at, whatever is in it."""
    (tmp_path / ".cscd-new-0123456789abcdef").touch()
    assert names(listing(tmp_path).candidates) == {".cscd-new-0123456789abcdef"}


def test_what_is_not_selected_is_excluded(tmp_path: Path) -> None:
    """Patterns and spared inodes keep files and directories out."""
    for name in ("item", "no.txt", "key"):
        (tmp_path / name).write_bytes(b"content")
    for name in ("keys", "walked", "not"):
        (tmp_path / name).mkdir()
    spared = [(tmp_path / name).stat().st_ino for name in ("key", "keys")]
    found = listing(tmp_path, selection=Selection(exclude=["*.txt", "not"], spared=spared))
    assert names(found.candidates) == {"item"}
    assert names(found.subdirectories) == {"walked"}
    assert found.left == {Reason.EXCLUDED: 4}


@pytest.mark.root
def test_other_users_files_are_not_candidates(tmp_path: Path) -> None:
    """They are counted and not looked into."""
    (tmp_path / "theirs").write_bytes(b"content")
    os.chown(tmp_path / "theirs", 60801, 60801)
    assert listing(tmp_path).left == {Reason.NOT_OWN: 1}


def test_a_large_directory_comes_in_slices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each slice is in the order of inodes, all together are the directory, and no more than it is named."""
    monkeypatch.setattr(module, "SLICE", 8)
    for number in range(21):
        (tmp_path / f"{number}").write_bytes(b"x")
        (tmp_path / f"empty{number}").touch()
    slices = listings(tmp_path, Record(), Selection())
    assert len(slices) == 6
    assert sorted(name for each in slices for name, _ in each.candidates) == sorted(map(str, range(21)))
    assert sum(each.left[Reason.EMPTY] for each in slices) == 21
    for each in slices:
        inodes = [(tmp_path / name).stat().st_ino for name, _ in each.candidates]
        assert inodes == sorted(inodes)
