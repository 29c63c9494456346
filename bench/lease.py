"""Leases as /proc/locks lists them (proc_locks(5)): which inodes are being converted right now.

A line reads `7: LEASE  ACTIVE    WRITE 4711 07:00:1234 0 EOF`: kind, state, what for, process, then device
and inode, the device's numbers in hexadecimal.
"""

import os

LOCKS = "/proc/locks"


def leased(device: int) -> set[int]:
    """Inodes of the filesystem `device` (as st_dev) that somebody holds a lease on."""
    with open(LOCKS, encoding="ascii") as file:
        return parse(file.read(), device)


def parse(text: str, device: int) -> set[int]:
    """The leased inodes of `device` in the text of /proc/locks."""
    prefix = f"{os.major(device):02x}:{os.minor(device):02x}:"
    inodes = set()
    for line in text.splitlines():
        words = line.split()
        # A process that waits for the lease is listed below it, as "->".
        if len(words) > 5 and words[1] == "LEASE" and words[5].startswith(prefix):
            inodes.add(int(words[5].rpartition(":")[2]))
    return inodes
