"""A writer that looked the path up before the exchange and arrives at the old version after it.

How that is made to happen, `tests.races.late` says. A fanotify permission event stops an opener right where
the kernel has counted it.
"""

import ctypes
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cscd.files.goal import State
from cscd.files.outcome import LeftAlone, Reason
from tests.races.late import APPEND, BEFORE, LATE, Conversion, arrive, expect, handle, writer
from tests.support import requires
from tests.support.waiting import wait_until

pytestmark = pytest.mark.races

FAN_CLASS_CONTENT, FAN_CLOEXEC, FAN_MARK_ADD, FAN_OPEN_PERM, AT_FDCWD = 0x4, 0x1, 0x1, 0x10000, -100
"""linux/fanotify.h, linux/fcntl.h."""


@contextmanager
def stalled_writer(path: Path) -> Iterator[None]:
    """Stop a writer inside open(2), counted and not yet at the lease, for the block; then let it write."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.fanotify_mark.argtypes = (
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.c_uint64,
        ctypes.c_int,
        ctypes.c_char_p,
    )
    group = libc.fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, os.O_RDONLY | os.O_CLOEXEC)
    if group < 0:
        pytest.skip(f"needs fanotify permission events: {os.strerror(ctypes.get_errno())}")
    late = None
    try:
        assert not libc.fanotify_mark(group, FAN_MARK_ADD, FAN_OPEN_PERM, AT_FDCWD, os.fsencode(path))
        late = writer(path)
        assert select.select([group], [], [], 10)[0], "the writer has come as far as open(2)"
        yield
    finally:
        os.close(group)  # with the group go its questions, answered by yes
        assert late is None or late.wait(10) == 0


@pytest.mark.root
def test_counted_before_the_exchange(conversion: Conversion) -> None:
    """A writer that is inside open(2) is seen before the exchange, though the lease does not show it yet."""
    requires.root()
    with stalled_writer(conversion.path):
        assert not conversion.broken()
        with pytest.raises(LeftAlone) as left:
            conversion.item.commit()
        assert left.value.reason is Reason.OPENED_MEANWHILE
        conversion.close()
    expect(conversion, BEFORE + LATE, State.UNENCRYPTED)


@pytest.mark.root
def test_counted_before_the_old_version_is_deleted(conversion: Conversion) -> None:
    """A writer that comes to the old version after the new one was let go gets the item back."""
    requires.root()
    conversion.item.commit()
    second = conversion.kept()
    conversion.item.settle()
    with stalled_writer(second):
        with pytest.raises(LeftAlone) as left:
            conversion.item.retire()
        assert left.value.reason is Reason.CHANGED_MEANWHILE
        conversion.close()
    expect(conversion, BEFORE + LATE, State.UNENCRYPTED)


@pytest.mark.parametrize("flags", [APPEND, os.O_WRONLY | os.O_TRUNC], ids=["append", "rewrite"])
def test_looked_up_before_the_exchange(conversion: Conversion, flags: int) -> None:
    """A writer that had looked the item up and opens it after the exchange gets the item back."""
    with handle(conversion.path) as fd:
        conversion.item.commit()
        late = arrive(conversion, fd, flags)
        with pytest.raises(LeftAlone) as left:
            conversion.item.settle()
        assert left.value.reason is Reason.OPENED_MEANWHILE
        conversion.close()
        assert late.wait(10) == 0
    expect(conversion, (b"" if flags & os.O_TRUNC else BEFORE) + LATE, State.UNENCRYPTED)


def test_opened_after_the_new_version_is_let_go(conversion: Conversion) -> None:
    """A writer that dawdles past `settle` gets the item back as well, if nobody changed the new version."""
    with handle(conversion.path) as fd:
        conversion.item.commit()
        conversion.item.settle()
        late = arrive(conversion, fd)
        with pytest.raises(LeftAlone) as left:
            conversion.item.retire()
        assert left.value.reason is Reason.CHANGED_MEANWHILE
        conversion.close()
        assert late.wait(10) == 0
    expect(conversion, BEFORE + LATE, State.UNENCRYPTED)


def test_both_versions_changed(conversion: Conversion) -> None:
    """If somebody has written to the new version too, both are kept: neither write may be lost."""
    with handle(conversion.path) as fd:
        conversion.item.commit()
        second = conversion.kept()
        conversion.item.settle()
        conversion.path.write_bytes(b"new\n")
        late = arrive(conversion, fd)
        with pytest.raises(LeftAlone) as left:
            conversion.item.retire()
        assert left.value.reason is Reason.KEPT_BOTH
        conversion.close()
        assert late.wait(10) == 0
    assert conversion.path.read_bytes() == b"new\n"
    assert second.read_bytes() == BEFORE + LATE


def test_late_reader_is_let_in(conversion: Conversion) -> None:
    """A reader that looked the item up before the exchange reads the old version; the conversion goes on."""
    code = "import os, sys; print(os.read(os.open(sys.argv[1], os.O_RDONLY), 100).decode(), end='')"
    with handle(conversion.path) as fd:
        conversion.item.commit()
        command = [sys.executable, "-Ic", code, f"/proc/self/fd/{fd}"]
        with subprocess.Popen(command, pass_fds=(fd,), stdout=subprocess.PIPE) as reader:
            wait_until(conversion.broken, "the late reader waits for the lease")
            conversion.item.settle()
            assert reader.communicate(timeout=10)[0] == BEFORE
        conversion.item.retire()
        conversion.close()
    expect(conversion, BEFORE, State.ENCRYPTED)


def test_late_link(conversion: Conversion) -> None:
    """A hard link made to the old version after the exchange gives the item back: both names are one file."""
    with handle(conversion.path) as fd:
        conversion.item.commit()
        other = conversion.path.parent / "other"
        os.link(f"/proc/self/fd/{fd}", other, src_dir_fd=fd, follow_symlinks=True)
        with pytest.raises(LeftAlone) as left:
            conversion.item.settle()
        assert left.value.reason is Reason.CHANGED_MEANWHILE
        conversion.close()
    assert other.samefile(conversion.path)
    other.unlink()
    expect(conversion, BEFORE, State.UNENCRYPTED)


def test_late_mode(conversion: Conversion) -> None:
    """A mode set on the old version after the exchange is not lost."""
    with handle(conversion.path) as fd:
        conversion.item.commit()
        Path(f"/proc/self/fd/{fd}").chmod(0o640)
        with pytest.raises(LeftAlone):
            conversion.item.settle()
        conversion.close()
    assert conversion.path.stat().st_mode & 0o7777 == 0o640
    expect(conversion, BEFORE, State.UNENCRYPTED)


@pytest.mark.xfail(reason="a file looked up and not yet opened is visible to nobody", strict=True)
def test_opened_after_the_old_version_is_deleted(conversion: Conversion) -> None:
    """A writer that dawdles past `retire` writes to a deleted file; only how long it has can be chosen."""
    with handle(conversion.path) as fd:
        conversion.item.commit()
        conversion.item.settle()
        conversion.item.retire()
        conversion.close()
        assert writer(f"/proc/self/fd/{fd}", pass_fd=fd).wait(10) == 0
    expect(conversion, BEFORE + LATE, State.UNENCRYPTED)
