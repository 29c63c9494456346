"""The machine that the tests of this folder stand on is itself what it claims to be."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import container, mounts
from tests.support.machine import Machine
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.root]


def test_systemd_is_its_first_process(machine: Machine) -> None:
    """With a bus, logind and a journal, and everything that was to start has started."""
    assert machine.run("cat", "/proc/1/comm").stdout == "systemd\n"
    assert machine.run("systemctl", "is-system-running").stdout == "running\n"
    for service in ("dbus", "systemd-logind", "systemd-journald"):
        machine.run("systemctl", "is-active", service)


def test_it_is_this_machine_but_what_it_writes_stays_its_own(machine: Machine) -> None:
    """Its system is the one around it; a file made there is not there out here."""
    assert machine.path("/etc/os-release").read_bytes() == Path("/etc/os-release").read_bytes()
    machine.run("touch", f"/etc/{machine.name}")
    assert not Path("/etc", machine.name).exists()


def test_a_logon_is_a_session_of_class_user(machine: Machine) -> None:
    """As logind counts it, at a terminal, until the user logs off; its manager starts with it."""
    uid = machine.add_user("dora")
    with machine.logged_on("dora") as session:
        assert session.property("Class") == "user"
        assert session.property("Service") == "su-l"
        assert machine.path(f"/run/systemd/users/{uid}").exists()
        machine.run("systemctl", "is-active", f"user@{uid}.service")
    assert machine.sessions("dora") == set()


def test_several_sessions_of_a_user_are_told_apart(machine: Machine) -> None:
    """The end of one leaves the other open."""
    machine.add_user("emil")
    with machine.logged_on("emil") as first:
        with machine.logged_on("emil") as second:
            assert machine.sessions("emil") == {first.id, second.id}
        assert machine.sessions("emil") == {first.id}


def test_the_journal_has_what_is_logged_there(machine: Machine) -> None:
    """From the first line on, whoever logged it."""
    machine.run("logger", "--tag", "tester", "a line of its own")
    assert machine.journal("--output=cat", "--identifier=tester") == "a line of its own\n"


def test_nothing_of_it_outlives_a_run_that_is_killed() -> None:
    """Neither a process nor a mount nor a loop device; and the next run removes the directory."""
    program = (
        "from tests.support import container\n"
        "with container.booted() as machine:\n"
        "    print(machine.name, machine.pid, flush=True)\n"
        "    input()\n"
    )
    runner = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert runner.stdin
    assert runner.stdout
    name, pid = runner.stdout.readline().split()
    first = os.pidfd_open(int(pid))
    runner.send_signal(signal.SIGKILL)
    runner.communicate()
    assert select.select([first], [], [], 10.0)[0]
    os.close(first)
    assert name not in Path("/proc/mounts").read_text(encoding="utf-8")
    wait_until(lambda: name not in mounts.run("losetup", "--list"), "its loop device is free")
    container.sweep()
    assert not list(Path(container.LARGE).glob(f"{name}*"))
