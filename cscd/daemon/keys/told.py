"""What comes of a request to a holder, in the log."""

from collections.abc import Iterable

from cscd.events.keys import (
    KeyCreated,
    KeyExported,
    KeyFileRefused,
    KeyImported,
    KeyRotated,
    KeyUnlockFailed,
    KeyWrappingChanged,
    KeyWrappingStale,
)
from cscd.events.log import UserLog
from cscd.keys import Protector
from cscd.worker.holder.messages import Done, Duty, Fault

_LOCKED = "no_machine_key"
"""The reason of a fault that is about the machine key and not about the user's file."""
_TRIES = ("wrong_passphrase", "too_many_tries")


def tell(log: UserLog, duty: Duty, done: Done) -> None:
    """Tell what came of a question."""
    tell_faults(log, done.faults, done.key_id)
    if done.refused in _TRIES:
        log.emit(
            KeyUnlockFailed(key_id=done.key_id, protector=Protector.PASSPHRASE.value, reason=done.refused)
        )
    if done.refused:
        return
    _tell_change(log, duty, done)
    if done.stale:
        log.emit(KeyWrappingStale(key_id=done.key_id, healed=done.changed))
    elif done.changed:
        reason = "password_change" if duty == "logon_password" else "command"
        log.emit(KeyWrappingChanged(key_id=done.key_id, protectors=words(done.protectors), reason=reason))


def _tell_change(log: UserLog, duty: Duty, done: Done) -> None:
    if duty == "export":
        log.emit(KeyExported(key_id=done.key_id))
    elif duty == "import":
        log.emit(KeyImported(key_id=done.key_id))
    elif duty == "rotate":
        log.emit(KeyRotated(before=done.before, key_id=done.key_id))
    elif done.made:
        log.emit(KeyCreated(key_id=done.key_id, protectors=words(done.protectors)))


def tell_faults(log: UserLog, faults: Iterable[Fault], key_id: str) -> None:
    """Tell of key files that could not be used."""
    for fault in faults:
        if fault.reason == _LOCKED:
            log.emit(KeyUnlockFailed(key_id=key_id, protector=Protector.MACHINE.value, reason=fault.reason))
        else:
            log.emit(
                KeyFileRefused(path=fault.path, reason=fault.reason, errno=fault.errno, detail=fault.detail)
            )


def words(protectors: Iterable[Protector]) -> tuple[str, ...]:
    """Return protectors as events have them."""
    return tuple(each.value for each in protectors)
