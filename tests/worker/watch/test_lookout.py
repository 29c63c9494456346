"""Seeing new items: what users do is told, what we do ourselves is not."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from cscd.files import kernel
from cscd.worker.passes.selection import Selection
from cscd.worker.watch.noticed import RootGone
from tests.support import passes
from tests.support.passes import ENCRYPTED, UNENCRYPTED
from tests.worker.watching import Listener, closed, listen, mentioned


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Make a root with a file and a directory that has one."""
    made = tmp_path / "root"
    (made / "directory").mkdir(parents=True)
    (made / "file").write_bytes(b"content")
    (made / "directory" / "file").write_bytes(b"content")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_bytes(b"content")
    (tmp_path / "outside" / "tree" / "below").mkdir(parents=True)
    (tmp_path / "outside" / "tree" / "below" / "file").write_bytes(b"content")
    return made


def _write(root: Path) -> None:
    (root / "new").write_bytes(b"content")


def _write_below(root: Path) -> None:
    (root / "directory" / "new").write_bytes(b"content")


def _append(root: Path) -> None:
    with (root / "file").open("ab") as file:
        file.write(b"more")


def _truncate(root: Path) -> None:
    subprocess.run(["truncate", "--size", "3", root / "file"], check=True)


def _rename_over(root: Path) -> None:
    (root / "file").rename(root / "directory" / "file")


def _move_in(root: Path) -> None:
    (root.parent / "outside" / "file").rename(root / "moved")


def _link(root: Path) -> None:
    os.link(root.parent / "outside" / "file", root / "linked")


def _link_within(root: Path) -> None:
    os.link(root / "file", root / "linked")


def _move_tree(root: Path) -> None:
    (root.parent / "outside" / "tree").rename(root / "tree")


def _rename_tree(root: Path) -> None:
    (root / "directory").rename(root / "renamed")


def _make_chain(root: Path) -> None:
    (root / "a" / "b" / "c").mkdir(parents=True)
    (root / "a" / "b" / "c" / "file").write_bytes(b"content")


def _copy_tree(root: Path) -> None:
    subprocess.run(["cp", "-a", root.parent / "outside" / "tree", root / "tree"], check=True)


def _copy(root: Path) -> None:
    subprocess.run(["cp", "-p", root.parent / "outside" / "file", root / "copied"], check=True)


def _give_a_name(root: Path) -> None:
    """Write a file without a name, give it one, and go on writing: some applications save like this."""
    fd = os.open(root, os.O_TMPFILE | os.O_RDWR, 0o600)
    os.write(fd, b"content")
    directory = os.open(root, os.O_RDONLY)
    kernel.link_descriptor(fd, directory, "named")
    os.close(directory)
    os.close(fd)


def _not_unicode(root: Path) -> None:
    (Path(os.fsdecode(os.fsencode(root) + b"/directory/\xff\xfe"))).write_bytes(b"content")


def _not_unicode_directory(root: Path) -> None:
    Path(os.fsdecode(os.fsencode(root) + b"/\xff")).mkdir()
    Path(os.fsdecode(os.fsencode(root) + b"/\xff/new")).write_bytes(b"content")


def _name_of_ours(root: Path) -> None:
    (root / ".cscd-1-2-3-4").write_bytes(b"content")


def _exchange_by_hand(root: Path) -> None:
    (root / ".cscd-1-2-3-4").write_bytes(b"content")
    (root / ".cscd-1-2-3-4").rename(root / "file")


def _number_sign(root: Path) -> None:
    (root / "#123").write_bytes(b"content")


def _commit(root: Path) -> None:
    connection = sqlite3.connect(root / "data.db")
    connection.execute("CREATE TABLE t (a)")
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    "do, path",
    [
        (_write, "new"),
        (_write_below, "directory/new"),
        (_append, "file"),
        (_truncate, "file"),
        (_rename_over, "directory/file"),
        (_move_in, "moved"),
        (_link, "linked"),
        (_link_within, "linked"),
        (_move_tree, "tree/below/file"),
        (_rename_tree, "renamed/file"),
        (_make_chain, "a/b/c/file"),
        (_copy_tree, "tree/below/file"),
        (_copy, "copied"),
        (_give_a_name, "named"),
        (_not_unicode, "directory/\udcff\udcfe"),
        (_not_unicode_directory, "\udcff/new"),
        (_name_of_ours, ".cscd-1-2-3-4"),
        (_exchange_by_hand, "file"),
        (_number_sign, "#123"),
        (_commit, "data.db"),
    ],
)
def test_what_a_user_does_is_told(root: Path, do: Callable[[Path], None], path: str) -> None:
    """Whatever makes a file a candidate leads to a hint that names it, or a directory above it."""

    def act(listener: Listener) -> bool:
        do(root)
        return mentioned(listener.until_mentioned(path), path)

    assert listen(root, do=act)


def test_what_a_pass_does_is_not_told(root: Path, tmp_path: Path) -> None:
    """A conversion, either way, leads to no hint at all."""

    def act(listener: Listener) -> list[object]:
        told: list[object] = []
        for state in (ENCRYPTED, UNENCRYPTED):
            tally = passes.Plan(root, passes.goal(state), tmp_path / "state").run()
            assert tally.converted >= 2
            told += listener.hints_until(root / f"marker-{state.value}")
        return told

    assert listen(root, do=act) == []


def test_a_file_that_is_being_written_is_not_told(root: Path) -> None:
    """It is told when it is closed, and not before."""

    def act(listener: Listener) -> tuple[list[object], bool]:
        with (root / "growing").open("wb") as file:
            file.write(b"content")
            file.flush()
            before: list[object] = [*listener.hints_until(root / "marker")]
        return before, mentioned(listener.until_mentioned("growing"), "growing")

    assert listen(root, do=act) == ([], True)


def test_a_new_directory_is_watched_when_it_is_told(root: Path) -> None:
    """Whatever happens in it later is told as well, also after it was renamed."""

    def act(listener: Listener) -> bool:
        (root / "a" / "b").mkdir(parents=True)
        listener.until_mentioned("a")
        (root / "a" / "b" / "one").write_bytes(b"content")
        listener.until_mentioned("a/b/one")
        (root / "a").rename(root / "directory" / "z")
        listener.until_mentioned("directory/z")
        (root / "directory" / "z" / "b" / "two").write_bytes(b"content")
        return mentioned(listener.until_mentioned("directory/z/b/two"), "directory/z/b/two")

    assert listen(root, do=act)


def test_a_directory_that_was_moved_out_is_not_followed(root: Path) -> None:
    """What happens in it is nobody's business any more."""

    def act(listener: Listener) -> list[object]:
        (root / "directory").rename(root.parent / "outside" / "directory")
        (root.parent / "outside" / "directory" / "new").write_bytes(b"content")
        return [*listener.hints_until(root / "marker")]

    assert listen(root, do=act) == []


def test_symbolic_links_are_not_followed(root: Path) -> None:
    """Neither one that is there nor one that is made."""
    (root / "before").symlink_to(root.parent / "outside")

    def act(listener: Listener) -> list[object]:
        (root / "after").symlink_to(root.parent / "outside")
        (root.parent / "outside" / "new").write_bytes(b"content")
        return [*listener.hints_until(root / "marker")]

    assert listen(root, do=act) == []


def test_what_is_excluded_is_not_told(root: Path) -> None:
    """Neither files nor directories."""
    (root / "out").mkdir()

    def act(listener: Listener) -> list[object]:
        (root / "out" / "new").write_bytes(b"content")
        (root / "new.tmp").write_bytes(b"content")
        (root / "directory" / "out").mkdir()
        (root / "directory" / "out" / "new").write_bytes(b"content")
        return [*listener.hints_until(root / "marker")]

    assert listen(root, do=act, selection=Selection(exclude=["out", "*.tmp"])) == []


def test_an_awaited_file_is_told_when_a_reader_closes_it(root: Path) -> None:
    """And no other file is, nor that one any longer once it is not awaited."""

    def act(listener: Listener) -> tuple[set[tuple[str, str]], list[object]]:
        listener.lookout.await_close({(0, "directory", "file")})
        _settle(listener, root)
        (root / "file").read_bytes()
        (root / "directory" / "file").read_bytes()
        told = closed(listener.until(closed))
        listener.lookout.await_close(set())
        _settle(listener, root)
        (root / "directory" / "file").read_bytes()
        return told, [*listener.hints_until(root / "marker")]

    assert listen(root, do=act) == ({("directory", "file")}, [])


def _settle(listener: Listener, root: Path) -> None:
    """Have a round trip, so that what happened before is over."""
    (root / "round trip").write_bytes(b"content")
    listener.until_mentioned("round trip")


def test_a_root_that_is_removed_is_told(root: Path) -> None:
    """The end of one root does not concern another one."""
    other = root.parent / "outside"

    def act(listener: Listener) -> list[object]:
        shutil.rmtree(root)
        told = listener.until(lambda told: RootGone(0) in told)
        (other / "new").write_bytes(b"content")
        listener.until(lambda told: mentioned(told, "new", root=1))
        return [each for each in told if isinstance(each, RootGone)]

    assert listen(root, other, do=act) == [RootGone(0)]


def test_a_root_that_is_renamed_is_told(root: Path) -> None:
    """It is not the root any more."""

    def act(listener: Listener) -> bool:
        root.rename(root.parent / "renamed")
        return RootGone(0) in listener.until(lambda told: RootGone(0) in told)

    assert listen(root, do=act)
