"""Telling systemd how the service is doing: the protocol of sd_notify(3).

One datagram with lines ``NAME=value`` to the socket that NOTIFY_SOCKET names, where there is one: a path, or,
after an ``@``, a name in the abstract namespace. The service must tell more than its state: systemd ends and
restarts it when it has not said WATCHDOG=1 in time (`WatchdogSec=` in systemd.service(5)), so that is said
by the loop that does the work and by nothing else.

A datagram is sent or it is not; nothing waits, and nothing fails because nobody listens.
"""

import contextlib
import os
import socket
import time
from collections.abc import MutableMapping
from typing import Final, Self

_VARIABLES: Final = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
_MICRO: Final = 1_000_000
_NANO_IN_MICRO: Final = 1000
_MOST_STATUS: Final = 200
"""Characters of a status; ``systemctl status`` shows one line."""
_MOST_DIGITS: Final = 18


class Notify:
    """The way to the service manager, if there is one."""

    def __init__(self, address: str = "", watchdog: float | None = None) -> None:
        """Take the address as NOTIFY_SOCKET has it ("" for none), and the watchdog's interval in seconds."""
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._watchdog = watchdog
        self._said = ""
        self._socket: socket.socket | None = None
        if address:
            self._socket = socket.socket(
                socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
            )

    @classmethod
    def from_environment(cls, environment: MutableMapping[str, str]) -> Self:
        """Read what systemd put into the environment, and take it out, so that no child can speak for us."""
        address, interval, pid = (environment.pop(name, "") for name in _VARIABLES)
        # Anything else than these two is of a kind that sd_notify(3) does not know, or does not yet.
        if not address.startswith(("/", "@")) or len(address) == 1:
            address = ""
        mine = not pid or pid == str(os.getpid())
        return cls(address, _seconds(interval) if mine else None)

    @property
    def ping_interval(self) -> float | None:
        """Seconds from one `ping` to the next: half of what is allowed (sd_watchdog_enabled(3))."""
        return self._watchdog / 2 if self._watchdog else None

    def ready(self, status: str = "") -> None:
        """Say that the service is up, or that the reload it told about is done."""
        self._tell("READY=1", status)

    def reloading(self) -> None:
        """Say that a reload begins; `ready` says that it has ended (Type=notify-reload)."""
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // _NANO_IN_MICRO
        self._send("RELOADING=1", f"MONOTONIC_USEC={now}")

    def stopping(self, status: str = "") -> None:
        """Say that the service is about to end."""
        self._tell("STOPPING=1", status)

    def status(self, status: str) -> None:
        """Say in a sentence how it is doing; only what is new is sent."""
        if _line(status) != self._said:
            self._tell("", status)

    def ping(self) -> None:
        """Say that the loop is alive; to be called by the loop's own timer."""
        self._send("WATCHDOG=1")

    def extend(self, seconds: float) -> None:
        """Ask for so much more time to start, to reload or to stop, from now on."""
        self._send(f"EXTEND_TIMEOUT_USEC={round(seconds * _MICRO)}")

    def close(self) -> None:
        """Let go of the socket; what is said afterwards is not heard."""
        if self._socket:
            self._socket.close()
            self._socket = None

    def _tell(self, assignment: str, status: str) -> None:
        if status:
            self._said = _line(status)
            self._send(assignment, f"STATUS={self._said}")
        else:
            self._send(assignment)

    def _send(self, *assignments: str) -> None:
        if self._socket is None:
            return
        data = "\n".join(filter(None, assignments)).encode("utf-8", "replace")
        # Nobody to tell: systemd is just starting anew, or has its queue full; the next ping comes soon.
        with contextlib.suppress(OSError):
            self._socket.sendto(data, self._address)


def _line(text: str) -> str:
    """Return text on one line: a newline would begin another assignment."""
    return " ".join(text.split())[:_MOST_STATUS]


def _seconds(microseconds: str) -> float | None:
    """Return the interval that WATCHDOG_USEC means, None for none."""
    if not (microseconds.isascii() and microseconds.isdecimal() and len(microseconds) <= _MOST_DIGITS):
        return None
    return int(microseconds) / _MICRO or None
