"""The identities of one user that are at hand, and what opens them."""

from collections.abc import Iterable

from cscd.age import X25519Identity, key_id
from cscd.errors import KeyFileError, PassphraseError
from cscd.keys import (
    ListedKey,
    MachineKey,
    Passphrase,
    Protector,
    UserKeys,
    UserSecrets,
    machine_key,
)
from cscd.worker.holder.messages import MOST_FAULTS, Fault, Hold
from cscd.worker.holder.reply import Refused


class Keeper:
    """What a holder knows of its user's keys."""

    def __init__(self, hold: Hold) -> None:
        """Look at nothing yet."""
        self._hold = hold
        self._public = UserKeys(hold.keys)
        self.secrets = UserSecrets(hold.keys, hold.uid)
        self.protectors = hold.protectors
        """Of a new key, as configured."""
        self.identities: tuple[X25519Identity, ...] = ()
        """Those at hand, the current one first if it is among them."""
        self.faults: list[Fault] = []
        """Files that could not be used for the request at hand."""

    # -- what needs no secret ------------------------------------------------------------------

    def current(self) -> ListedKey | None:
        """Return the key that encrypts, None if there is none. Raises KeyFileError where it is unusable."""
        if self._public.current(self._hold.uid) is None:
            return None
        return next((key for key in self.listed() if key.current), None)

    def required(self) -> ListedKey:
        """Return the key that encrypts. Raises Refused where there is none, and KeyFileError."""
        current = self.current()
        if current is None:
            raise Refused("no_key", "there is no key yet")
        return current

    def listed(self) -> tuple[ListedKey, ...]:
        """Return all keys of the user; files that cannot be used are faults."""
        return self._public.listed(self._hold.uid, self.refuse)

    def missing(self, identities: Iterable[X25519Identity]) -> tuple[str, ...]:
        """Return the ids of the keys that items may still need and that are not among these."""
        there = {key_id(identity.recipient) for identity in identities}
        return tuple(
            key.key.key_id for key in self.listed() if not key.retired and key.key.key_id not in there
        )

    # -- what does -----------------------------------------------------------------------------

    def machine(self) -> MachineKey:
        """Return the machine key. Raises KeyFileError where there is none that can be used."""
        hold = self._hold
        return machine_key(hold.credentials, hold.credential, hold.machine_key_file, may_make=False)

    def machine_of(self, key: ListedKey) -> MachineKey | None:
        """Return the machine key if it is to open this key; a fault where it should and cannot be used."""
        if Protector.MACHINE not in key.protectors:
            return None
        try:
            return self.machine()
        except KeyFileError as error:
            self.refuse(error)
            return None

    def by_machine(self) -> bool:
        """Open what the machine key opens; return whether the current key is at hand then."""
        current = self.current()
        machine = self.machine_of(current) if current else None
        if machine:
            self.take(self.secrets.unlock(machine, refused=self.refuse))
        return self.opened

    def by_passphrase(self, passphrase: Passphrase) -> bool:
        """Open what a passphrase opens, and what the machine key does besides.

        Returns whether the current key is at hand then. Raises PassphraseError where the passphrase opens
        nothing: the machine key does not make up for that.
        """
        opened = self.secrets.unlock(passphrase, refused=self.refuse)
        if not opened:
            raise PassphraseError("nothing is under a passphrase")
        self.take(opened)
        if self.missing(self.identities):
            try:
                more = self.secrets.unlock(self.machine(), refused=lambda _: None)
            except KeyFileError:
                more = ()
            self.take((*self.identities, *more))
        return self.opened

    def take(self, identities: Iterable[X25519Identity]) -> None:
        """Have these at hand, in the order of use."""
        current = self._public.current(self._hold.uid)
        distinct = {str(each.recipient): each for each in identities}.values()
        self.identities = tuple(
            sorted(distinct, key=lambda each: current is None or each.recipient != current.recipient)
        )

    @property
    def opened(self) -> bool:
        """Whether the key that encrypts is at hand."""
        current = self._public.current(self._hold.uid)
        return bool(current and self.identities and self.identities[0].recipient == current.recipient)

    def refuse(self, error: KeyFileError) -> None:
        """Take note of a file that cannot be used; an older key under an older passphrase is none."""
        if error.reason != "wrong_passphrase" and len(self.faults) < MOST_FAULTS:
            self.faults.append(fault(error))


def fault(error: KeyFileError) -> Fault:
    """Return what is told of such a file."""
    return Fault(path=error.path or "", reason=error.reason, errno=error.errno or 0, detail=str(error)[:1024])
