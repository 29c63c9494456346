"""Reading the files: which, in which order, and which not."""

import os
from pathlib import Path

import pytest

from cscd.config.source import LARGEST, MOST_FILES
from tests.config.directory import Directory
from tests.support.users import User


def test_additions_come_after_the_main_file_by_name(directory: Directory) -> None:
    """Sorted by the bytes of their names; what is hidden or named otherwise is none."""
    directory.write("")
    for name in ("90-b.yaml", "10-a.yaml", "Z.yaml", ".hidden.yaml", "a.yaml~", "a.yaml.dpkg-old", "README"):
        directory.add(name, "")
    texts, problems = directory.source().read()
    assert problems == []
    assert [Path(text.file).name for text in texts] == ["cscd.yaml", "10-a.yaml", "90-b.yaml", "Z.yaml"]


def test_a_name_that_is_almost_right_is_an_error(directory: Directory) -> None:
    """It would be left out without a word."""
    directory.write("")
    directory.add("site.yml", "")
    assert directory.problems() == ["cscd.yaml.d/site.yml: is not read; expected a name that ends in .yaml"]


def test_the_main_file_may_be_missing_only_where_nobody_asked_for_it(directory: Directory) -> None:
    """A computer without a configuration has the defaults; a file that was named must be there."""
    assert directory.problems() == ["cscd.yaml: No such file or directory"]
    directory.add("a.yaml", "")
    texts, problems = directory.source(required=False).read()
    assert ([Path(text.file).name for text in texts], problems) == (["a.yaml"], [])


def test_a_directory_that_is_missing_is_named(tmp_path: Path) -> None:
    """Rather than a file in it."""
    missing = Directory(tmp_path / "missing")
    assert missing.problems() == [f"{tmp_path}/missing: No such file or directory"]
    assert missing.source(required=False).read() == ([], [])


@pytest.mark.parametrize("kind", ["fifo", "directory", "device"])
def test_only_a_regular_file_is_read(directory: Directory, kind: str) -> None:
    """And nothing else holds the service up."""
    if kind == "fifo":
        os.mkfifo(directory.main)
    elif kind == "directory":
        directory.main.mkdir()
    else:
        directory.main.symlink_to("/dev/zero")
    assert directory.problems() == ["cscd.yaml: not a regular file"]


def test_a_link_is_followed(directory: Directory, tmp_path: Path) -> None:
    """Some manage /etc by links."""
    (tmp_path / "real").write_text("sessions: {min_uid: 5}")
    directory.main.symlink_to("real")
    assert directory.load().settings.sessions.min_uid == 5


def test_a_file_is_bounded(directory: Directory) -> None:
    """One byte more is no configuration."""
    directory.main.write_bytes(b"#" * LARGEST)
    assert directory.load().files == (str(directory.main),)
    directory.main.write_bytes(b"#" * (LARGEST + 1))
    assert "larger than 1048576 bytes" in directory.problems()[0]


def test_the_number_of_files_is_bounded(directory: Directory) -> None:
    """A directory that something fills is no configuration either."""
    directory.write("")
    for number in range(MOST_FILES + 1):
        directory.add(f"{number}.yaml", "")
    assert directory.problems() == [f"cscd.yaml.d: expected at most {MOST_FILES} files in it"]


def test_bytes_that_are_not_utf8_are_placed(directory: Directory) -> None:
    """By line and column, counted in characters."""
    directory.main.write_bytes("cache:\n  é: ".encode() + b"\xff\n")
    assert directory.problems() == ["cscd.yaml:2:6: not UTF-8: the byte 0xff"]


def test_a_byte_order_mark_is_skipped(directory: Directory) -> None:
    """Some editors write one."""
    directory.main.write_bytes(b"\xef\xbb\xbfsessions: {min_uid: 5}")
    assert directory.load().settings.sessions.min_uid == 5


def test_files_of_somebody_else_are_refused(directory: Directory) -> None:
    """As files of an ordinary user are where the service is root."""
    directory.write("")
    directory.path.chmod(0o1777)
    problems = directory.problems(owner=os.geteuid() + 1)
    assert problems[0].endswith(f"expected the owner uid {os.geteuid() + 1} (chown)")


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666])
def test_a_file_that_others_can_write_is_refused(directory: Directory, mode: int) -> None:
    """Whoever can write it controls the service; it does not matter what it says."""
    directory.write("")
    directory.main.chmod(mode)
    (problem,) = directory.problems(owner=os.geteuid())
    assert problem.startswith(f"cscd.yaml: can be written by others than its owner (mode {mode:04o})")
    assert directory.source().read()[1] == []


def test_an_addition_that_others_can_write_is_refused(directory: Directory) -> None:
    """One is enough to say anything."""
    directory.write("")
    directory.add("a.yaml", "").chmod(0o666)
    (problem,) = directory.problems(owner=os.geteuid())
    assert problem.startswith("cscd.yaml.d/a.yaml: can be written by others")


@pytest.mark.parametrize("which", [".", "cscd.yaml.d"])
def test_a_directory_that_others_can_write_is_refused(directory: Directory, which: str) -> None:
    """They could put another file in its place, even one of the owner's; not so where it is sticky."""
    directory.write("")
    directory.add("a.yaml", "")
    (directory.path / which).chmod(0o777)
    (problem,) = directory.problems(owner=os.geteuid())
    assert "can be written by others than its owner (mode 0777)" in problem
    (directory.path / which).chmod(0o1777)
    assert directory.source(owner=os.geteuid()).read()[1] == []


@pytest.mark.root
def test_root_takes_only_what_is_roots(directory: Directory, alice: User) -> None:
    """A file that alice owns could say tomorrow what it does not say today."""
    directory.write("")
    os.chown(directory.main, alice.uid, alice.gid)
    (problem,) = directory.problems(owner=0)
    assert f"is owned by uid {alice.uid}" in problem
    assert problem.endswith("expected the owner root (chown)")


def test_no_descriptor_is_left_open(directory: Directory) -> None:
    """Also where something was refused: the service reloads for years."""
    directory.main.mkdir()
    directory.add("a.yaml", "").chmod(0o666)
    before = os.listdir("/proc/self/fd")
    directory.problems(owner=os.geteuid())
    assert os.listdir("/proc/self/fd") == before
