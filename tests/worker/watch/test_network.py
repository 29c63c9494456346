"""Which filesystems are served by another machine."""

import os

from cscd.worker.watch import network

MOUNTS = b"""\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw
95 22 0:51 / /home/a\\040b rw shared:7 master:2 - nfs4 server:/home rw,vers=4.2
96 22 0:52 / /mnt/nfs rw - tmpfs nfs4 rw
97 22 0:53 / /mnt/ssh rw - fuse.sshfs me@there:/ rw
98 22 0:54 / /mnt/local rw - fuseblk /dev/sdb1 rw
"""


def test_the_kind_of_the_filesystem_decides() -> None:
    """Not the names that stand around it."""
    assert network.devices(MOUNTS.splitlines()) == {os.makedev(0, 51), os.makedev(0, 53)}


def test_what_is_here_is_not_served_by_another_machine() -> None:
    """The filesystem of processes is as local as can be."""
    assert not network.serves(os.stat("/proc").st_dev)
