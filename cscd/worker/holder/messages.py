"""What the daemon and a holder say to each other. No secret is in any of it.

::

    daemon                                   holder
    Hold                               ───▶
                                       ◀───  Ready
    Prepare, Make                      ───▶
                                       ◀───  Done
    Lend + the end of a pipe           ───▶
                                       ◀───  Done (the identities are in the pipe, which is closed)
    Serve + the client's connection    ───▶
                                       ◀───  Taken (the client has sent its secrets)
    Go (there is time for scrypt now)  ───▶
                                       ◀───  Done
    the end of the stream              ───▶  ends

One request is under way at a time. A holder asks the client for secrets and reads them. What is answered goes
back to the daemon in `Done`, which tells the client once it knows of the change itself; only an answer that
is a secret is written by the holder.
"""

import base64
from typing import Annotated, Any, Final, Literal

from pydantic import Field, StringConstraints, TypeAdapter

from cscd.age import Stanza
from cscd.keys import Protector
from cscd.worker.channel import decoded
from cscd.worker.holder.reply import Refusal
from cscd.worker.messages import Count, Message, Path, Text, Word

MOST_FAULTS: Final = 16
"""Key files that are told of in one answer."""
MOST_STANZAS: Final = 32
"""Stanzas of one question: each costs a multiplication on the curve for each of the user's identities. A
file's user comes before those who recover, so that the first 32 have what can be found."""
MOST_KEYS: Final = 256
"""Keys that are named in one answer."""

Uid = Annotated[int, Field(ge=0, le=0xFFFF_FFFF)]
Protectors = tuple[Annotated[Protector, Field(strict=False)], ...]
Argument = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[!-~]+$")]
Body = Annotated[str, StringConstraints(max_length=4096, pattern=r"^[A-Za-z0-9+/]*={0,2}$")]
KeyIds = Annotated[tuple[Word, ...], Field(max_length=MOST_KEYS)]

Duty = Literal[
    "unlock",
    "passphrase",
    "protect_machine",
    "unprotect_machine",
    "unprotect_passphrase",
    "rotate",
    "export",
    "import",
    "unwrap",
    "logon_auth",
    "logon_password",
]
"""What can be asked of a user's keys over the control socket and takes secrets."""


# -- from the daemon ---------------------------------------------------------------------------------------


class Hold(Message):
    """Whose keys, and where everything is. The first message, once."""

    kind: Literal["hold"] = "hold"
    uid: Uid
    keys: Path
    """The directory of all users' keys."""
    credentials: Path | None
    """The directory of the service's credentials, None where systemd gave none."""
    credential: Text
    """The name of the credential with the machine key."""
    machine_key_file: Path
    protectors: Protectors
    """Of a new key, as configured."""


class Prepare(Message):
    """Find the machine key; make it if there is none and nothing needs another one."""

    kind: Literal["prepare"] = "prepare"
    number: Count


class Make(Message):
    """Make the user's key with the machine key as its wrapping, if there is none."""

    kind: Literal["make"] = "make"
    number: Count


class Lend(Message):
    """Write the identities into the pipe beside this, opened by the machine key if they are not at hand.

    Without a pipe, only find out whether they open.
    """

    kind: Literal["lend"] = "lend"
    number: Count


class Shown(Message):
    """One stanza of the header of an age file."""

    args: Annotated[tuple[Argument, ...], Field(min_length=1, max_length=8)]
    """The first is its type."""
    body: Body
    """In Base64 (RFC 4648)."""

    def stanza(self) -> Stanza:
        """Return it as the age layer has it."""
        return Stanza(self.args, base64.b64decode(self.body))


class Serve(Message):
    """Do what the client asks for, whose connection is beside this."""

    kind: Literal["serve"] = "serve"
    number: Count
    duty: Duty
    may_try: bool = True
    """Whether a passphrase may be tried: not after too many wrong ones."""
    for_another: bool = False
    """Whether root asks for another user."""
    stanzas: Annotated[tuple[Shown, ...], Field(max_length=MOST_STANZAS)] = ()
    """To unwrap."""


class Go(Message):
    """Go on with the request whose secrets were read."""

    kind: Literal["go"] = "go"
    number: Count


# -- from the holder ---------------------------------------------------------------------------------------


class Ready(Message):
    """The holder has withdrawn from what it does not need."""

    kind: Literal["ready"] = "ready"
    memory_locked: bool
    """Whether its memory stays out of swap."""


class Taken(Message):
    """The client has sent the secrets that were wanted."""

    kind: Literal["taken"] = "taken"
    number: Count


class Fault(Message):
    """A key file that could not be used."""

    path: Path
    reason: Word
    errno: Count = 0
    detail: Text = ""


class Done(Message):
    """What came of a request."""

    kind: Literal["done"] = "done"
    number: Count
    refused: Refusal | Literal[""] = ""
    """Why nothing was done; "" if it was."""
    message: Text = ""
    """The same as a sentence."""
    answered: bool = False
    """Whether the client has its answer, because that is a secret."""
    key_id: Word = ""
    """Of the key that encrypts, afterwards."""
    before: Word = ""
    """Of the key that encrypted before, if that is another one."""
    protectors: Protectors = ()
    """That the key has, afterwards."""
    work_factor: Count | None = None
    """Of its passphrase."""
    opened: bool = False
    """Whether its identity is at hand in the holder."""
    opened_by: Word = ""
    """What opened it for this request: machine or passphrase."""
    made: bool = False
    """Whether a key was made, or imported that was not there."""
    changed: bool = False
    """Whether its wrappings are others than before."""
    stale: bool = False
    """Whether the logon password did not open the passphrase's wrapping."""
    tried: bool = False
    """Whether a passphrase was tried."""
    left: KeyIds = ()
    """Older keys that did not open and keep their wrappings."""
    identities: Count = 0
    """That were lent."""
    source: Path = ""
    """Of the machine key, after `Prepare`."""
    faults: Annotated[tuple[Fault, ...], Field(max_length=MOST_FAULTS)] = ()
    """Files that could not be used."""


_FROM_DAEMON: Final[TypeAdapter[Any]] = TypeAdapter(
    Annotated[Hold | Prepare | Make | Lend | Serve | Go, Field(discriminator="kind")]
)
_FROM_HOLDER: Final[TypeAdapter[Any]] = TypeAdapter(
    Annotated[Ready | Taken | Done, Field(discriminator="kind")]
)


def from_daemon(data: bytes) -> Any:  # noqa: ANN401 - one of six, which no checker can follow through
    """Return the daemon's message. Raises `MessageError`."""
    return decoded(_FROM_DAEMON, data)


def from_holder(data: bytes) -> Any:  # noqa: ANN401 - one of three, as above
    """Return a holder's message. Raises `MessageError`."""
    return decoded(_FROM_HOLDER, data)
