"""Asking the service over its control socket; `cscd.daemon.telling.requests` has the questions and answers.

A plain socket and JSON: nothing of the daemon's is imported, so that a command that only asks starts fast.
"""

import contextlib
import errno
import json
import os
import socket
import struct
import time
from collections.abc import Mapping
from typing import Any, Final

from cscd.errors import NotRunningError, ServiceError, ServiceRefusedError

SYSTEM: Final = "/run/cscd/control"
"""The socket of the service of this computer."""

_SECONDS: Final = 30
"""For an answer: longer than the service takes for itself."""
_BUSY_SECONDS: Final = 10.0
"""To ask again while the service says that this user asks too much at once."""
_FIRST_PAUSE: Final = 0.01
_LONGEST_PAUSE: Final = 0.3
_LONGEST: Final = 256 << 20
"""Bytes of an answer; a full one about 500 users has some 10 MB."""
_PIECE: Final = 1 << 16
_TIMEVAL: Final = struct.Struct("@ll")
"""struct timeval: seconds, microseconds (socket(7), SO_RCVTIMEO)."""
_CREDENTIALS: Final = struct.Struct("iII")
"""struct ucred: pid, uid, gid (unix(7))."""


class Service:
    """The service that this user would ask."""

    def __init__(self, environment: Mapping[str, str], path: str | None = None) -> None:
        """Take the socket's path; without one it is the computer's, or else the user's own service's."""
        self._paths = [path] if path else [SYSTEM, *_own(environment)]

    def ask(self, question: Mapping[str, Any]) -> Any:  # noqa: ANN401 - whatever JSON can be
        """Return the answer.

        Raises NotRunningError where no service is, ServiceRefusedError where it says no, ServiceError for an
        answer that is none, and PermissionError where we may not ask.
        """
        line = json.dumps(question).encode("ascii") + b"\n"
        end = time.monotonic() + _BUSY_SECONDS
        pause = _FIRST_PAUSE
        while True:
            try:
                return _answer(self._asked(line))
            except ServiceRefusedError as refused:
                if refused.reason != "busy" or time.monotonic() >= end:
                    raise
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _asked(self, line: bytes) -> bytes:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as connection:
            # Not settimeout, which has connect(2) fail where it should wait for its turn (unix(7), EAGAIN).
            for option in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):
                connection.setsockopt(socket.SOL_SOCKET, option, _TIMEVAL.pack(_SECONDS, 0))
            path = self._connect(connection)
            try:
                return _exchange(connection, line)
            except BlockingIOError:
                raise NotRunningError(
                    f"the service does not answer at {path}; see: systemctl status cscd"
                ) from None

    def _connect(self, connection: socket.socket) -> str:
        """Connect to the first that is there, and return its path."""
        for path in self._paths:
            try:
                connection.connect(path)
            except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
                continue
            except BlockingIOError:
                raise _busy() from None
            except OSError as error:
                raise OSError(error.errno or errno.EIO, os.strerror(error.errno or errno.EIO), path) from None
            _trust(connection, path)
            return path
        raise NotRunningError(
            f"the service is not running ({self._paths[0]}); start it: systemctl start cscd"
        )


def _own(environment: Mapping[str, str]) -> list[str]:
    """Return where a service that the user started for themselves listens."""
    directory = environment.get("XDG_RUNTIME_DIR", "")
    return [os.path.join(directory, "cscd", "control")] if directory.startswith("/") else []


def _trust(connection: socket.socket, path: str) -> None:
    """Raise ServiceError unless it is root's service, or our own."""
    packed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    uid = _CREDENTIALS.unpack(packed)[1]
    if uid not in (0, os.geteuid()):
        raise ServiceError(f"{path} belongs to user {uid}, who is not the service; it was not asked")


def _exchange(connection: socket.socket, line: bytes) -> bytes:
    """Send the question and return what comes until the end."""
    data = bytearray()
    # It may say no before it has heard the question, and go: then what it said is still there to be read.
    with contextlib.suppress(BrokenPipeError):
        connection.sendall(line)
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(_PIECE):
            data += piece
            if len(data) > _LONGEST:
                raise ServiceError(f"the service answered with more than {_LONGEST} bytes")
    if not data:
        raise _busy()
    return bytes(data)


def _answer(data: bytes) -> Any:  # noqa: ANN401 - whatever JSON can be
    """Return what an answer says. Raises ServiceRefusedError if it says no."""
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        content = None
    if isinstance(content, dict) and "answer" in content:
        return content["answer"]
    if isinstance(content, dict) and isinstance(content.get("refused"), str):
        raise ServiceRefusedError(content["refused"], f"the service said: {content.get('message', '')}")
    raise ServiceError("the service answered with what is no answer; is it of another version?")


def _busy() -> ServiceRefusedError:
    return ServiceRefusedError("busy", "the service has too much to do; try again in a moment")
