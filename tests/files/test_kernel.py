"""The Linux calls about files that Python does not wrap."""

import errno
import os
from pathlib import Path

import pytest

from cscd.files import kernel


@pytest.fixture
def directory(tmp_path: Path) -> int:
    """Open an empty directory."""
    return os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)


def test_exchange_swaps_two_names(directory: int, tmp_path: Path) -> None:
    """Each name leads to the other's file, whatever bytes the names are made of."""
    odd = os.fsdecode(b"\xff\n")
    (tmp_path / "one").write_text("1")
    (tmp_path / odd).write_text("2")
    kernel.exchange(directory, "one", odd)
    assert ((tmp_path / "one").read_text(), (tmp_path / odd).read_text()) == ("2", "1")


def test_exchange_needs_both(directory: int, tmp_path: Path) -> None:
    """A missing name is an error that names errno and file, and changes nothing."""
    (tmp_path / "one").write_text("1")
    with pytest.raises(FileNotFoundError) as caught:
        kernel.exchange(directory, "one", "two")
    assert (caught.value.errno, caught.value.filename) == (errno.ENOENT, "one")
    assert os.listdir(tmp_path) == ["one"]


def test_link_descriptor_names_an_unnamed_file(directory: int, tmp_path: Path) -> None:
    """A file made without a name has one afterwards; a name that is taken is refused."""
    fd = os.open(tmp_path, os.O_TMPFILE | os.O_RDWR)
    os.write(fd, b"content")
    kernel.link_descriptor(fd, directory, "named")
    assert (tmp_path / "named").read_bytes() == b"content"
    (tmp_path / "taken").touch()
    with pytest.raises(FileExistsError):
        kernel.link_descriptor(fd, directory, "taken")


def test_sync_filesystem_names_its_failure() -> None:
    """A descriptor that is none is an OSError with its errno."""
    with pytest.raises(OSError, match="Bad file descriptor"):
        kernel.sync_filesystem(-1)


def test_inode_flags_can_be_set(tmp_path: Path) -> None:
    """What is set is read back, and other flags stay."""
    with (tmp_path / "file").open("xb") as file:
        before = kernel.inode_flags(file.fileno())
        kernel.set_inode_flags(file.fileno(), before | 0x40)
        assert kernel.inode_flags(file.fileno()) == before | 0x40


def test_inode_flags_are_none_where_there_are_none() -> None:
    """A pipe has no flags, and that is no error."""
    reader, _ = os.pipe()
    assert kernel.inode_flags(reader) == 0
