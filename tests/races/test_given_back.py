"""The item is given back to a late writer, and somebody does something to either version meanwhile."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from cscd.files import kernel
from cscd.files.goal import State
from cscd.files.leftover import clean
from cscd.files.outcome import LeftAlone, Reason
from tests.races.late import APPEND, BEFORE, LATE, Conversion, arrive, expect, handle, lease_of, writer
from tests.support import requires
from tests.support.waiting import wait_until

pytestmark = pytest.mark.races


def test_mode_set_before_the_item_is_given_back(conversion: Conversion) -> None:
    """A mode set on the new version, from which a late writer takes the name, is on the item after that."""
    with handle(conversion.path) as fd:
        conversion.item.commit()
        conversion.path.chmod(0o640)
        os.setxattr(conversion.path, "user.note", b"set")
        late = arrive(conversion, fd)
        with pytest.raises(LeftAlone):
            conversion.item.settle()
        conversion.close()
        assert late.wait(10) == 0
    assert conversion.path.stat().st_mode & 0o7777 == 0o640
    assert os.getxattr(conversion.path, "user.note") == b"set"
    expect(conversion, BEFORE + LATE, State.UNENCRYPTED)


@contextmanager
def waiting_for_the_new_version(conversion: Conversion, flags: int) -> Iterator[None]:
    """Have a process wait inside open(2) for the new version; it writes, if it may, and ends."""
    new = conversion.item.new
    code = "import os, sys; f = int(sys.argv[2]); fd = os.open(sys.argv[1], f); f and os.write(fd, b'!')"
    command = [sys.executable, "-Ic", code, str(conversion.path), str(flags)]
    with subprocess.Popen(command) as other:
        wait_until(lambda: lease_of(new) != fcntl.F_WRLCK, "somebody waits for the new version")
        yield
        assert other.wait(10) == 0


def test_reader_of_the_new_version_when_the_item_is_given_back(conversion: Conversion) -> None:
    """Whoever waits to read the new version when it has to go reads it whole, and it goes."""
    with handle(conversion.path) as fd:
        conversion.item.commit()
        late = arrive(conversion, fd)
        with waiting_for_the_new_version(conversion, os.O_RDONLY):
            with pytest.raises(LeftAlone) as left:
                conversion.item.settle()
            assert left.value.reason is Reason.OPENED_MEANWHILE
            conversion.close()
            assert late.wait(10) == 0
    expect(conversion, BEFORE + LATE, State.UNENCRYPTED)


def test_writer_to_the_new_version_when_the_item_is_given_back(conversion: Conversion) -> None:
    """Whoever waits to write to the new version when it has to go has what it writes kept."""
    with handle(conversion.path) as fd:
        conversion.item.commit()
        late = arrive(conversion, fd)
        with waiting_for_the_new_version(conversion, APPEND):
            with pytest.raises(LeftAlone) as left:
                conversion.item.settle()
            assert left.value.reason is Reason.KEPT_BOTH
            second = conversion.kept()
            conversion.close()
            assert late.wait(10) == 0
    assert conversion.path.read_bytes() == BEFORE + LATE
    assert second.read_bytes().endswith(b"!")
    directory = os.open(conversion.path.parent, os.O_RDONLY)
    assert not clean(directory, second.name), "it is not taken for a leftover"
    os.close(directory)


@pytest.fixture
def short_leases() -> Iterator[None]:
    """Have the kernel take leases away after a second, for everybody, as after a minute of standing still."""
    requires.root()
    setting = Path("/proc/sys/fs/lease-break-time")
    before = setting.read_text()
    setting.write_text("1")
    yield
    setting.write_text(before)


@pytest.mark.root
@pytest.mark.usefixtures("short_leases")
def test_stopped_for_so_long_that_the_new_version_was_written_to(conversion: Conversion) -> None:
    """What was written to the new version is kept, and so is the mode that was set on the old one."""
    with handle(conversion.path) as fd:
        conversion.item.commit()
        second = conversion.kept()
        with writer(conversion.path) as late:
            assert late.wait(10) == 0, "the kernel lets it in"
        Path(f"/proc/self/fd/{fd}").chmod(0o640)
        with pytest.raises(LeftAlone) as left:
            conversion.item.settle()
        assert left.value.reason is Reason.KEPT_BOTH
        conversion.close()
    assert conversion.path.read_bytes().endswith(LATE)
    assert (second.read_bytes(), second.stat().st_mode & 0o7777) == (BEFORE, 0o640)


def test_reader_that_came_and_went_does_not_keep_the_item_from_being_given_back(
    conversion: Conversion,
) -> None:
    """Until the old version is deleted a late writer gets the item, whoever has read the new one."""
    with handle(conversion.path) as fd:
        conversion.item.commit()
        conversion.item.settle()
        assert conversion.path.read_bytes().startswith(b"age-encryption.org")
        late = arrive(conversion, fd)
        with pytest.raises(LeftAlone) as left:
            conversion.item.retire()
        assert left.value.reason is Reason.CHANGED_MEANWHILE
        conversion.close()
        assert late.wait(10) == 0
    expect(conversion, BEFORE + LATE, State.UNENCRYPTED)


def save(path: Path) -> None:
    """Save a file as editors do."""
    fresh = path.with_name("fresh")
    fresh.write_bytes(b"saved\n")
    fresh.rename(path)


def before_exchange(monkeypatch: pytest.MonkeyPatch, number: int, happens: Callable[[], object]) -> None:
    """Have something happen in the instant before the exchange of that number, from 1."""
    exchange, numbers = kernel.exchange, count(1)

    def interrupted(directory: int, one: str, other: str) -> None:
        if next(numbers) == number:
            happens()
        exchange(directory, one, other)

    monkeypatch.setattr(kernel, "exchange", interrupted)


def test_saved_in_the_instant_of_the_exchange(
    conversion: Conversion, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that an editor renames over the item just before the exchange comes out of it, and goes back."""
    before_exchange(monkeypatch, 1, lambda: save(conversion.path))
    with pytest.raises(LeftAlone) as left:
        conversion.item.commit()
    assert left.value.reason is Reason.CHANGED_MEANWHILE
    conversion.close()
    expect(conversion, b"saved\n", State.UNENCRYPTED)


def test_saved_while_the_item_is_given_back(conversion: Conversion, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an editor saves between two exchanges is the newest, and stays."""
    before_exchange(monkeypatch, 2, lambda: save(conversion.path))
    with handle(conversion.path) as fd:
        conversion.item.commit()
        late = arrive(conversion, fd)
        with pytest.raises(LeftAlone):
            conversion.item.settle()
        conversion.close()
        assert late.wait(10) == 0
    expect(conversion, b"saved\n", State.UNENCRYPTED)


def test_deleted_while_the_item_is_given_back(
    conversion: Conversion, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the item is deleted just before it is given back, what the late writer has is kept beside it."""
    before_exchange(monkeypatch, 2, conversion.path.unlink)
    with handle(conversion.path) as fd:
        conversion.item.commit()
        late = arrive(conversion, fd)
        with pytest.raises(LeftAlone) as left:
            conversion.item.settle()
        assert left.value.reason is Reason.KEPT_BOTH
        conversion.close()
        assert late.wait(10) == 0
    assert not conversion.path.exists()
    assert conversion.kept().read_bytes() == BEFORE + LATE
