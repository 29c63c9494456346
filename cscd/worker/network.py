"""Which filesystems are served by another machine: of what happens there, inotify(7) tells nothing."""

import os
from collections.abc import Iterable
from typing import Final

_MOUNTS: Final = "/proc/self/mountinfo"
_KINDS: Final = frozenset(
    {
        "9p",
        "afs",
        "ceph",
        "cifs",
        "coda",
        "fuse.ceph",
        "fuse.glusterfs",
        "fuse.rclone",
        "fuse.s3fs",
        "fuse.sshfs",
        "gfs2",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "orangefs",
        "smb3",
        "smbfs",
    }
)


def devices(mounts: Iterable[str]) -> set[int]:
    """Return the device numbers of network filesystems, from the lines of proc_pid_mountinfo(5)."""
    found = set()
    for line in mounts:
        before, _, after = line.partition(" - ")
        if after.partition(" ")[0] in _KINDS:
            major, _, minor = before.split()[2].partition(":")
            found.add(os.makedev(int(major), int(minor)))
    return found


def serves(device: int) -> bool:
    """Whether files with this device number are on a network filesystem, as far as can be told."""
    try:
        with open(_MOUNTS, encoding="utf-8", errors="surrogateescape") as mounts:
            return device in devices(mounts)
    except OSError:
        return False
