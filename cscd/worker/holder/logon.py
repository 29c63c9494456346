"""The logon password, as cscd-pam hands it over: at a logon, and when it is changed.

Whoever hands it over is root and says that the password is right, for PAM has found it so. So where it opens
nothing it is the wrapping that is old: the password was reset behind the user's back.
"""

from cscd.errors import PassphraseError
from cscd.keys import Passphrase, Protector
from cscd.worker.holder.duties import Errand, make_under, open_by_passphrase, wrap_under
from cscd.worker.holder.reply import Refused


def auth(errand: Errand) -> None:
    """Open the key by the logon password; heal a wrapping that is old, if the machine key opens the key."""
    keeper = errand.keeper
    passphrase = errand.passphrase()
    current = keeper.current()
    if current is None:
        make_under(errand, passphrase)
        return
    if Protector.PASSPHRASE in current.protectors:
        try:
            open_by_passphrase(errand, passphrase)
        except PassphraseError:
            errand.done["stale"] = True
        else:
            return
    if keeper.by_machine():
        errand.opened_by(Protector.MACHINE)
        wrap_under(errand, passphrase)


def password(errand: Errand) -> None:
    """Wrap the key under a new logon password, if its identity is at hand."""
    keeper = errand.keeper
    if not keeper.opened and not keeper.by_machine():
        raise Refused("locked", "the key is locked; its passphrase stays the old one")
    wrap_under(errand, Passphrase(errand.want("new")["new"]))
