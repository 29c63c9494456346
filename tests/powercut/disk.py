"""Disks that can be copied at one instant, as a power cut leaves them, and what is on such a copy.

Two kinds. Both lie in an image file on an XFS with reflinks, where FICLONE copies it at one instant::

    through   ext4 or XFS -> loop -> image, on XFS with reflinks
    cached    ext4 or XFS -> loop -> inner image, on XFS -> loop -> image, on XFS with reflinks

A *through* disk has no cache of its own: whatever it has acknowledged is in the copy, in the order of
acknowledgement, flushed or not.

A *cached* disk loses what it was not told to flush, as real ones may. Its cache is the memory that holds the
inner image's changes until the loop device passes a flush on as an fsync of the inner image. The
filesystem under the inner image is the one that is cut and recovered first. To have the cache write back in
an order of its own before the cut, see `write_back_some`. (dm-log-writes would do as much; it needs
device-mapper, which the kernels of small virtual machines do not have.)
"""

import ctypes
import os
import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support import mounts, requires
from tests.support.mounts import MIB, XFS, Kind

SMALL = 128 * MIB
"""Bytes of the filesystem that the pass works on, unless mkfs wants more."""
AROUND = 192 * MIB
"""Bytes more of the one that an inner image lies on."""

_SYNC_FILE_RANGE_WRITE = 2
"""linux/fs.h."""


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk with a mounted filesystem, whose power can be cut as often as one likes."""

    kind: Kind
    point: Path
    """Where its filesystem is mounted."""
    image: Path
    """What a cut copies."""
    inner: Path | None
    """The image inside, if the disk has a cache."""
    directory: Path
    """For copies and their mount points; on the XFS with reflinks."""

    def cut(self, number: int) -> "Copy":
        """Copy the disk as the power fails now."""
        copy = self.directory / f"cut-{number}.img"
        if self.inner:
            write_back_some(self.inner)
        mounts.snapshot(self.image, copy)
        return Copy(self, copy)


@dataclass(frozen=True, slots=True)
class Copy:
    """What is on a disk after the power has come back."""

    disk: Disk
    image: Path

    @contextmanager
    def mounted(self) -> Iterator[Path]:
        """Mount it, which has its filesystem recover, and delete it in the end."""
        name = self.image.stem
        with ExitStack() as stack:
            stack.callback(self.image.unlink)
            image = self.image
            if self.disk.inner:
                outer = self.disk.directory / f"{name}-outer"
                stack.enter_context(mounts.mounted(XFS, image, outer, options="nouuid"))
                image = outer / self.disk.inner.name
            options = "nouuid" if self.disk.kind is XFS else ""
            point = self.disk.directory / name
            stack.enter_context(mounts.mounted(self.disk.kind, image, point, options=options))
            yield point


@contextmanager
def disk(kind: Kind, directory: Path, *, cached: bool) -> Iterator[Disk]:
    """Mount an empty filesystem of a kind on a disk with or without a cache; skip if that cannot be."""
    requires.filesystem(kind.name)
    requires.command(kind.mkfs[0])
    with ExitStack() as stack:
        store = stack.enter_context(mounts.filesystem(XFS, directory, size=3 << 30)).point
        image = store / "disk.img"
        inner = None
        if cached:
            mounts.make_image(XFS, image, size=_size(kind) + AROUND)
            outer = store / "outer"
            stack.enter_context(mounts.mounted(XFS, image, outer))
            inner = outer / "inner.img"
            _make(kind, inner)
            with inner.open("rb") as made:
                os.fsync(made)
            os.sync()
        else:
            _make(kind, image)
        point = stack.enter_context(mounts.mounted(kind, inner or image, store / "cache")).point
        yield Disk(kind, point, image, inner, store)


def _make(kind: Kind, image: Path) -> None:
    """Make a filesystem in an image of which every block is there: a full store is not what is tested."""
    mounts.make_image(kind, image, size=_size(kind))
    with image.open("rb+") as file:
        os.posix_fallocate(file.fileno(), 0, _size(kind))


def _size(kind: Kind) -> int:
    return XFS.size if kind is XFS else SMALL


def write_back_some(image: Path) -> None:
    """Have the memory behind an image written back in part, at random: nobody flushed it, it just happens."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.sync_file_range.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
    with image.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        for _ in range(random.randrange(64)):
            start = random.randrange(size)
            libc.sync_file_range(file.fileno(), start, random.randrange(MIB), _SYNC_FILE_RANGE_WRITE)
