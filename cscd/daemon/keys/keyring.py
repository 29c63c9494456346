"""Whose keys a pass works with: those that the service keeps, or those of one user who runs cscd alone."""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from cscd.config.settings import Settings
from cscd.daemon.logon.account import Account
from cscd.daemon.telling.keyrequests import KeyQuestion
from cscd.errors import CscdError
from cscd.files.goal import State
from cscd.keys import Protector

Changed = Callable[[int, str], None]
"""Is told of a uid whose key was created, unlocked or locked: which, as `pass_started` says it."""


class KeyAwaitedError(CscdError):
    """The user has no key yet: it is made with the first passphrase, and nothing is encrypted until then."""


@dataclass(frozen=True, slots=True)
class PassKeys:
    """What a worker is given for one pass."""

    recipients: tuple[str, ...]
    """The user's, first."""
    identities: int | None = None
    """The end of a pipe with the identities, only to unencrypt; None where they are locked. Whoever is given
    this closes it."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a user's key stands."""

    key_id: str
    """"" while there is none."""
    state: Literal["none", "locked", "unlocked"]
    protectors: tuple[Protector, ...] = ()
    """What opens it."""
    stale: bool = False
    """Whether the logon password did not open it the last time."""
    awaited: bool = False
    """Whether there is none because it is made with the first passphrase."""


class Keyring(Protocol):
    """The keys of all users."""

    async def for_pass(self, account: Account, goal: State) -> PassKeys:
        """Return what a pass towards `goal` needs.

        Raises KeyAwaitedError, which has been told, and CscdError where there is no key to encrypt to.
        """

    async def recipient(self, account: Account) -> str | None:
        """Return the recipient of the user's key, None if there is no key yet. Raises KeyFileError."""

    def standing(self, uid: int) -> Standing | None:
        """Return how a user's key stands, as far as it was used; None if it was not."""

    async def answer(self, uid: int, asked: KeyQuestion, connection: socket.socket) -> bytes | None:
        """Answer a question about keys of a user who asks; None if somebody else has. Raises Refused."""

    def on_change(self, changed: Changed) -> None:
        """Tell of keys that are created, unlocked and locked."""

    def arrived(self, uid: int) -> None:
        """Learn that a user is there."""

    def left(self, uid: int) -> None:
        """Learn that nothing is left to do for a user."""

    def sleep(self) -> None:
        """Learn that the machine is about to be suspended."""

    def reconfigure(self, settings: Settings) -> None:
        """Go by other settings."""

    async def stop(self) -> None:
        """Forget everything."""
