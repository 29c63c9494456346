"""Asking the service over its control socket; `cscd.daemon.telling.requests` has the questions and answers.

A plain socket and JSON: nothing of the daemon's is imported, so that a command that only asks starts fast.

Some questions take secrets, and which ones only the service knows: it says so first, on the same connection,
and waits some seconds. Whoever has yet to ask a person goes, asks, and puts the question again.
"""

import contextlib
import errno
import json
import os
import socket
import struct
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from cscd.cli.secret import Secret
from cscd.errors import NotRunningError, SecretsWantedError, ServiceError, ServiceRefusedError

SYSTEM: Final = "/run/cscd/control"
"""The socket of the service of this computer."""

_SECONDS: Final = 30
"""For an answer: longer than the service takes for itself."""
_SECRET_SECONDS: Final = 40
"""For an answer that takes secrets, which are worked on for a second each, one user after the other."""
_BUSY_SECONDS: Final = 10.0
"""To ask again while the service says that this user asks too much at once."""
_FIRST_PAUSE: Final = 0.01
_LONGEST_PAUSE: Final = 0.3
_SECRETS: Final = frozenset({"passphrase", "new", "identity"})
"""What the service may want."""
_NOTHING: Final[Mapping[str, Secret]] = MappingProxyType({})
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

    def ask(
        self,
        question: Mapping[str, Any],
        secrets: Mapping[str, Secret] = _NOTHING,
    ) -> Any:  # noqa: ANN401 - whatever JSON can be
        """Return the answer; `secrets` are what we have in hand, by name, should the service want them.

        Raises SecretsWantedError where it wants others, NotRunningError where no service is,
        ServiceRefusedError where it says no, ServiceError for an answer that is none, and PermissionError
        where we may not ask.
        """
        line = json.dumps(question).encode("ascii") + b"\n"
        end = time.monotonic() + _BUSY_SECONDS
        pause = _FIRST_PAUSE
        while True:
            try:
                return _answer(self._asked(line, secrets))
            except ServiceRefusedError as refused:
                if refused.reason != "busy" or time.monotonic() >= end:
                    raise
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _asked(self, line: bytes, secrets: Mapping[str, Secret]) -> Any:  # noqa: ANN401 - whatever JSON can be
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as connection:
            _wait_at_most(connection, _SECONDS)
            path = self._connect(connection)
            try:
                said = _exchange(connection, line)
                wanted = _wanted(said)
                if not wanted:
                    return said
                if missing := [name for name in wanted if name not in secrets]:
                    raise SecretsWantedError(missing)
                _wait_at_most(connection, _SECRET_SECONDS)
                given = json.dumps({name: secrets[name].base64() for name in wanted})
                return _exchange(connection, given.encode("ascii") + b"\n", _without_answer)
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


def _wait_at_most(connection: socket.socket, seconds: int) -> None:
    # Not settimeout, which has connect(2) fail where it should wait for its turn (unix(7), EAGAIN).
    for option in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):
        connection.setsockopt(socket.SOL_SOCKET, option, _TIMEVAL.pack(seconds, 0))


def _busy() -> ServiceRefusedError:
    return ServiceRefusedError("busy", "the service has too much to do; try again in a moment")


def _without_answer() -> ServiceError:
    # What it was given the secrets for may be done: nobody should have it done twice unknowingly.
    return NotRunningError("the service ended before it answered; cscd keys show says how your key is")


def _exchange(connection: socket.socket, line: bytes, silent: Callable[[], ServiceError] = _busy) -> Any:  # noqa: ANN401 - whatever JSON can be
    """Send a line and return what the one says that comes back; None for what is no JSON.

    `silent` makes the error for a service that closes the connection instead.
    """
    data = bytearray()
    # It may say no before it has heard the question, and go: then what it said is still there to be read.
    with contextlib.suppress(BrokenPipeError):
        connection.sendall(line)
    with contextlib.suppress(ConnectionResetError):
        while not data.endswith(b"\n") and (piece := connection.recv(_PIECE)):
            data += piece
            if len(data) > _LONGEST:
                raise ServiceError(f"the service answered with more than {_LONGEST} bytes")
    if not data:
        raise silent()
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _wanted(said: Any) -> list[str]:  # noqa: ANN401 - whatever JSON can be
    """Return which secrets the service wants before it answers; none where this is the answer."""
    if not isinstance(said, dict) or "secrets" not in said:
        return []
    names = said["secrets"]
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise _other_version()
    if not _SECRETS.issuperset(names):
        raise _other_version()
    return names


def _answer(said: Any) -> Any:  # noqa: ANN401 - whatever JSON can be
    """Return what an answer says. Raises ServiceRefusedError if it says no."""
    if isinstance(said, dict) and "answer" in said:
        return said["answer"]
    if isinstance(said, dict) and isinstance(said.get("refused"), str):
        raise ServiceRefusedError(said["refused"], f"the service said: {said.get('message', '')}")
    raise _other_version()


def _other_version() -> ServiceError:
    return ServiceError("the service answered with what is no answer; is it of another version?")
