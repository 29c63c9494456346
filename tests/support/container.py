"""A machine of our own: a real systemd as PID 1, on an overlay of this machine's system, gone after the test.

Needs root, and systemd-nspawn. Inside are this machine's Debian and its packages without what was enabled
here, a system bus, logind, PAM and a journal of its own, and no network. What is written there goes to an
image file that nobody else sees.

Nothing of it outlives the test run, even one that is killed: mounts lie in a mount namespace and processes
in a PID namespace that end with the process that made them, the image is deleted once it is mounted, and its
loop device frees itself. The empty directory and control group of a killed run are removed by the next one.

Where the kernel's controllers are bound to version 1 of control groups, MemoryHigh= and TasksMax= have no
effect inside.
"""

import fcntl
import os
import select
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from tests.support import mounts, requires
from tests.support.machine import Machine
from tests.support.waiting import wait_until

SIZE = 6 << 30
"""Bytes of the image, which is sparse."""

LARGE = "/var/tmp"  # noqa: S108 - the directory made in it has a name that nobody can guess
"""Where the image goes: /tmp may be in memory."""

# Of a cscd that is installed on this machine, nothing is inside.
#
# The image holds what is written to the overlay, and the directories for cached files. Those are plain
# ext4, as on most machines: leases, O_TMPFILE and RENAME_EXCHANGE work on an overlay, too (kernel 6.18),
# but where its layers are on two filesystems, a file's st_dev is not its directory's (kernel,
# filesystems/overlayfs.rst, "Inode properties"), and what lies on another filesystem than its root is not
# converted.
#
# /proc and /sys/fs/cgroup are mounted anew: the first for the PID namespace, the second so that nspawn finds
# version 2 of control groups alone, whatever this machine has besides.
SETUP = """
set -e
mount -t ext4 -o loop "$image" "$directory"
rm "$image"
mkdir "$directory/upper" "$directory/work" "$directory/root" "$directory/home" "$directory/srv"
mount -t overlay -o "lowerdir=/,upperdir=$directory/upper,workdir=$directory/work" overlay "$directory/root"
cd "$directory/root"
rm -rf etc/systemd/system/*.wants etc/cscd var/lib/cscd var/log/cscd
find usr/local usr/share/polkit-1 etc/dbus-1 etc/logrotate.d etc/systemd -name '*cscd*' -prune \\
    -exec rm -rf {} + || true # where one of these is not there
rm -rf usr/sbin/policy-rc.d var/log/journal
mkdir var/log/journal
echo "$machine_id" >etc/machine-id
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir "/sys/fs/cgroup/$control_group"
echo 0 >"/sys/fs/cgroup/$control_group/cgroup.procs"
systemd-nspawn --quiet --settings=no --register=no --keep-unit --machine="$name" --uuid="$machine_id" \
    --directory="$directory/root" --bind="$directory/home:/home" --bind="$directory/srv:/srv" \
    --private-network --resolv-conf=off --timezone=off --link-journal=no --console=pipe --boot
exit $?
"""

# A control group can be removed once it is empty, from the innermost outwards.
CLEAN_UP = """
mount -t cgroup2 cgroup2 /sys/fs/cgroup
if [ -d "/sys/fs/cgroup/$control_group" ]; then
    find "/sys/fs/cgroup/$control_group" -depth -type d -exec rmdir {} ";"
fi
"""

PREFIX = "cscd-machine-"
"""Of the names of machines, their directories and control groups."""


@contextmanager
def booted() -> Iterator[Machine]:
    """Boot a machine, and end it with the block; skip where that is not possible."""
    requires.mounting()
    requires.command("systemd-nspawn", "nsenter", "unshare", "setpriv", "losetup", "mkfs.ext4")
    requires.command("dbus-daemon", "loginctl", "script", "su", "useradd")
    requires.filesystem("overlay")
    requires.filesystem("cgroup2")
    requires.device("/dev/loop-control")
    sweep()
    name = f"{PREFIX}{uuid.uuid4().hex[:8]}"
    with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=LARGE) as directory, _locked(Path(directory)):
        place = Path(directory)
        mounts.make_image(mounts.EXT4, place / "image", size=SIZE)
        (place / "machine").mkdir()
        variables = {
            **os.environ,
            "image": str(place / "image"),
            "directory": str(place / "machine"),
            "name": name,
            "machine_id": uuid.uuid4().hex,
            "control_group": _control_group(name),
        }
        with (place / "console").open("wb") as output, _started(variables, output) as process:
            try:
                yield _ready(name, process, place / "console")
            finally:
                _end(process)
                _remove_control_group(name)


def _started(variables: dict[str, str], output: BinaryIO) -> "subprocess.Popen[bytes]":
    """Start a machine; if the test runner is killed, unshare is, and with it the whole PID namespace."""
    outlived_by_nobody = ["setpriv", "--pdeathsig=KILL"]
    apart = ["unshare", "--mount", "--propagation=private", "--pid", "--mount-proc", "--fork", "--kill-child"]
    return subprocess.Popen(
        [*outlived_by_nobody, *apart, "sh", "-c", SETUP],
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
    )


def sweep() -> None:
    """Remove what killed runs have left."""
    for place in Path(LARGE).glob(f"{PREFIX}*"):
        with suppress(OSError), (place / "lock").open("rb") as lock:  # not there yet, or not ours to open
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # its run is at work as long as it is locked
            _remove_control_group(place.name.rpartition("-")[0])
            shutil.rmtree(place)


@contextmanager
def _locked(place: Path) -> Iterator[None]:
    """Have a directory count as in use."""
    with (place / "lock").open("xb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _remove_control_group(name: str) -> None:
    variables = {**os.environ, "control_group": _control_group(name)}
    subprocess.run(["unshare", "--mount", "sh", "-c", CLEAN_UP], env=variables, check=True)


def _control_group(name: str) -> str:
    """Return the path of a machine's control group, version 2, which lies in the one that we are in."""
    lines = Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines()
    own = next((line.removeprefix("0::") for line in lines if line.startswith("0::")), "/")
    return f"{own.rstrip('/')}/{name}"


def _ready(name: str, process: "subprocess.Popen[bytes]", console: Path) -> Machine:
    """Wait until everything in the machine has started."""

    def first() -> int:
        if process.poll() is not None:
            message = f"the machine did not start: {console.read_text(errors='replace')}"
            raise OSError(message)
        return _first_process(process.pid)

    machine = Machine(name, wait_until(first, "the machine has a PID 1"))
    wait_until(lambda: machine.path("/run/systemd/private").is_socket(), "systemd listens")
    state = machine.run("systemctl", "is-system-running", "--wait", check=False)
    if state.stdout.strip() != "running":
        failed = machine.run("systemctl", "--failed", "--no-legend", "--plain", check=False).stdout
        message = f"the machine is {state.stdout.strip()}: {failed}{state.stderr}"
        raise OSError(message)
    return machine


def _first_process(pid: int) -> int:
    """Return the PID 1 of the machine among the descendants of a process, 0 while there is none."""
    while children := _children(pid):
        pid = children[0]
        with suppress(OSError):
            status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
            levels = next(line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:"))
            # Of the PID namespace around it and the machine's: one more than nspawn has.
            if levels[-1] == "1" and len(levels) > 2 and status.startswith("Name:\tsystemd\n"):
                return pid
    return 0


def _children(pid: int) -> list[int]:
    try:
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return []
    return list(map(int, found.split()))


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End the machine as a pulled plug would, and wait until nothing of it is left."""
    # The first of a PID namespace: once it is gone, all that was in there is.
    first = [os.pidfd_open(pid) for pid in _children(process.pid)]
    process.kill()
    process.wait()
    for pidfd in first:
        assert select.select([pidfd], [], [], 30.0)[0], "the machine does not end"
        os.close(pidfd)
