"""Plain copies of a tree in another place."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cscd.files import restore
from cscd.files.outcome import Reason
from cscd.files.restore import Manner
from cscd.files.tree import Tree
from cscd.worker.passes.recheck import Waiting, Watcher
from cscd.worker.passes.recovery import Recovery, Source
from cscd.worker.passes.tally import Tally
from tests.support import passes


@contextmanager
def recovery(
    source: Path, target: Path, only: str = "", watcher: Watcher = lambda *_: None
) -> Iterator[Recovery]:
    """Give the recovery of a directory into another one, which is made."""
    target.mkdir(exist_ok=True)
    tree, into = Tree.open(str(source)), Tree.open(str(target))
    manner = Manner(passes.goal(passes.UNENCRYPTED).identities)
    try:
        yield Recovery(Source(tree, only, "copy"), into, manner, watcher)
    finally:
        tree.close()
        into.close()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Give a directory with 200 encrypted files in it and below."""
    root = tmp_path / "source"
    (root / "below").mkdir(parents=True)
    for number in range(200):
        path = root / ("below" if number % 2 else "") / f"{number}"
        path.write_bytes(passes.encrypted(b"%d" % number))
    return root


def names(target: Path) -> set[str]:
    """The names of all files in a directory and below, each of which must be whole."""
    files = [path for path in target.rglob("*") if path.is_file()]
    assert all(path.read_bytes() == path.name.encode() for path in files)
    return {path.name for path in files}


def test_a_stop_leaves_whole_files_and_says_what_is_missing(source: Path, tmp_path: Path) -> None:
    """Repeating it does the rest, and no file twice."""
    target = tmp_path / "target"

    def stop(tally: Tally, waiting: Waiting | None) -> None:
        del waiting
        if tally.finished >= 64:
            running.stop()

    with recovery(source, target, watcher=stop) as running:
        tally = running.run()
    done = tally.converted
    assert (0 < done < 200, tally.complete, running.stopped) == (True, False, True)
    assert len(names(target)) == done
    with recovery(source, target) as again:
        tally = again.run()
    assert (tally.right, tally.converted, tally.complete) == (done, 200 - done, True)
    assert len(names(target)) == 200


def test_without_unnamed_files_a_copy_still_comes_whole(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And never over what is there; no other name is left."""
    from cscd.files import temporary  # noqa: PLC0415

    monkeypatch.setattr(restore, "create", lambda directory, _: temporary.create_newborn(directory))
    (tmp_path / "target" / "copy").mkdir(parents=True)
    (tmp_path / "target" / "copy" / "0").write_bytes(b"0")
    with recovery(source, tmp_path / "target") as running:
        tally = running.run()
    assert (tally.converted, tally.left[Reason.TARGET_EXISTS]) == (199, 1)
    assert len(names(tmp_path / "target")) == 200


def test_a_name_that_is_taken_meanwhile_is_left_as_it_is(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look and the naming, which is what decides."""
    real = restore.Copy.give_name
    taken = tmp_path / "target" / "copy" / "0"

    def late(copy: restore.Copy) -> None:
        if copy.name == "0":
            taken.write_bytes(b"0")
        real(copy)

    monkeypatch.setattr(restore.Copy, "give_name", late)
    with recovery(source, tmp_path / "target") as running:
        tally = running.run()
    assert (tally.converted, tally.left[Reason.TARGET_EXISTS]) == (199, 1)
    assert len(names(tmp_path / "target")) == 200


def test_an_original_that_changes_meanwhile_gets_no_copy(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be neither the old nor the new version."""
    real = restore.Copy.give_name

    def late(copy: restore.Copy) -> None:
        if copy.name == "0":
            os.utime(source / "0")
        real(copy)

    monkeypatch.setattr(restore.Copy, "give_name", late)
    with recovery(source, tmp_path / "target") as running:
        tally = running.run()
    assert (tally.converted, tally.left[Reason.CHANGED_MEANWHILE]) == (199, 1)
    assert "0" not in names(tmp_path / "target")


def test_a_copy_that_did_not_reach_the_medium_gets_no_name(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An I/O error at the flush is one of the file, not of the rest."""
    real = os.fsync
    failed: list[int] = []

    def fsync(fd: int) -> None:
        if not failed:
            failed.append(fd)
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    with recovery(source, tmp_path / "target", only="0") as running:
        tally = running.run()
    assert (tally.converted, tally.left[Reason.IO_ERROR]) == (0, 1)
    assert names(tmp_path / "target") == set()


def test_descriptors_do_not_grow_with_the_tree(source: Path, tmp_path: Path) -> None:
    """All are closed at the end."""
    before = len(os.listdir("/proc/self/fd"))
    with recovery(source, tmp_path / "target") as running:
        running.run()
    assert len(os.listdir("/proc/self/fd")) == before
