"""The parts that tests stand on are themselves what they claim to be."""

import ctypes
import errno
import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support import denial, forks, mounts, users
from tests.support.mounts import BTRFS, EXT4, XFS, Kind, Mount
from tests.support.users import User
from tests.support.waiting import wait_until


def test_wait_until_returns_what_the_event_answers() -> None:
    """The answer of the event is the answer of the wait."""
    answers = iter(["", "", "here"])
    assert wait_until(lambda: next(answers), "the third answer") == "here"


def test_wait_until_names_what_did_not_come() -> None:
    """A deadline that passes is a failure with the event's name in it."""
    with pytest.raises(TimeoutError, match="the impossible"):
        wait_until(lambda: False, "the impossible", deadline=0.01)


@pytest.mark.root
def test_call_as_is_that_user_for_good(alice: User) -> None:
    """The fork has the user's ids, no groups, and no way back."""

    def look() -> tuple[tuple[int, ...], tuple[int, ...], list[int]]:
        with pytest.raises(PermissionError):
            os.setuid(0)
        return os.getresuid(), os.getresgid(), os.getgroups()

    assert users.call_as(alice, look) == ((alice.uid,) * 3, (alice.gid,) * 3, [])
    assert os.geteuid() == 0


@pytest.mark.root
def test_call_as_raises_here_what_was_raised_there(alice: User, common_path: Path) -> None:
    """An OSError comes back with its errno and path."""
    with pytest.raises(PermissionError) as caught:
        users.call_as(alice, (common_path / "new").touch)
    assert caught.value.filename == str(common_path / "new")


def test_leases_are_denied_in_the_fork_alone(tmp_path: Path) -> None:
    """F_SETLEASE fails with EINVAL there, other fcntl calls do not, and here leases still work."""
    file = (tmp_path / "file").open("xb")

    def look() -> int:
        with pytest.raises(OSError, match="Invalid argument"):
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        return fcntl.fcntl(file, fcntl.F_GETFD)

    with file:
        assert forks.call(look, first=denial.deny_leases) == fcntl.FD_CLOEXEC
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)


def test_exchange_is_denied_in_the_fork_alone(tmp_path: Path) -> None:
    """renameat2 fails with EINVAL there."""
    libc = ctypes.CDLL(None, use_errno=True)
    names = os.fsencode(tmp_path / "one"), os.fsencode(tmp_path / "two")
    for name in names:
        Path(os.fsdecode(name)).touch()

    def exchange() -> int:
        failed = libc.renameat2(-100, names[0], -100, names[1], 2)
        return ctypes.get_errno() if failed else 0

    assert forks.call(exchange, first=denial.deny_exchange) == errno.EINVAL
    assert exchange() == 0


@pytest.mark.root
@pytest.mark.parametrize("kind", [EXT4, XFS, BTRFS], ids=lambda kind: kind.name)
def test_a_mounted_image_is_that_filesystem_and_is_gone_afterwards(
    kind: Kind, common_path: Path, alice: User
) -> None:
    """Any user can write to it, and neither mount nor loop device outlives the block."""
    with mounts.filesystem(kind, common_path) as mount:
        found = subprocess.run(
            ["findmnt", "--noheadings", "--output", "FSTYPE", mount.point],
            capture_output=True,
            text=True,
            check=True,
        )
        assert found.stdout.strip() == kind.name
        users.call_as(alice, (mount.point / "file").touch)
        assert (mount.point / "file").stat().st_uid == alice.uid
    assert not mount.point.is_mount()
    assert str(mount.image) not in mounts.run("losetup", "--list")


@pytest.mark.root
def test_a_mount_left_busy_is_detached_and_reported(common_path: Path) -> None:
    """What a test leaves open does not leave a mount behind, and does not pass unnoticed."""
    with pytest.raises(OSError, match="still in use") as caught, mounts.tmpfs(common_path / "busy") as mount:
        left_open = os.open(mount.point, os.O_RDONLY)
    os.close(left_open)
    assert caught.value.errno == errno.EBUSY
    assert not mount.point.is_mount()


@pytest.mark.root
def test_a_snapshot_holds_what_was_synced_and_mounts_again(common_path: Path) -> None:
    """A cut image of a mounted ext4 recovers its journal and has every byte that fsync promised."""
    with mounts.filesystem(XFS, common_path, size=2048 * mounts.MIB) as stage:
        with mounts.filesystem(EXT4, stage.point) as mount:
            assert mount.image is not None
            with (mount.point / "kept").open("wb") as file:
                file.write(b"promised")
                file.flush()
                os.fsync(file.fileno())
            mounts.snapshot(mount.image, stage.point / "cut.img")
            (mount.point / "kept").write_bytes(b"later")
        with mounts.mounted(EXT4, stage.point / "cut.img", stage.point / "cut") as cut:
            assert (cut.point / "kept").read_bytes() == b"promised"


@pytest.mark.root
def test_small_is_soon_full(small: Mount) -> None:
    """Its size is what makes it worth having."""
    with pytest.raises(OSError, match="No space left") as caught:
        (small.point / "file").write_bytes(bytes(32 * mounts.MIB))
    assert caught.value.errno == errno.ENOSPC


@pytest.mark.root
def test_quota_stops_a_user_who_has_space_left(quota: Mount, alice: User) -> None:
    """Beyond the quota a write fails with EDQUOT, not ENOSPC."""
    with pytest.raises(OSError, match="quota") as caught:
        users.call_as(alice, lambda: (quota.point / "file").write_bytes(bytes(8 * mounts.MIB)))
    assert caught.value.errno == errno.EDQUOT
    assert shutil.disk_usage(quota.point).free > 64 * mounts.MIB


def test_fuse_shows_the_directory_below_and_has_no_nameless_files(fuse: Mount) -> None:
    """What is written through FUSE arrives in the directory that it shows; O_TMPFILE is missing."""
    with pytest.raises(OSError, match="not supported"):
        os.open(fuse.point, os.O_TMPFILE | os.O_RDWR)
    (fuse.point / "file").write_bytes(b"through")
    assert (fuse.point.parent / "source" / "file").read_bytes() == b"through"


@pytest.mark.root
def test_tmpfs_is_in_memory(tmpfs: Mount) -> None:
    """It is a mount of its own, and everybody may write to it."""
    assert tmpfs.point.is_mount()
    assert tmpfs.point.stat().st_mode & 0o7777 == 0o1777
