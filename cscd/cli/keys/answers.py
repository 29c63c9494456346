"""What the service says of a user's keys, of which nothing is secret."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from cscd.cli.service import Service
from cscd.errors import ServiceError

KeyId = Annotated[str, StringConstraints(pattern=r"^[0-9a-z]{1,64}$")]
State = Literal["unlocked", "locked", "none"]
Count = Annotated[int, Field(ge=0)]


class _Answer(BaseModel):
    """What both parts have in common: a newer service may say more."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class KeptKey(_Answer):
    """One key pair."""

    key_id: KeyId
    recipient: Annotated[str, StringConstraints(pattern=r"^age1[0-9a-z]{1,4096}$")]
    current: bool
    """Whether it is the one that is encrypted to."""
    retired: bool
    """Whether no item needs it any more."""
    protectors: tuple[KeyId, ...]
    """What opens it: machine, passphrase."""
    work_factor: int | None = None
    """Of the passphrase, as age counts it."""
    items: Count | None = None
    """Items that are encrypted to it, None where that is not known."""


class KeptKeys(_Answer):
    """All of one user's keys, the current one first."""

    uid: Count
    state: State
    keys: tuple[KeptKey, ...]

    @property
    def current(self) -> KeptKey | None:
        """The one that is encrypted to."""
        return next((key for key in self.keys if key.current), None)


def kept_keys(service: Service, question: dict[str, Any]) -> KeptKeys:
    """Ask for them. Raises what `Service.ask` raises."""
    try:
        return KeptKeys.model_validate(service.ask(question))
    except ValidationError:
        raise ServiceError(
            "the service says of its keys what this version does not understand; is it of another one?"
        ) from None
