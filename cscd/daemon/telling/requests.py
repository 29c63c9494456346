"""What may be asked over the control socket, and how it is answered.

::

    {"ask": "status"}
    {"ask": "recipients"}
    {"ask": "drill", "recipients": ["age1…"], "items": 100, "failed": 0}

    {"answer": {…}}
    {"refused": "busy", "message": "…"}

One line of JSON in, one out. Everybody on the machine may ask, so everything in a question is bounded here;
who asks is never in it: the kernel says so (SO_PEERCRED in unix(7)). What concerns keys and may take secrets
has more lines: `cscd.daemon.telling.keyrequests`.
"""

import base64
import binascii
import json
import os
from typing import Annotated, Final, Literal, Self

from pydantic import Field, StringConstraints, TypeAdapter, ValidationError, model_validator

from cscd.daemon.telling.asked import Asked
from cscd.daemon.telling.keyrequests import KeyQuestion
from cscd.errors import MessageError

MOST_RECIPIENTS: Final = 16
"""Recipients of one drill; a key file has one or two. Of the longest type, they fill half of a question."""
MOST_ITEMS: Final = 10_000_000


RecipientText = Annotated[str, StringConstraints(min_length=1, max_length=2048, pattern=r"^[!-~]+$")]


class AskStatus(Asked):
    """How is the service, and how are my items?"""

    ask: Literal["status"]


class AskRecipients(Asked):
    """To whom are my items encrypted?"""

    ask: Literal["recipients"]


class AskDrill(Asked):
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


Question = AskStatus | AskRecipients | AskDrill | KeyQuestion

_QUESTION: Final[TypeAdapter[Question]] = TypeAdapter(Annotated[Question, Field(discriminator="ask")])


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
