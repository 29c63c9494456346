"""Changes of a user's keys, killed or out of space at every call that changes a file: no identity is lost.

What a call that only reads is killed at, leaves what the next one that changes something finds; so those are
enough. Whatever happens, each key opens with its old or its new wrapping, `current` names a key that opens,
every file is whole, and doing the same again completes it.
"""

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from cscd.age import X25519Identity, X25519Recipient
from cscd.errors import KeyFileError
from cscd.keys import MachineKey, Passphrase, Protector, UserKeys, UserSecrets, export_text
from tests.crash.injection import Ended, Point, traced
from tests.crash.subject import IDENTITY
from tests.support import requires

pytestmark = pytest.mark.crash

UID: Final = 1000
MACHINE: Final = MachineKey(IDENTITY, "/nowhere")
OLD: Final = Passphrase(b"correct horse")
NEW: Final = Passphrase(b"battery staple")
IMPORTED: Final = X25519Identity.generate()

CHANGING: Final = ("write", "fchmod", "fsync", "renameat", "linkat", "unlinkat", "mkdirat")
"""Calls that change files; besides them, openat where it makes one."""
REFUSED: Final = 3
"""How the fork ends when the change was refused for a file that cannot be written."""


@dataclass(frozen=True, slots=True)
class User:
    """The keys of a user."""

    path: Path

    @property
    def keys(self) -> UserKeys:
        """What is known without secrets."""
        return UserKeys(str(self.path / "keys"))

    @property
    def secrets(self) -> UserSecrets:
        """The secrets; passphrases take no time here."""
        return UserSecrets(str(self.path / "keys"), UID, work_factor=lambda: 1)

    def opened(self) -> set[X25519Recipient]:
        """Return the recipients of all that opens, by whatever; nothing may be refused but a passphrase."""
        refused: list[KeyFileError] = []
        found = self.secrets.unlock(MACHINE, OLD, NEW, refused=refused.append, retired=True)
        assert not refused
        return {identity.recipient for identity in found}

    def protectors(self) -> list[tuple[Protector, ...]]:
        """Return what each key is wrapped by, the current one first; every file is whole."""
        return [key.protectors for key in self.keys.listed(UID)]


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a user's keys."""

    prepare: Callable[[User], None]
    act: Callable[[User], None]
    complete: Callable[[User], None]
    """Asserts that it is done."""


def two_keys(*wrappers: MachineKey | Passphrase) -> Callable[[User], None]:
    """Return what makes an older and a current key, wrapped so."""

    def prepare(user: User) -> None:
        user.secrets.make(*wrappers)
        user.secrets.rotate(*wrappers)

    return prepare


def make(user: User) -> None:
    """Make the first key."""
    user.secrets.make(MACHINE, OLD)


def made(user: User) -> None:
    """It opens with both."""
    assert user.protectors()[0] == (Protector.MACHINE, Protector.PASSPHRASE)


def protect(user: User) -> None:
    """Add a passphrase."""
    user.secrets.protect(OLD, user.secrets.unlock(MACHINE))


def protected(user: User) -> None:
    """Both keys open with it."""
    assert len(user.secrets.unlock(OLD)) == len(user.secrets.unlock(MACHINE)) == 2


def rewrap(user: User) -> None:
    """Change the passphrase, which is all that there is."""
    user.secrets.protect(NEW, user.secrets.unlock(OLD, NEW))


def rewrapped(user: User) -> None:
    """Both keys open with the new one."""
    assert len(user.secrets.unlock(NEW)) == 2


def unprotect(user: User) -> None:
    """Remove the machine's wrapping."""
    user.secrets.unprotect(Protector.MACHINE, OLD)


def unprotected(user: User) -> None:
    """Both keys open with the passphrase alone."""
    assert user.protectors() == [(Protector.PASSPHRASE,)] * 2


def rotate(user: User) -> None:
    """Make another key the current one."""
    user.secrets.rotate(MACHINE, OLD)


def rotated(user: User) -> None:
    """There is one more that is wrapped by both, and it is current."""
    assert user.protectors()[:3] == [(Protector.MACHINE, Protector.PASSPHRASE)] * 3


def retire(user: User) -> None:
    """Put the older key away."""
    older = [each for each in user.keys.listed(UID) if not each.current]
    user.keys.retire(UID, older[0].key.key_id)


def retired(user: User) -> None:
    """It is; one opens, and both on request."""
    assert [each.retired for each in user.keys.listed(UID)] == [False, True]
    assert user.protectors() == [(Protector.MACHINE, Protector.PASSPHRASE)] * 2
    assert len(user.secrets.unlock(MACHINE)) == 1


def adopt(user: User) -> None:
    """Import an identity."""
    user.secrets.adopt(export_text([IMPORTED]), MACHINE, OLD)


def adopted(user: User) -> None:
    """It encrypts, and is wrapped by both."""
    listed = user.keys.listed(UID)
    assert [each.key.recipient == IMPORTED.recipient for each in listed] == [True, False, False]
    assert listed[0].protectors == (Protector.MACHINE, Protector.PASSPHRASE)


CHANGES: Final = {
    "make": Change(lambda _: None, make, made),
    "protect": Change(two_keys(MACHINE), protect, protected),
    "rewrap": Change(two_keys(OLD), rewrap, rewrapped),
    "unprotect": Change(two_keys(MACHINE, OLD), unprotect, unprotected),
    "rotate": Change(two_keys(MACHINE, OLD), rotate, rotated),
    "retire": Change(two_keys(MACHINE, OLD), retire, retired),
    "import": Change(two_keys(MACHINE, OLD), adopt, adopted),
}


def act_traced(change: Change, path: Path, inject: str = "") -> tuple[User, set[X25519Recipient], Ended]:
    """Do it in a fork; returns whose keys it was done to, what opened before, and how it ended."""
    path.mkdir(mode=0o700)
    user = User(path)
    change.prepare(user)
    before = user.opened()

    def run(ready: Callable[[], None]) -> None:
        ready()
        try:
            change.act(user)
        except KeyFileError:
            os._exit(REFUSED)

    return user, before, traced(run, path.with_suffix(".trace"), inject)


def changing_points(trace: str) -> Iterator[Point]:
    """Yield every call that changes a file."""
    counts: Counter[str] = Counter()
    for line in trace.splitlines():
        call = line.partition("(")[0]
        counts[call] += 1
        if call in CHANGING or (call == "openat" and ("O_CREAT" in line or "O_TMPFILE" in line)):
            yield Point(call, counts[call])


def check(change: Change, user: User, before: set[X25519Recipient], ended: Ended) -> None:
    """Assert what must hold afterwards, and that doing it again completes it."""
    current = user.keys.current(UID)
    opened = user.opened()
    assert before <= opened
    assert bool(before) <= (current is not None)
    assert current is None or current.recipient in opened
    assert all(each.protectors for each in user.keys.listed(UID))
    if ended.code != 0:
        change.act(user)
    change.complete(user)
    assert opened <= user.opened()
    assert not list((user.path / "keys" / str(UID)).glob(".*"))


@pytest.fixture(params=CHANGES)
def change(request: pytest.FixtureRequest) -> Change:
    """Choose one."""
    requires.command("strace")
    return CHANGES[request.param]


@pytest.mark.parametrize(
    "how, code", [("signal=KILL", -signal.SIGKILL), ("error=ENOSPC", REFUSED)], ids=["killed", "disk-full"]
)
def test_no_identity_is_lost(change: Change, tmp_path: Path, how: str, code: int) -> None:
    """Wherever it ends."""
    user, before, dry = act_traced(change, tmp_path / "dry")
    assert dry.code == 0, dry.trace
    check(change, user, before, dry)
    codes = set()
    for point in changing_points(dry.trace):
        inject = f"{point.call}:{how}:when={point.number}"
        user, before, ended = act_traced(change, tmp_path / f"{point}", inject)
        assert ended.hit, inject
        codes.add(ended.code)
        try:
            check(change, user, before, ended)
        except Exception as error:
            error.add_note(f"after {inject}")
            raise
    assert codes - {0} == {code}
