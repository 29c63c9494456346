"""The filesystem that everything is measured on: ext4 with a journal, on an image of our own.

Whatever filesystem the machine happens to have (no journal, overlay, network) would decide the numbers, so
the benchmark brings its own. The image is written through once, because a sparse one allocates its blocks
while we measure; the loop device uses direct I/O, because otherwise the pages are cached twice and a sync of
the volume ends in the page cache of the filesystem below.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench import command
from bench.command import CommandError

MIB = 1 << 20
GIB = 1 << 30
JOURNAL_MIB = 512
"""Large enough that no commit waits for a checkpoint while 10,000 files are replaced."""
SMALL_JOURNAL_MIB = 64
"""For images below `SMALL`, which the large journal would half fill."""
SMALL = 4 * GIB
QUIET = 0.3
"""Seconds without a write to the device after which it counts as settled."""
SETTLE_LIMIT = 30.0
"""Seconds after which we measure on a device that never rests."""


@dataclass(frozen=True, slots=True)
class Volume:
    """A directory to measure in, and what is known about the filesystem below it."""

    root: Path
    own: bool
    """Made for this benchmark: journaled, able to encrypt directories, and nobody else writes to it."""

    def sync(self) -> None:
        """Return when everything written so far is durable."""
        command.run(["sync", "-f", self.root])

    def settle(self) -> None:
        """Return when everything is durable and the device has been idle for a moment."""
        self.sync()
        deadline = time.monotonic() + SETTLE_LIMIT
        before = self._written()
        while time.monotonic() < deadline:
            time.sleep(QUIET)
            now = self._written()
            if now == before:
                return
            before = now

    def description(self) -> str:
        """The filesystem in a few words, for the report."""
        if self.own:
            return "ext4 with a journal, on an image behind a direct I/O loop device"
        kind = command.run(["stat", "-f", "-c", "%T", self.root]).strip()
        return f"{kind}, given by --on"

    def _written(self) -> int:
        """Sectors written so far, by `/sys/dev/block/*/stat` (Documentation/block/stat.rst); 0 if unknown."""
        device = os.stat(self.root).st_dev
        path = f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/stat"
        try:
            with open(path, encoding="ascii") as file:
                return int(file.read().split()[6])
        except OSError:
            return 0


@contextlib.contextmanager
def existing(root: Path) -> Iterator[Volume]:
    """A new directory on a filesystem that is there already, removed at the end."""
    space = root / "cscd-bench"
    space.mkdir()
    try:
        yield Volume(space, own=False)
    finally:
        command.run(["rm", "-rf", "--", space])


@contextlib.contextmanager
def image(work: Path, size: int, *, keep: bool, inodes: int = 0) -> Iterator[Volume]:
    """A fresh ext4 of `size` bytes, mounted below `work`; at the end unmounted, detached and deleted.

    Args:
        work: directory for the image file and the mount point; one run at a time uses it.
        size: bytes of the image.
        keep: leave the image file for the next run, which then need not write it through again.
        inodes: how many files it has to hold, 0 for the usual number.

    Raises:
        CommandError: not root, another run is using `work`, or no room.
    """
    if os.geteuid() != 0:
        raise CommandError("mounting an image needs root; or measure on a filesystem of yours with --on DIR")
    work.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_sole_user(work))
        path, root = work / "volume.ext4", work / "volume"
        _recover(path, root)
        if not keep:
            stack.callback(path.unlink, missing_ok=True)
        _write_through(path, size)
        _make_filesystem(path, size, inodes)
        device = command.run(["losetup", "--find", "--show", "--direct-io=on", path]).strip()
        stack.callback(command.run, ["losetup", "--detach", device])
        root.mkdir(exist_ok=True)
        command.run(["mount", "-t", "ext4", device, root])
        stack.callback(_unmount, root)
        yield Volume(root, own=True)


@contextlib.contextmanager
def _sole_user(work: Path) -> Iterator[None]:
    with open(work / "lock", "w", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CommandError(
                f"{work} is in use by another benchmark; give this one another --work"
            ) from error
        yield


def _recover(path: Path, root: Path) -> None:
    """Undo what a killed run left behind."""
    if root.is_mount():
        _unmount(root)
    for line in command.run(["losetup", "--noheadings", "--output", "NAME", "--associated", path]).split():
        command.run(["losetup", "--detach", line])


def _write_through(path: Path, size: int) -> None:
    size = -(-size // (4 * MIB)) * 4 * MIB
    if path.exists() and path.stat().st_size == size:
        return
    path.unlink(missing_ok=True)
    command.run(["dd", "if=/dev/zero", f"of={path}", "bs=4M", f"count={size // (4 * MIB)}", "conv=fsync"])


def _make_filesystem(path: Path, size: int, inodes: int) -> None:
    journal = JOURNAL_MIB if size >= SMALL else SMALL_JOURNAL_MIB
    count = ["-N", str(inodes)] if inodes else []
    # Lazy initialisation would write the inode tables in the background while we measure.
    options = "lazy_itable_init=0,lazy_journal_init=0,nodiscard"
    features = ["-O", "encrypt", "-b", "4096", "-m", "0"]
    command.run(["mkfs.ext4", "-q", "-F", "-J", f"size={journal}", "-E", options, *features, *count, path])


def _unmount(root: Path) -> None:
    """Unmount now; if something that we could not end still holds it, as soon as that lets go."""
    try:
        command.run(["umount", root])
    except CommandError:
        command.run(["umount", "--lazy", root])
