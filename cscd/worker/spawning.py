"""What the daemon and its fork server say to each other, and how a worker's end is told.

::

    daemon                              fork server
                                  ◀───  Warm (everything is loaded)
    Spawn + the worker's channel  ───▶
                                  ◀───  Spawned + a pidfd of the worker, or Refused
                                  ◀───  Exited
    the end of the stream         ───▶  ends, and with it every worker

One message is one datagram of JSON over a pair of connected sockets (SOCK_SEQPACKET), with a descriptor
beside it where one is named.
"""

import socket
import sys
from enum import IntEnum
from typing import Annotated, Any, Final, Literal

from pydantic import Field, TypeAdapter, ValidationError

from cscd.errors import MessageError
from cscd.worker.channel import LONGEST
from cscd.worker.confinement import MOST_GROUPS
from cscd.worker.messages import Count, Message, Text

Id = Annotated[int, Field(ge=0, le=0xFFFF_FFFF)]
"""As the kernel has it, 32 bits; which of them are taken is `cscd.worker.confinement`'s to say."""


_INT: Final = 4
"""Bytes of a descriptor's number."""


class Ending(IntEnum):
    """The exit code of a worker, beside those that it chooses itself: 0 when it was asked to end."""

    FAILED = 1
    """An error that nobody expected."""
    NOT_CONFINED = 81
    """It could not be made the user's for good, and has done nothing."""
    OUT_OF_MEMORY = 82
    """It wanted more than it is allowed."""


class Spawn(Message):
    """Start a worker."""

    kind: Literal["spawn"] = "spawn"
    token: Count
    """Comes back with the answer."""
    uid: Id
    gid: Id
    groups: Annotated[tuple[Id, ...], Field(max_length=MOST_GROUPS)]
    memory: Count
    """Bytes that each of its processes may have for itself."""


class Warm(Message):
    """Everything that a worker will need is loaded."""

    kind: Literal["warm"] = "warm"


class Spawned(Message):
    """The worker has been forked; it becomes the user now."""

    kind: Literal["spawned"] = "spawned"
    token: Count
    pid: Count


class Refused(Message):
    """There is no worker."""

    kind: Literal["refused"] = "refused"
    token: Count
    errno: Count
    """Why, as in errno(3)."""


class Exited(Message):
    """A worker has ended."""

    kind: Literal["exited"] = "exited"
    pid: Count
    status: Count
    """Its wait status (waitpid(2))."""
    words: Text = ""
    """The last of what it wrote to standard error."""


_REQUEST: Final[TypeAdapter[Any]] = TypeAdapter(Spawn)
_REPLY: Final[TypeAdapter[Any]] = TypeAdapter(
    Annotated[Warm | Spawned | Refused | Exited, Field(discriminator="kind")]
)


def request(data: bytes) -> Any:  # noqa: ANN401 - a Spawn, as far as pydantic can tell a type checker
    """Return the daemon's message. Raises `MessageError`."""
    return _decoded(_REQUEST, data)


def reply(data: bytes) -> Any:  # noqa: ANN401 - one of four, as above
    """Return the fork server's message. Raises `MessageError`."""
    return _decoded(_REPLY, data)


def _decoded(adapter: TypeAdapter[Any], data: bytes) -> Any:  # noqa: ANN401 - as above
    try:
        return adapter.validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise MessageError(f"between daemon and fork server: {first['msg']}") from None


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
