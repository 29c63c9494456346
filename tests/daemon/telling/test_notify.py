"""Telling systemd: what is sent, to where, and what is not inherited."""

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cscd.daemon.telling.notify import Notify


class Manager:
    """The other end: systemd's."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._socket.setblocking(False)  # noqa: FBT003 - its only way to be called

    def heard(self) -> list[str]:
        """What has come since the last time, one text for each datagram."""
        found = []
        while True:
            try:
                found.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return found

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    """Give one at a path, and one with a name in the abstract namespace."""
    manager = Manager(str(tmp_path / "notify") if request.param == "path" else f"@cscd-test-{os.getpid()}")
    yield manager
    manager.close()


def test_the_service_says_how_it_is(manager: Manager) -> None:
    """From its start to its end, one datagram each."""
    notify = Notify.from_environment({"NOTIFY_SOCKET": manager.address})
    notify.ready("2 users, all right")
    notify.status("1 pass under way")
    notify.ping()
    notify.extend(1.5)
    notify.stopping()
    assert manager.heard() == [
        "READY=1\nSTATUS=2 users, all right",
        "STATUS=1 pass under way",
        "WATCHDOG=1",
        "EXTEND_TIMEOUT_USEC=1500000",
        "STOPPING=1",
    ]
    notify.close()
    notify.ping()
    assert manager.heard() == []


def test_a_reload_is_said_with_its_time(manager: Manager) -> None:
    """By the clock that systemd compares with (sd_notify(3), MONOTONIC_USEC)."""
    notify = Notify(manager.address)
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    notify.reloading()
    after = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    (said,) = manager.heard()
    first, _, microseconds = said.partition("\nMONOTONIC_USEC=")
    assert first == "RELOADING=1"
    assert before <= int(microseconds) <= after
    notify.close()


def test_the_same_status_is_said_once(manager: Manager) -> None:
    """An idle service sends nothing but pings."""
    notify = Notify(manager.address)
    notify.ready("idle")
    notify.status("idle")
    notify.status("busy")
    notify.status("busy")
    assert manager.heard() == ["READY=1\nSTATUS=idle", "STATUS=busy"]
    notify.close()


def test_a_status_cannot_hold_another_assignment(manager: Manager) -> None:
    """Whatever name of a user or a file is in it."""
    notify = Notify(manager.address)
    notify.status("evil\nMAINPID=1\udcff" + "x" * 1000)
    (said,) = manager.heard()
    assert said.startswith("STATUS=evil MAINPID=1?xxx")
    assert len(said) < 300
    notify.close()


def test_nobody_to_tell_is_no_error(tmp_path: Path) -> None:
    """Without systemd, and while its socket is not there."""
    for address in ("", str(tmp_path / "nobody")):
        notify = Notify(address)
        notify.ready("idle")
        notify.ping()
        notify.close()


def test_children_inherit_nothing() -> None:
    """They could speak in our name, for NotifyAccess= is by process, and children come and go."""
    environment = {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1", "HOME": "/"}
    Notify.from_environment(environment).close()
    assert environment == {"HOME": "/"}


@pytest.mark.parametrize("address", ["relative", "@", "/", "vsock:2:1234", "unix:/run/x"])
def test_an_address_of_another_kind_is_left_alone(address: str) -> None:
    """sd_notify(3) has more kinds than a local service needs."""
    notify = Notify.from_environment({"NOTIFY_SOCKET": address})
    notify.ping()
    notify.close()


@pytest.mark.parametrize(
    "microseconds, pid, interval",
    [
        ("30000000", "", 15.0),
        ("30000000", "own", 15.0),
        ("30000000", "1", None),
        ("0", "", None),
        ("", "", None),
        ("-5", "", None),
        ("many", "", None),
        ("9" * 30, "", None),
    ],
)
def test_the_watchdog_is_pinged_twice_in_its_time(
    microseconds: str, pid: str, interval: float | None
) -> None:
    """If it is meant for this process (sd_watchdog_enabled(3))."""
    environment = {
        "WATCHDOG_USEC": microseconds,
        "WATCHDOG_PID": str(os.getpid()) if pid == "own" else pid,
    }
    assert Notify.from_environment(environment).ping_interval == interval
