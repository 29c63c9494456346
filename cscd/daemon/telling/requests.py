"""What may be asked over the control socket, and how it is answered.

::

    {"ask": "status"}
    {"ask": "recipients"}
    {"ask": "drill", "recipients": ["age1…"], "items": 100, "failed": 0}
    {"ask": "unwrap", "stanzas": [{"args": ["X25519", "XEl0dJ6y…"], "body": "qRS0AMjd…"}]}

    {"answer": {…}}
    {"refused": "busy", "message": "…"}

One line of JSON in, one out. Everybody on the machine may ask, so everything in a question is bounded here;
who asks is never in it: the kernel says so (SO_PEERCRED in unix(7)).
"""

import base64
import binascii
import json
import os
from typing import Annotated, Final, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from cscd.age import Stanza
from cscd.errors import MessageError

LONGEST: Final = 64 << 10
"""Bytes of a question, with its newline."""

MOST_STANZAS: Final = 32
"""Stanzas of one question: each costs a multiplication on the curve for each of the user's identities. A
file's user comes before those who recover, so that the first 32 have what can be found."""

MOST_RECIPIENTS: Final = 16
"""Recipients of one drill; a key file has one or two. Of the longest type, they fill half of a question."""
MOST_ITEMS: Final = 10_000_000

Refusal = Literal[
    "malformed",
    "busy",
    "not_allowed",
    "unknown_user",
    "locked",
    "no_match",
    "stopping",
    "timed_out",
    "internal",
]
"""Why there is no answer. malformed: it is no question; busy: more was asked than is granted, try again soon;
not_allowed: it is for root, or for whoever runs the service; unknown_user: nothing is kept for this user;
locked: the user's key is; no_match: none of the user's keys fits; stopping: the service ends; timed_out: it
took too long; internal: a bug."""

Argument = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[!-~]+$")]
RecipientText = Annotated[str, StringConstraints(min_length=1, max_length=2048, pattern=r"^[!-~]+$")]
Body = Annotated[str, StringConstraints(max_length=4096, pattern=r"^[A-Za-z0-9+/]*={0,2}$")]


class _Question(BaseModel):
    """What all have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class AskStatus(_Question):
    """How is the service, and how are my items?"""

    ask: Literal["status"]


class AskRecipients(_Question):
    """To whom are my items encrypted?"""

    ask: Literal["recipients"]


class AskedStanza(_Question):
    """One stanza of the header of an age file."""

    args: Annotated[tuple[Argument, ...], Field(min_length=1, max_length=8, strict=False)]
    """The first is its type."""
    body: Body
    """In Base64 (RFC 4648)."""

    def stanza(self) -> Stanza:
        """Return it as the age layer has it. Raises `MessageError`."""
        try:
            return Stanza(self.args, base64.b64decode(self.body, validate=True))
        except binascii.Error:
            raise MessageError("stanzas: a body is not Base64") from None


class AskUnwrap(_Question):
    """What is the file key that these stanzas wrap for me?"""

    ask: Literal["unwrap"]
    stanzas: Annotated[tuple[AskedStanza, ...], Field(min_length=1, max_length=MOST_STANZAS, strict=False)]


class AskDrill(_Question):
    """Log and remember this: a recovery key was tried on a sample of items."""

    ask: Literal["drill"]
    recipients: Annotated[
        tuple[RecipientText, ...], Field(min_length=1, max_length=MOST_RECIPIENTS, strict=False)
    ]
    """Of the key: its public half."""
    items: Annotated[int, Field(ge=1, le=MOST_ITEMS)]
    """Items in the sample."""
    failed: Annotated[int, Field(ge=0, le=MOST_ITEMS)]
    """Of these, those that it did not open."""
    path: Annotated[str, StringConstraints(max_length=1 << 14, pattern=r"^[A-Za-z0-9+/]*={0,2}$")] = ""
    """The first that it did not open, in Base64: a name is any bytes."""
    reason: Annotated[str, StringConstraints(max_length=64, pattern=r"^[a-z_]*$")] = ""
    """Why it did not."""

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.failed > self.items:
            raise ValueError("more failed than were tried")
        if bool(self.failed) != bool(self.path and self.reason):
            raise ValueError("path and reason are of one that failed")
        return self

    @property
    def first(self) -> str:
        """The first that failed, as `os.fsdecode` has it. Raises `MessageError`."""
        try:
            return os.fsdecode(base64.b64decode(self.path, validate=True))
        except binascii.Error:
            raise MessageError("path: no Base64") from None


Question = AskStatus | AskRecipients | AskUnwrap | AskDrill

_QUESTION: Final[TypeAdapter[Question]] = TypeAdapter(Annotated[Question, Field(discriminator="ask")])


class Refused(Exception):  # noqa: N818 - not an error of ours: the answer is no
    """There is no answer, for this reason."""

    def __init__(self, reason: Refusal, message: str) -> None:
        """Take the reason and a sentence for the person who asks."""
        super().__init__(message)
        self.reason: Refusal = reason


def question(line: bytes) -> Question:
    """Return what a line asks. Raises `MessageError`, which quotes nothing of it."""
    try:
        return _QUESTION.validate_python(json.loads(line))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        raise MessageError(f"{where}: {first['msg']}" if where else first["msg"]) from None
    except (ValueError, RecursionError) as error:
        raise MessageError(f"no JSON: {type(error).__name__}") from None


def answer(content: str) -> bytes:
    """Return the line of an answer, of which `content` is the JSON."""
    return f'{{"answer":{content}}}\n'.encode()


def refusal(reason: Refusal, message: str) -> bytes:
    """Return the line that says why there is none."""
    return json.dumps({"refused": reason, "message": message}).encode("ascii") + b"\n"
