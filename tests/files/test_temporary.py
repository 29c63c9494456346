"""The names that we give to second versions, and how a leftover one is known."""

import os
from pathlib import Path

import pytest

from cscd.files.temporary import PREFIX, SecondName, create_newborn, is_newborn, is_second


def test_a_second_name_says_what_it_was_given(tmp_path: Path) -> None:
    """What is written into the name is read from it, for any numbers, and it fits every directory."""
    for numbers in ((1, 2, 3, 4), (0, 0, 0, 0), (2**64 - 1,) * 4):
        name = SecondName(*numbers)
        assert SecondName.parse(str(name)) == name
        assert len(str(name)) <= 75
        (tmp_path / str(name)).touch()


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".cscd-",
        ".cscd-1-2-3",
        ".cscd-1-2-3-4-5",
        ".cscd-1-2-3-4~",
        "x.cscd-1-2-3-4",
        ".cscd-1-2-3-g",
        ".cscd-1-2-3-4\n",
        ".cscd-1-2-3-00000000000000000",
        ".cscd-new-0123456789abcdef",
    ],
)
def test_no_other_name_says_anything(name: str) -> None:
    """Only the exact form is read."""
    assert SecondName.parse(name) is None


def test_versions_are_told_apart(tmp_path: Path) -> None:
    """The old version is known while it is unchanged, and still known as the old one after a change."""
    old, new = tmp_path / "old", tmp_path / "new"
    for path in (old, new):
        path.write_bytes(b"content")
        os.utime(path, ns=(0, -5))
    says = SecondName.of(old.stat(), new.stat().st_ino)
    assert SecondName.parse(str(says)) == says
    assert says.unchanged_old(old.stat())
    assert says.unchanged_new(new.stat())
    assert not says.unchanged_old(new.stat())
    assert not says.unchanged_new(old.stat())
    for path in (old, new):
        path.write_bytes(b"changed")
    assert says.is_old(old.stat())
    assert not says.unchanged_old(old.stat())
    assert not says.unchanged_new(new.stat())


def test_a_newborn_is_known_by_its_own_inode(tmp_path: Path) -> None:
    """A named new version is known with any content; a copy of it, or a file named alike, is not."""
    directory = os.open(tmp_path, os.O_RDONLY)
    name, fd = create_newborn(directory)
    assert os.listdir(tmp_path) == [name]
    assert name.startswith(PREFIX)
    os.write(fd, b"half of it")
    assert is_newborn(name, os.fstat(fd))
    (tmp_path / "copy").write_bytes(b"half of it")
    assert not is_newborn(name, (tmp_path / "copy").stat())
    assert not is_newborn(".cscd-new-notes", os.fstat(fd))
    (tmp_path / "empty").touch()
    assert not is_newborn(".cscd-new-notes", (tmp_path / "empty").stat())
    assert not is_newborn(".cscd-new-0123456789abcdef", (tmp_path / "empty").stat())


def test_a_second_name_leads_to_one_of_its_two_versions(tmp_path: Path) -> None:
    """A file that only has such a name is none, however new it is."""
    path = tmp_path / "file"
    path.touch()
    status = path.stat()
    assert is_second(str(SecondName(status.st_ino, 1, 2, 3)), status)
    assert is_second(str(SecondName(1, status.st_ino, 2, 3)), status)
    assert not is_second(str(SecondName(1, 2, 3, 4)), status)
    assert not is_second(".cscd-notes", status)
