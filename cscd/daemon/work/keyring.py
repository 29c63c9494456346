"""Whose keys a pass works with: those that the service keeps, or those of the one user who runs cscd alone.

Files of keys are read, and the wrapping is worked, in a thread of their own: the loop waits for no disk.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

from cscd.age import Stanza, X25519Identity, key_id
from cscd.daemon.logon.account import Account
from cscd.daemon.state.disk import Disk
from cscd.errors import KeyFileError
from cscd.events.keys import KeyCreated, KeyFileRefused, KeyUnlockFailed
from cscd.events.log import Log, UserLog
from cscd.files.goal import State
from cscd.keys import MachineKey, StateDirectory, UserKey, UserKeys, UserSecrets, keep, kept

_MACHINE: Final = "machine"
"""The one protector so far, as the configuration and the events call it."""
_LOCKED: Final = "no_machine_key"
"""The reason of a KeyFileError that is about the machine key and not about the user's file."""


@dataclass(frozen=True, slots=True)
class PassKeys:
    """What a worker is given for one pass."""

    recipients: tuple[str, ...]
    """The user's, first."""
    identities: tuple[str, ...] = field(default=(), repr=False)
    """Only to unencrypt; none where they are locked."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a user's key stands."""

    key_id: str
    state: Literal["locked", "unlocked"]


class Keyring(Protocol):
    """The keys of all users."""

    async def for_pass(self, account: Account, goal: State) -> PassKeys:
        """Return what a pass towards `goal` needs. Raises CscdError where there is no key to encrypt to."""

    async def recipient(self, account: Account) -> str | None:
        """Return the recipient of the user's key, None if there is no key yet. Raises KeyFileError."""

    async def unwrap(self, account: Account, stanzas: Sequence[Stanza]) -> bytes | None:
        """Return the file key that the user's identity finds in an age header, None if it finds none.

        Raises CscdError where the identity cannot be used.
        """

    def standing(self, uid: int) -> Standing | None:
        """Return how a user's key stands, as far as it was used; None if it was not."""


class ServiceKeys:
    """The keys that the service keeps, wrapped for the machine."""

    def __init__(self, directory: str, machine: MachineKey | None, log: Log) -> None:
        """Take the path of ``keys/`` and the machine key; without one nothing is made or unlocked."""
        self._directory = directory
        self._keys = UserKeys(directory)
        self._machine = machine
        self._log = log
        self._thread = Disk("keys")
        self._standing: dict[int, Standing] = {}

    async def for_pass(self, account: Account, goal: State) -> PassKeys:
        """See `Keyring`."""
        log = self._log.for_user(account.name, account.uid)
        try:
            key, made = await self._thread.do(lambda: self._keep(account.uid))
        except KeyFileError as error:
            _tell(log, error, "")
            raise
        if made:
            log.emit(KeyCreated(key_id=key.key_id, protectors=(_MACHINE,)))
        identities: tuple[X25519Identity, ...] = ()
        # The first time whatever the goal: that a machine key opens nothing must not show only in need.
        if goal is State.UNENCRYPTED or account.uid not in self._standing:
            identities = await self._unlock(account, log, key.key_id)
        if goal is State.ENCRYPTED:
            identities = ()
        return PassKeys((str(key.recipient),), tuple(identity.encode() for identity in identities))

    async def recipient(self, account: Account) -> str | None:
        """See `Keyring`."""
        key = await self._thread.do(lambda: self._keys.current(account.uid))
        return str(key.recipient) if key else None

    async def unwrap(self, account: Account, stanzas: Sequence[Stanza]) -> bytes | None:
        """See `Keyring`."""
        identities = await self._thread.do(lambda: self._open(account.uid, lambda _: None))
        return next(filter(None, (identity.unwrap(stanzas) for identity in identities)), None)

    def standing(self, uid: int) -> Standing | None:
        """See `Keyring`."""
        return self._standing.get(uid)

    async def _unlock(self, account: Account, log: UserLog, current: str) -> tuple[X25519Identity, ...]:
        """Return the identities that open; what does not is told, and its items are left as they are."""
        refused: list[KeyFileError] = []
        found: tuple[X25519Identity, ...] = ()
        try:
            found = await self._thread.do(lambda: self._open(account.uid, refused.append))
        except KeyFileError as error:
            refused.append(error)
        for fault in refused:
            _tell(log, fault, current)
        self._standing[account.uid] = Standing(current, "unlocked" if found else "locked")
        return found

    def _keep(self, uid: int) -> tuple[UserKey, bool]:
        """Return the key that encrypts for a user, made first if there is none, and whether it was."""
        if found := self._keys.current(uid):
            return found, False
        return UserSecrets(self._directory, uid).make(self._require_machine())

    def _open(self, uid: int, refused: Callable[[KeyFileError], None]) -> tuple[X25519Identity, ...]:
        return UserSecrets(self._directory, uid).unlock(self._require_machine(), refused=refused)

    def _require_machine(self) -> MachineKey:
        if self._machine is None:
            raise KeyFileError("there is no machine key to wrap or unlock with", _LOCKED)
        return self._machine


class OwnKeys:
    """The identity of the one user who runs cscd without the service, in that user's state directory."""

    def __init__(self, directory: StateDirectory, log: Log) -> None:
        self._directory = directory
        self._log = log
        self._thread = Disk("keys")
        self._standing: Standing | None = None

    async def for_pass(self, account: Account, goal: State) -> PassKeys:
        """See `Keyring`."""
        found = await self._thread.do(lambda: keep(self._directory))
        recipient = found.identities[0].recipient
        self._standing = Standing(key_id(recipient), "unlocked")
        if found.made:
            event = KeyCreated(key_id=self._standing.key_id, protectors=("file",))
            self._log.for_user(account.name, account.uid).emit(event)
        identities = found.identities if goal is State.UNENCRYPTED else ()
        return PassKeys((str(recipient),), tuple(identity.encode() for identity in identities))

    async def recipient(self, account: Account) -> str | None:  # noqa: ARG002
        """See `Keyring`; there is one account."""
        found = await self._thread.do(lambda: kept(self._directory))
        return str(found.identities[0].recipient) if found else None

    async def unwrap(self, account: Account, stanzas: Sequence[Stanza]) -> bytes | None:  # noqa: ARG002
        """See `Keyring`; there is one account."""
        found = await self._thread.do(lambda: kept(self._directory))
        identities = found.identities if found else ()
        return next(filter(None, (identity.unwrap(stanzas) for identity in identities)), None)

    def standing(self, uid: int) -> Standing | None:  # noqa: ARG002
        """See `Keyring`; there is one account."""
        return self._standing


def _tell(log: UserLog, error: KeyFileError, current: str) -> None:
    """Tell of a key that could not be used."""
    if error.reason == _LOCKED:
        log.emit(KeyUnlockFailed(key_id=current, protector=_MACHINE, reason=error.reason))
    else:
        log.emit(
            KeyFileRefused(
                path=error.path or "", reason=error.reason, errno=error.errno or 0, detail=str(error)
            )
        )
