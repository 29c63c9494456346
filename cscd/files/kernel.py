"""The Linux calls about files that Python does not wrap, typed, each raising OSError with errno and path.

Those about processes are in `cscd.worker.kernel`; everything that goes through ctypes is in these two. File
names are `str` with surrogate escapes, as everywhere in Python, so that any byte but NUL and `/` survives.
"""

import ctypes
import fcntl
import os
import struct
from errno import ENOENT, EPERM
from typing import Final

# linux/fs.h, linux/fcntl.h
_RENAME_NOREPLACE: Final = 1
_RENAME_EXCHANGE: Final = 2
_AT_SYMLINK_NOFOLLOW: Final = 0x100
_AT_NO_AUTOMOUNT: Final = 0x800
_AT_EMPTY_PATH: Final = 0x1000
_AT_STATX_DONT_SYNC: Final = 0x4000
_SYNC_FILE_RANGE_WAIT_BEFORE: Final = 1
_SYNC_FILE_RANGE_WRITE: Final = 2
_SYNC_FILE_RANGE_WAIT_AFTER: Final = 4
_FS_IOC_GETFLAGS: Final = 0x80086601
_FS_IOC_SETFLAGS: Final = 0x40086602

#: Inode flags (linux/fs.h, `FS_*_FL`) that forbid replacing a file.
FLAG_IMMUTABLE: Final = 0x10
FLAG_APPEND: Final = 0x20
#: Inode flags that an owner may set and that a copy should have too: secure deletion, undelete,
#: compress, sync, nodump, noatime, do not compress, no copy-on-write.
FLAGS_KEPT: Final = 0x1 | 0x2 | 0x4 | 0x8 | 0x40 | 0x80 | 0x400 | 0x800000

#: linux/stat.h: of struct statx the 256 bytes that there are, and in them stx_dev_major and stx_dev_minor.
_STATX_SIZE: Final = 256
_STATX_DEVICE: Final = struct.Struct("@136x2I")

_libc: Final = ctypes.CDLL(None, use_errno=True)
_libc.renameat2.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
_libc.linkat.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_int)
_libc.statx.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_uint, ctypes.c_void_p)
_libc.syncfs.argtypes = (ctypes.c_int,)
_libc.sync_file_range.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)


def _raise_errno(path: str | None = None) -> None:
    number = ctypes.get_errno()
    raise OSError(number, os.strerror(number), path)


def exchange(directory: int, one: str, other: str) -> None:
    """Swap two names of the directory at once: at no instant is either of them missing (renameat2(2))."""
    if _libc.renameat2(directory, os.fsencode(one), directory, os.fsencode(other), _RENAME_EXCHANGE):
        _raise_errno(one)


def rename_new(directory: int, old: str, new: str) -> None:
    """Rename a file of the directory, and never over another one (renameat2(2), RENAME_NOREPLACE)."""
    if _libc.renameat2(directory, os.fsencode(old), directory, os.fsencode(new), _RENAME_NOREPLACE):
        _raise_errno(new)


def link_descriptor(fd: int, directory: int, name: str) -> None:
    """Give the unnamed file behind `fd` a name (linkat(2)).

    Since Linux 6.10 an AT_EMPTY_PATH link is everyone's; older kernels want CAP_DAC_READ_SEARCH
    for it, so there the descriptor is reached through /proc.
    """
    target = os.fsencode(name)
    if not _libc.linkat(fd, b"", directory, target, _AT_EMPTY_PATH):
        return
    if ctypes.get_errno() not in (ENOENT, EPERM):
        _raise_errno(name)
    os.link(f"/proc/self/fd/{fd}", name, dst_dir_fd=directory, follow_symlinks=True)


def device(directory: int, name: str) -> int:
    """Return the st_dev of an entry of the directory, without asking who serves its filesystem.

    A network server that is gone, or the process behind a FUSE mount that has halted, holds up whoever asks
    by stat(2); statx(2) with AT_STATX_DONT_SYNC answers from what the kernel knows. Links are not followed.
    """
    found = ctypes.create_string_buffer(_STATX_SIZE)
    flags = _AT_SYMLINK_NOFOLLOW | _AT_NO_AUTOMOUNT | _AT_STATX_DONT_SYNC
    if _libc.statx(directory, os.fsencode(name), flags, 0, found):
        _raise_errno(name)
    major, minor = _STATX_DEVICE.unpack_from(found)
    return os.makedev(major, minor)


def sync_filesystem(fd: int) -> None:
    """Wait until everything written to the filesystem of `fd` is on the medium (syncfs(2))."""
    if _libc.syncfs(fd):
        _raise_errno()


def start_writeback(fd: int, offset: int, length: int) -> None:
    """Have the kernel begin to write a range out, without waiting (sync_file_range(2)); a hint only."""
    _libc.sync_file_range(fd, offset, length, _SYNC_FILE_RANGE_WRITE)


def finish_writeback(fd: int, offset: int, length: int) -> None:
    """Wait until a range is written out, without the metadata that leads to it (sync_file_range(2)).

    What went wrong is told here and then not again by fsync(2): an OSError means that the file is not whole.
    """
    flags = _SYNC_FILE_RANGE_WAIT_BEFORE | _SYNC_FILE_RANGE_WRITE | _SYNC_FILE_RANGE_WAIT_AFTER
    if _libc.sync_file_range(fd, offset, length, flags):
        _raise_errno()


def inode_flags(fd: int) -> int:
    """Return the inode flags (`lsattr`) of an open file, 0 where the filesystem has none."""
    try:
        return int.from_bytes(fcntl.ioctl(fd, _FS_IOC_GETFLAGS, bytes(8))[:4], "little")
    except OSError:
        return 0


def set_inode_flags(fd: int, flags: int) -> None:
    """Set the inode flags of an open file."""
    fcntl.ioctl(fd, _FS_IOC_SETFLAGS, flags.to_bytes(8, "little"))
