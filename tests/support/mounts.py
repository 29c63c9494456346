"""Filesystems of our own: made in an image file, mounted for one test, gone after it.

Needs root. Nothing here touches a device or a mount that it did not make. An image can be copied at one
instant with `snapshot`, as if the power had been cut, and mounted again.
"""

import errno
import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support import requires
from tests.support.waiting import wait_until

MIB = 1 << 20

FICLONE = 0x40049409
"""ioctl_ficlone(2): share all blocks of another file, at one instant."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A filesystem that a test may ask for: how it is made, and how small it can be."""

    name: str
    mkfs: tuple[str, ...]
    size: int
    """Bytes of the image if the test does not care: near the smallest that mkfs accepts, and sparse."""


EXT4 = Kind("ext4", ("mkfs.ext4", "-q", "-F"), 256 * MIB)
XFS = Kind("xfs", ("mkfs.xfs", "-q", "-f", "-m", "reflink=1"), 320 * MIB)
BTRFS = Kind("btrfs", ("mkfs.btrfs", "-q", "-f"), 256 * MIB)


@dataclass(frozen=True, slots=True)
class Mount:
    """A mounted filesystem."""

    point: Path
    """Its root directory; everybody may write there, as in /tmp."""
    image: Path | None
    """The file that holds it, if it is in one."""


def run(*command: str | Path) -> str:
    """Run a command of the system and return its output; if it fails, its own words are the message."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        message = f"{' '.join(map(str, command))}: exit code {done.returncode}: {done.stderr.strip()}"
        raise OSError(message)
    return done.stdout


def make_image(kind: Kind, image: Path, *, size: int = 0, options: Sequence[str] = ()) -> None:
    """Make an empty filesystem in a new sparse file.

    Args:
        kind: which filesystem.
        image: the file; must not exist.
        size: bytes, or 0 for the kind's own choice.
        options: more arguments for mkfs, such as `("-O", "quota")`.
    """
    with image.open("xb") as file:
        file.truncate(size or kind.size)
    run(*kind.mkfs, *options, image)


@contextmanager
def mounted(kind: Kind, image: Path, point: Path, *, options: str = "") -> Iterator[Mount]:
    """Mount an image at a directory, made if needed, until the block ends.

    Args:
        kind: which filesystem it holds.
        image: the file.
        point: where to mount it; must be reachable to the users that the test becomes.
        options: for mount(8), comma-separated, such as "ro" or "usrquota"; a snapshot of an XFS that is
            still mounted needs "nouuid".
    """
    point.mkdir(exist_ok=True)
    device = run("losetup", "--find", "--show", image).strip()
    try:
        run("mount", "-t", kind.name, "-o", options or "rw", device, point)
        try:
            yield Mount(point, image)
        finally:
            unmount(point)
    finally:
        run("losetup", "--detach", device)


@contextmanager
def filesystem(
    kind: Kind, directory: Path, *, size: int = 0, mkfs: Sequence[str] = (), options: str = ""
) -> Iterator[Mount]:
    """Make and mount an empty filesystem that everybody may write to; skip if that is not possible here.

    Args:
        kind: which filesystem.
        directory: where image and mount point go, named after the kind.
        size: bytes, or 0 for the kind's own choice.
        mkfs: more arguments for mkfs.
        options: for mount(8).
    """
    requires.mounting()
    requires.command("losetup", "mount", kind.mkfs[0])
    requires.filesystem(kind.name)
    requires.device("/dev/loop-control")
    image = directory / f"{kind.name}.img"
    make_image(kind, image, size=size, options=mkfs)
    with mounted(kind, image, directory / kind.name, options=options) as mount:
        mount.point.chmod(0o1777)
        yield mount


@contextmanager
def tmpfs(point: Path, *, size: int = 64 * MIB) -> Iterator[Mount]:
    """Mount a tmpfs of that many bytes at a directory, made if needed, until the block ends."""
    requires.mounting()
    point.mkdir(exist_ok=True)
    run("mount", "-t", "tmpfs", "-o", f"size={size},mode=1777", "tmpfs", point)
    try:
        yield Mount(point, None)
    finally:
        unmount(point)


@contextmanager
def fuse(source: Path, point: Path) -> Iterator[Mount]:
    """Show a directory once more through FUSE, which lacks O_TMPFILE and RENAME_EXCHANGE (bindfs 1.14).

    Works without root too, where fusermount3 may mount.
    """
    if os.geteuid() == 0:
        requires.mounting()
    requires.command("bindfs", "fusermount3")
    requires.device("/dev/fuse")
    point.mkdir(exist_ok=True)
    bindfs = subprocess.Popen(["bindfs", "-f", source, point], stderr=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: point.is_mount() or bindfs.poll() is not None, "bindfs has mounted or given up")
        if bindfs.poll() is not None:
            _, complaint = bindfs.communicate()
            message = f"bindfs: {complaint.strip()}"
            raise OSError(message)
        yield Mount(point, None)
    finally:
        if point.is_mount():
            unmount(point)
        bindfs.communicate(timeout=10)


def snapshot(image: Path, to: Path) -> None:
    """Copy an image at one instant, while it is mounted and written to, as a power cut would leave it.

    What the filesystem above has handed to its disk is in the copy, in the order of its writes; what was
    still in memory is not. The image must lie on a filesystem with reflinks (`XFS` has them).

    Raises:
        OSError: EOPNOTSUPP or EINVAL, where there are no reflinks.
    """
    with image.open("rb") as source, to.open("xb") as copy:
        fcntl.ioctl(copy, FICLONE, source.fileno())


def unmount(point: Path) -> None:
    """Unmount; if something keeps it busy beyond a few seconds, detach it lazily and say so by raising.

    Raises:
        OSError: EBUSY, after the lazy unmount: a test left a process or a descriptor behind.
    """
    command = ("umount",) if os.geteuid() == 0 else ("fusermount3", "-u")

    def gone() -> bool:
        return subprocess.run([*command, point], capture_output=True, check=False).returncode == 0

    try:
        wait_until(gone, f"{point} is no longer busy", deadline=5.0)
    except TimeoutError:
        users = _users_of(point)
        run(*command, "-l" if command == ("umount",) else "-z", point)
        raise OSError(
            errno.EBUSY, f"still in use after the test: {users or 'by nobody we can see'}", point
        ) from None


def _users_of(point: Path) -> str:
    """Who keeps a mount busy, in fuser(1)'s words, if it is installed."""
    if shutil.which("fuser") is None:
        return ""
    done = subprocess.run(["fuser", "-vm", point], capture_output=True, text=True, check=False)
    # The process that began this machine may be nobody's to look at, and fuser says so for each descriptor.
    told = [line for line in done.stderr.splitlines() if not line.startswith("Cannot stat")]
    return " ".join(" ".join([*told, done.stdout]).split())
