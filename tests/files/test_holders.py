"""Who has an item open."""

import mmap
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cscd.files.holders import File, holders
from cscd.files.outcome import Holder
from tests.support import openers, users
from tests.support.users import User


def file_of(path: Path) -> File:
    """Return what identifies a file."""
    status = path.stat()
    return status.st_dev, status.st_ino


@pytest.fixture
def item(common_path: Path) -> Path:
    """Make a file that everybody may read."""
    path = common_path / "item"
    path.write_bytes(bytes(mmap.PAGESIZE))
    return path


def test_holders_are_named(item: Path) -> None:
    """Each process that has the file open is named with pid and command, and none that has not."""
    other = item.with_name("other")
    other.touch()
    with openers.holding(item) as one, openers.holding(item, os.O_RDWR) as two:
        found = holders([file_of(item), file_of(other)])
    command = Path("/proc/self/comm").read_text().strip()
    assert set(found) == {file_of(item)}
    assert set(found[file_of(item)]) == {Holder(one, command), Holder(two, command)}
    assert holders([file_of(item)]) == {}


def test_we_are_not_a_holder_ourselves(item: Path) -> None:
    """What this process has open is not somebody else's."""
    with item.open("rb"):
        assert holders([file_of(item)]) == {}


def test_a_mapping_without_a_descriptor_counts(item: Path) -> None:
    """A program that has mapped the file and closed it is found as well."""
    program = (
        "import ctypes, os, sys; fd = os.open(sys.argv[1], os.O_RDWR); libc = ctypes.CDLL(None);"
        "libc.mmap(None, ctypes.c_size_t(4096), 3, 1, fd, ctypes.c_long(0)); os.close(fd);"
        "print('mapped', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, item], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        process.stdout.readline()
        (holder,) = holders([file_of(item)])[file_of(item)]
        assert holder.pid == process.pid
        process.communicate("")


@pytest.mark.root
def test_what_may_not_be_seen_is_not_an_error(item: Path, alice: User) -> None:
    """A user sees no holders among other users' processes, and root sees them all."""
    with openers.holding(item) as pid:
        assert users.call_as(alice, lambda: holders([file_of(item)])) == {}
        assert [holder.pid for holder in holders([file_of(item)])[file_of(item)]] == [pid]
