"""The wire between daemon and worker: one message is one datagram of JSON over a pair of connected sockets.

Datagrams (SOCK_SEQPACKET) keep messages apart whatever the other side does, and bound them: a longer one is
refused before anything is parsed. JSON is read by the standard library, which keeps the bytes of file names
that are not UTF-8 (lone surrogates), and then checked by the models. A descriptor may go beside a message
(SCM_RIGHTS in unix(7)).
"""

import json
import socket
import sys
from typing import Any, Final, NamedTuple

from pydantic import TypeAdapter, ValidationError

from cscd.errors import MessageError
from cscd.worker.messages import FromDaemon, FromWorker, Message

LONGEST: Final = 128 << 10
"""Bytes of a message; the kernel's default for a socket's buffer (net.core.wmem_default) holds it."""

_MOST_PARTS: Final = 16_384
"""Lists, objects and entries of a message, as far as marks tell: a hundred items with all their holders have
6,000. One that consists of nothing else would take fifty times as long to read."""

_MARKS: Final = (b"[", b"{", b",")

_INT: Final = 4
"""Bytes of a descriptor's number."""

_FROM_DAEMON: Final[TypeAdapter[Any]] = TypeAdapter(FromDaemon)
_FROM_WORKER: Final[TypeAdapter[Any]] = TypeAdapter(FromWorker)


def pair() -> tuple[socket.socket, socket.socket]:
    """Return two connected sockets: ours and the worker's; neither is inherited by what we execute."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def encoded(message: Message) -> bytes:
    """Return a message as a datagram. Raises `MessageError` for one that is too long."""
    data = json.dumps(message.model_dump(mode="python"), separators=(",", ":")).encode("ascii")
    if len(data) > LONGEST:
        raise MessageError(f"a message of {len(data)} bytes; the longest allowed has {LONGEST}")
    return data


def from_daemon(data: bytes) -> Any:  # noqa: ANN401 - one of FromDaemon, which no checker can follow through
    """Return the daemon's message. Raises `MessageError`."""
    return decoded(_FROM_DAEMON, data)


def from_worker(data: bytes) -> Any:  # noqa: ANN401 - one of FromWorker, as above
    """Return a worker's message, checked. Raises `MessageError`, which quotes nothing of it."""
    return decoded(_FROM_WORKER, data)


def receive(connection: socket.socket) -> tuple[bytes, list[int]]:
    """Return a datagram and the descriptors beside it, which execve(2) will close; empty at the stream's end.

    What is too long for a message is cut off, which makes it none; a second descriptor is closed.
    Raises BlockingIOError and OSError.
    """
    # Not socket.recv_fds, which drops its flags (CPython 3.11).
    data, beside, _, _ = connection.recvmsg(LONGEST + 1, socket.CMSG_LEN(_INT), socket.MSG_CMSG_CLOEXEC)
    return data, [
        int.from_bytes(content[:_INT], sys.byteorder)
        for level, kind, content in beside
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS) and len(content) >= _INT
    ]


def decoded(adapter: TypeAdapter[Any], data: bytes) -> Any:  # noqa: ANN401 - as above
    """Return the message that one of the models makes of a datagram. Raises `MessageError`, as above."""
    if len(data) > LONGEST:
        raise MessageError(f"more than {LONGEST} bytes")
    if sum(map(data.count, _MARKS)) > _MOST_PARTS:
        raise MessageError("too many parts")
    try:
        return adapter.validate_python(_tuples(json.loads(data)))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        raise MessageError(f"{where}: {first['msg']}") from None
    except (ValueError, RecursionError) as error:
        raise MessageError(f"no JSON: {type(error).__name__}") from None


def _tuples(value: Any) -> Any:  # noqa: ANN401 - whatever JSON can be
    """Return lists as tuples, which is what the frozen models hold."""
    if isinstance(value, list):
        return tuple(map(_tuples, value))
    if isinstance(value, dict):
        return {key: _tuples(inner) for key, inner in value.items()}
    return value


class Received(NamedTuple):
    """What came over a channel."""

    message: Any
    """One of FromDaemon."""
    descriptor: int | None
    """What came beside it; whoever receives it closes it."""


class Channel:
    """The worker's end: it may wait, for it has nothing else to do while nobody listens."""

    def __init__(self, connection: socket.socket) -> None:
        """Take over a connected socket."""
        self._socket = connection

    def fileno(self) -> int:
        """Return the descriptor, to be waited for."""
        return self._socket.fileno()

    def send(self, message: Message) -> None:
        """Send a message, waiting until there is room. Raises ConnectionError when the daemon has gone."""
        self._socket.sendall(encoded(message))

    def receive(self) -> Received:
        """Wait for a message of the daemon's. Raises EOFError at the stream's end, and `MessageError`."""
        data, descriptors = receive(self._socket)
        if not data:
            raise EOFError
        return Received(from_daemon(data), descriptors[0] if descriptors else None)

    def close(self) -> None:
        """Let go of it."""
        self._socket.close()
