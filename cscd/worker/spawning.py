"""What the daemon and its fork server say to each other, and how a worker's end is told.

::

    daemon                              fork server
                                  ◀───  Warm (everything is loaded)
    Spawn + the worker's channel  ───▶
    SpawnHolder + its channel     ───▶
                                  ◀───  Spawned + a pidfd of it, or Refused
                                  ◀───  Exited
    the end of the stream         ───▶  ends, and with it every worker and every holder

One message is one datagram of JSON over a pair of connected sockets (SOCK_SEQPACKET), with a descriptor
beside it where one is named.
"""

from enum import IntEnum
from typing import Annotated, Any, Final, Literal

from pydantic import Field, TypeAdapter, ValidationError

from cscd.errors import MessageError
from cscd.worker.confinement import MOST_GROUPS
from cscd.worker.messages import Count, Message, Text

Id = Annotated[int, Field(ge=0, le=0xFFFF_FFFF)]
"""As the kernel has it, 32 bits; which of them are taken is `cscd.worker.confinement`'s to say."""


class Ending(IntEnum):
    """The exit code of a worker or a holder, beside those that it chooses: 0 when it was asked to end."""

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


class SpawnHolder(Message):
    """Start a holder: a process that does for one user what takes secrets, and stays root's."""

    kind: Literal["spawn_holder"] = "spawn_holder"
    token: Count
    """Comes back with the answer."""
    memory: Count
    """Bytes that it may have for itself."""


class Warm(Message):
    """Everything that a worker will need is loaded."""

    kind: Literal["warm"] = "warm"


class Spawned(Message):
    """It has been forked; a worker becomes the user now."""

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


_REQUEST: Final[TypeAdapter[Any]] = TypeAdapter(Annotated[Spawn | SpawnHolder, Field(discriminator="kind")])
_REPLY: Final[TypeAdapter[Any]] = TypeAdapter(
    Annotated[Warm | Spawned | Refused | Exited, Field(discriminator="kind")]
)


def request(data: bytes) -> Any:  # noqa: ANN401 - one of two, as far as pydantic can tell a type checker
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
