"""Skip a test, in a sentence, when the machine lacks what the test stands on.

Each function returns only if the part is there. In CI `tests/conftest.py` turns every skip into a failure.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

PROVISION = "`make test` installs it where root and apt are there"

CAP_SYS_ADMIN = 21
"""Its bit in a capability set: linux/capability.h."""


def root() -> None:
    """Skip unless this process is root, able to mount and to become other users."""
    if os.geteuid() != 0:
        pytest.skip("needs root: mounts, other users and ownership are root's to make")


def mounting() -> None:
    """Skip unless this process may mount filesystems, which root in a container often may not."""
    root()
    status = Path("/proc/self/status").read_text(encoding="ascii")
    effective = next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff:"))
    if not int(effective, 16) >> CAP_SYS_ADMIN & 1:
        pytest.skip("needs the capability to mount (CAP_SYS_ADMIN), which this container does not have")


def command(*names: str) -> None:
    """Skip unless every one of the commands is installed."""
    missing = [name for name in names if shutil.which(name) is None]
    if missing:
        pytest.skip(f"needs the command {', '.join(missing)}: {PROVISION}")


def filesystem(kind: str) -> None:
    """Skip unless this kernel can mount the filesystem, loading its module if it has to."""
    if shutil.which("modprobe") and os.geteuid() == 0:
        subprocess.run(["modprobe", "--quiet", kind], check=False)
    known = {line.split()[-1] for line in Path("/proc/filesystems").read_text(encoding="ascii").splitlines()}
    if kind not in known:
        pytest.skip(f"needs a kernel with the filesystem {kind}")


def device(path: str) -> None:
    """Skip unless we may use the device, such as /dev/fuse or /dev/loop-control."""
    if not os.access(path, os.R_OK | os.W_OK):
        pytest.skip(f"needs the device {path}, which is not there or not ours to use")
