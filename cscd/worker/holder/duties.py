"""What a client can ask of a user's keys, one function for each question.

Each looks first at what needs no secret, so that nobody is asked in vain; then it wants the secrets, then it
does what takes scrypt. What an owner's passphrase protects is changed only for who knows it: where there is a
passphrase it is wanted, though the machine key may open the key, too.

They raise Refused, and the errors of `cscd.keys`, which `holder` makes one of.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from cscd.age import unwrapped
from cscd.errors import KeyFileError, PassphraseError
from cscd.keys import ListedKey, Passphrase, Protector, Wrapper, export_text
from cscd.worker.holder.client import Client
from cscd.worker.holder.keeper import Keeper
from cscd.worker.holder.messages import Duty, Serve
from cscd.worker.holder.reply import Refused, answer, file_key_answer

_NAMES: Final[Mapping[Duty, str]] = MappingProxyType(
    {"unprotect_machine": "machine", "unprotect_passphrase": "passphrase"}
)


@dataclass(slots=True)
class Errand:
    """One question on its way."""

    serve: Serve
    keeper: Keeper
    client: Client
    turn: Callable[[], None]
    """Called once the secrets are there: waits until there is time for scrypt."""
    done: dict[str, Any] = field(default_factory=dict)
    """What comes of it: fields of `Done`."""

    def want(self, *names: str) -> dict[str, bytes]:
        """Return secrets that the client is asked for. Raises Refused."""
        if "passphrase" in names and not self.serve.may_try:
            raise Refused("too_many_tries", "too many wrong passphrases; wait a minute")
        secrets = self.client.ask(*names)
        self.turn()
        self.done["tried"] = "passphrase" in names
        return secrets

    def passphrase(self) -> Passphrase:
        """Return the passphrase, which the client is asked for. Raises Refused."""
        return Passphrase(self.want("passphrase")["passphrase"])

    def opened_by(self, protector: Protector) -> None:
        """Take note of what opened the key."""
        self.done["opened_by"] = protector.value


def unlock(errand: Errand) -> None:
    """Open the key: by the machine key if that does, else by the passphrase."""
    keeper = errand.keeper
    current = keeper.required()
    if keeper.by_machine():
        errand.opened_by(Protector.MACHINE)
        return
    if Protector.PASSPHRASE not in current.protectors:
        raise Refused("unusable", _why(keeper, "the machine key does not open the key"))
    open_by_passphrase(errand, errand.passphrase())


def open_by_passphrase(errand: Errand, passphrase: Passphrase) -> None:
    """Open the key by the passphrase. Raises PassphraseError."""
    if not errand.keeper.by_passphrase(passphrase):
        raise PassphraseError("it opens older keys alone")
    errand.opened_by(Protector.PASSPHRASE)


def set_passphrase(errand: Errand) -> None:
    """Give the keys a passphrase, or another one; make a key where there is none."""
    keeper = errand.keeper
    current = keeper.current()
    if current is None:
        passphrase = Passphrase(errand.want("new")["new"])
        make_under(errand, passphrase)
        return
    has_one = Protector.PASSPHRASE in current.protectors
    secrets = errand.want("passphrase", "new") if has_one else errand.want("new")
    new = Passphrase(secrets["new"])
    if has_one:
        _open_by_old_or_new(errand, Passphrase(secrets["passphrase"]), new)
    elif not keeper.by_machine():
        raise Refused("unusable", _why(keeper, "the machine key does not open the key"))
    wrap_under(errand, new)


def _open_by_old_or_new(errand: Errand, old: Passphrase, new: Passphrase) -> None:
    """Open what the old passphrase opens; the rest, after a change that was killed, is under the new one."""
    keeper = errand.keeper
    keeper.by_passphrase(old)
    if keeper.missing(keeper.identities):
        try:
            more = keeper.secrets.unlock(new, refused=lambda _: None)
        except PassphraseError:
            more = ()
        keeper.take((*keeper.identities, *more))
    if not keeper.opened:
        raise PassphraseError("it opens older keys alone")
    errand.opened_by(Protector.PASSPHRASE)


def wrap_under(errand: Errand, wrapper: Wrapper) -> None:
    """Wrap all that is at hand."""
    protected = errand.keeper.secrets.protect(wrapper, errand.keeper.identities)
    errand.done.update(changed=True, left=protected.left)


def make_under(errand: Errand, passphrase: Passphrase) -> None:
    """Make a key under a passphrase, and under the machine key if that is configured."""
    keeper = errand.keeper
    wrappers: list[Wrapper] = [passphrase]
    if Protector.MACHINE in keeper.protectors:
        wrappers.insert(0, keeper.machine())
    _, made = keeper.secrets.make(*wrappers)
    errand.done["made"] = made
    keeper.by_passphrase(passphrase)
    errand.opened_by(Protector.PASSPHRASE)


def protect_by_machine(errand: Errand) -> None:
    """Give the keys the machine key's wrapping."""
    keeper = errand.keeper
    current = keeper.required()
    machine = keeper.machine()
    if keeper.by_machine() and not keeper.missing(keeper.identities):
        return  # all have it that can
    if Protector.PASSPHRASE in current.protectors:
        open_by_passphrase(errand, errand.passphrase())
    elif not keeper.opened:
        raise Refused("unusable", _why(keeper, "nothing that is there opens the key"))
    wrap_under(errand, machine)


def unprotect(errand: Errand) -> None:
    """Take a kind of wrapping from the keys, once what stays has opened."""
    keeper = errand.keeper
    current = keeper.required()
    protector = Protector(_NAMES[errand.serve.duty])
    if protector not in current.protectors:
        return
    if current.protectors == (protector,):
        raise Refused("last_protector", f"{protector} is all that opens the key; give it another one first")
    openers = _proofs(errand, current)
    if keeper.secrets.unprotect(protector, *openers):
        errand.done["changed"] = True


def _proofs(errand: Errand, current: ListedKey) -> list[Wrapper]:
    """Return what the key's wrappings open with, after the passphrase was proved if there is one."""
    keeper = errand.keeper
    openers: list[Wrapper] = []
    if Protector.PASSPHRASE in current.protectors:
        passphrase = errand.passphrase()
        open_by_passphrase(errand, passphrase)
        openers.append(passphrase)
    if machine := keeper.machine_of(current):
        openers.append(machine)
    return openers


def _wrappers(errand: Errand, current: ListedKey, passphrase: Passphrase | None) -> list[Wrapper]:
    """Return what a new key is wrapped by: all that the current one is, as far as it is at hand."""
    wrappers: list[Wrapper] = []
    if Protector.MACHINE in current.protectors:
        wrappers.append(errand.keeper.machine())
    if passphrase:
        wrappers.append(passphrase)
    if not wrappers:
        raise Refused("unusable", _why(errand.keeper, "nothing that is there opens the key"))
    return wrappers


def rotate(errand: Errand) -> None:
    """Make a new key, which encrypts from now on.

    Root does so for another user without the passphrase where the machine key opens the key: then the new one
    has the machine key's wrapping alone.
    """
    keeper = errand.keeper
    current = keeper.required()
    passphrase = None
    if Protector.PASSPHRASE in current.protectors:
        alone = errand.serve.for_another and keeper.by_machine()
        passphrase = None if alone else errand.passphrase()
    else:
        errand.turn()
    keeper.secrets.rotate(*_wrappers(errand, current, passphrase))
    errand.done["before"] = current.key.key_id
    _open_anew(errand, passphrase)


def adopt(errand: Errand) -> None:
    """Import an identity, which encrypts from now on."""
    keeper = errand.keeper
    current = keeper.current()
    under = current.protectors if current else keeper.protectors
    names = ("identity", "passphrase") if Protector.PASSPHRASE in under else ("identity",)
    secrets = errand.want(*names)
    passphrase = Passphrase(secrets["passphrase"]) if "passphrase" in secrets else None
    wrappers: list[Wrapper] = [keeper.machine()] if Protector.MACHINE in under else []
    if passphrase:
        wrappers.append(passphrase)
    _, new = keeper.secrets.adopt(secrets["identity"], *wrappers)
    errand.done.update(before=current.key.key_id if current else "", made=new)
    _open_anew(errand, passphrase)


def _open_anew(errand: Errand, passphrase: Passphrase | None) -> None:
    """Have the new key at hand besides the older ones; it was made, whatever becomes of this."""
    keeper = errand.keeper
    try:
        if not keeper.by_machine() and passphrase:
            keeper.by_passphrase(passphrase)
    except (KeyFileError, PassphraseError):
        keeper.take(())


def export(errand: Errand) -> None:
    """Write all identities to the client, the current one first."""
    keeper = errand.keeper
    current = keeper.required()
    if Protector.PASSPHRASE in current.protectors:
        open_by_passphrase(errand, errand.passphrase())
    elif not keeper.by_machine():
        raise Refused("unusable", _why(keeper, "the machine key does not open the key"))
    text = export_text(keeper.identities).decode("ascii")
    errand.client.say(answer(json.dumps({"identities": text})))
    errand.done["answered"] = True


def unwrap(errand: Errand) -> None:
    """Write the file key that one of the identities finds in a header to the client."""
    keeper = errand.keeper
    current = keeper.required()
    if not keeper.opened and not keeper.by_machine():
        by_machine = Protector.MACHINE in current.protectors
        raise Refused(
            "unusable" if by_machine else "locked",
            _why(keeper, "your key is locked; unlock it with `cscd keys unlock`"),
        )
    found = unwrapped([each.stanza() for each in errand.serve.stanzas], keeper.identities)
    if found is None:
        raise Refused("no_match", "none of your keys that the service keeps opens this file")
    errand.client.say(file_key_answer(found))
    errand.done["answered"] = True


def _why(keeper: Keeper, otherwise: str) -> str:
    """Return the sentence that says why a key does not open."""
    return keeper.faults[0].detail if keeper.faults else otherwise


def describe(errand: Errand) -> None:
    """Say how the user's key stands afterwards."""
    keeper = errand.keeper
    current = keeper.current()
    if current:
        errand.done.update(
            key_id=current.key.key_id,
            protectors=current.protectors,
            work_factor=current.work_factor,
            opened=keeper.opened,
        )
