"""Which filesystems are served by another machine: of what happens there, inotify(7) tells nothing."""

import os
from collections.abc import Iterable
from typing import Final

_MOUNTS: Final = "/proc/self/mountinfo"
_KINDS: Final = frozenset(
    {
        b"9p",
        b"afs",
        b"ceph",
        b"cifs",
        b"coda",
        b"fuse.ceph",
        b"fuse.glusterfs",
        b"fuse.rclone",
        b"fuse.s3fs",
        b"fuse.sshfs",
        b"gfs2",
        b"gpfs",
        b"lustre",
        b"ncpfs",
        b"nfs",
        b"nfs4",
        b"ocfs2",
        b"orangefs",
        b"smb3",
        b"smbfs",
    }
)


def devices(mounts: Iterable[bytes]) -> set[int]:
    """Return the device numbers of network filesystems, from the lines of proc_pid_mountinfo(5)."""
    found = set()
    for line in mounts:
        before, _, after = line.partition(b" - ")
        if after.partition(b" ")[0] in _KINDS:
            major, _, minor = before.split()[2].partition(b":")
            found.add(os.makedev(int(major), int(minor)))
    return found


def serves(device: int) -> bool:
    """Whether files with this device number are on a network filesystem, as far as can be told."""
    try:
        with open(_MOUNTS, "rb") as mounts:
            return device in devices(mounts)
    except OSError:
        return False
