"""The user's key as the service keeps it: it opens a file's header for us, and the key stays where it is.

As with an ssh-agent, the private half never leaves the process that holds it. What comes back is the key of
the one file whose stanzas were shown.
"""

import base64
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from cscd.age import KeyRecipient, Stanza, parse_recipient
from cscd.age.primitives import FILE_KEY
from cscd.age.x25519 import STANZA
from cscd.cli.service import Service
from cscd.errors import CscdError, KeyFormatError, NotRunningError, ServiceError, ServiceRefusedError

MOST_STANZAS: Final = 32
"""That the service looks at for one file; a user comes before those who recover."""

_NO_KEY: Final = frozenset({"unknown_user", "no_key", "locked", "no_match", "malformed"})
"""Refusals that mean that no key of this user's can be used on this file."""
_LOCKED: Final = "locked"
"""The one among them that a passphrase changes."""


class KeptByService:
    """An identity that asks the service."""

    def __init__(
        self, environment: Mapping[str, str], unlock: Callable[[Service], None] | None = None
    ) -> None:
        """Take the environment, which says where the user's own service would be.

        `unlock` is called where the key is locked, and may raise; without it, such a key opens nothing.
        """
        self._service = Service(environment)
        self._unlock = unlock
        self._gave_up: CscdError | None = None
        """Why it could not be unlocked: nobody is asked again for the next file."""
        self.why = ""
        """Why the service opened nothing, a sentence; "" if it did, was not asked, or is not there."""
        self.missing = False
        """Whether it was to be asked and is not there."""

    def unwrap(self, stanzas: Sequence[Stanza]) -> bytes | None:
        """Return the file key if the service finds it; else None, and `why` says more.

        Raises ServiceError where the service is there and cannot say whether it would.
        """
        fitting = [stanza for stanza in stanzas if stanza.type == STANZA][:MOST_STANZAS]
        if not fitting:
            return None
        shown = [
            {"args": stanza.args, "body": base64.b64encode(stanza.body).decode("ascii")} for stanza in fitting
        ]
        try:
            return self._file_key({"ask": "unwrap", "stanzas": shown})
        except NotRunningError:
            self.missing = True
        except ServiceRefusedError as refused:
            if refused.reason not in _NO_KEY or (refused.reason == _LOCKED and self._unlock):
                raise
            self.why = str(refused)
        return None

    def _file_key(self, question: Mapping[str, Any]) -> bytes:
        """Ask for it, and once more when the key is unlocked."""
        try:
            return _file_key(self._service.ask(question))
        except ServiceRefusedError as refused:
            if refused.reason != _LOCKED or self._unlock is None:
                raise
        if self._gave_up:
            raise self._gave_up
        try:
            self._unlock(self._service)
        except CscdError as error:
            self._gave_up = error
            raise
        return _file_key(self._service.ask(question))

    def recipients(self) -> list[KeyRecipient]:
        """Return to whom the service encrypts the user's items, the user first; none where it does not.

        Raises ServiceError where the service is there and cannot say.
        """
        try:
            answered = self._service.ask({"ask": "recipients"})
            return [parse_recipient(text) for text in answered["recipients"]]
        except NotRunningError:
            return []
        except ServiceRefusedError as refused:
            if refused.reason not in _NO_KEY:
                raise
            return []
        except (KeyError, TypeError, AttributeError, KeyFormatError):
            raise ServiceError(
                "the service answered with what are no recipients; is it of another version?"
            ) from None

    def key_id(self) -> str:
        """Return what names the user's key in the items, "" where the service keeps none that is unlocked."""
        try:
            users = self._service.ask({"ask": "status"})["users"]
            mine = next((user for user in users if user["uid"] == os.geteuid()), None)
            return str(mine["key_id"]) if mine and mine["key"] == "unlocked" else ""
        except (CscdError, OSError, KeyError, TypeError):
            return ""


def protectors(service: Service) -> tuple[str, ...]:
    """Return what opens the key that the service keeps for the user; none where it keeps none.

    Raises what `Service.ask` raises.
    """
    answered = service.ask({"ask": "keys"})
    try:
        current = next((key for key in answered["keys"] if key["current"]), None)
        return tuple(map(str, current["protectors"])) if current else ()
    except (KeyError, TypeError):
        raise ServiceError("the service does not say what opens a key; is it of another version?") from None


def _file_key(answer: Any) -> bytes:  # noqa: ANN401 - whatever the service said
    try:
        key = base64.b64decode(answer["file_key"], validate=True)
    except (KeyError, TypeError, ValueError):
        key = b""
    if len(key) != FILE_KEY:
        raise ServiceError("the service answered with what is no key; is it of another version?")
    return key
