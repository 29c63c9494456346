"""Encrypt with a key that is locked: who is asked for the passphrase, when, and what follows."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cscd.daemon.encrypt.calls import CHANGE_STATE, Asked, Caller
from cscd.daemon.encrypt.codes import Code
from cscd.files.goal import State
from tests.daemon.encrypt.test_encryption import BOB, CALLER, ROOT, Service, finished
from tests.daemon.peer import ALICE, until, within

INTERACTIVE = 0x800
CONSOLE = 0x1000


@dataclass
class Person:
    """Somebody at a dialog."""

    says: Asked = Asked.ANSWERED
    asked: list[tuple[int, bool]] = field(default_factory=list)
    thinks: asyncio.Event | None = None
    """Set when the dialog is answered; None if that is at once."""
    gone: bool = False

    async def unlock(self, caller: Caller, *, console: bool) -> Asked:
        """See `Prompter`."""
        self.asked.append((caller.uid, console))
        try:
            if self.thinks:
                await self.thinks.wait()
        except asyncio.CancelledError:
            self.gone = True
            raise
        return self.says


def service(directory: Path, monkeypatch: pytest.MonkeyPatch, person: Person) -> Service:
    """Return a service that keeps a key that is locked, and can ask a person."""
    made = Service(directory)
    made.encryption.prompter = person
    standing: Any = type("Locked", (), {"state": "locked", "key_id": "ab"})()
    monkeypatch.setattr(made.shared.keyring, "standing", lambda _uid: standing)
    return made


@pytest.mark.parametrize("flags, console", [(INTERACTIVE, False), (INTERACTIVE | CONSOLE, True)])
def test_the_caller_is_asked_before_anything_is_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: int, console: bool
) -> None:
    """And after an administrator has said yes."""

    async def test() -> None:
        person = Person(thinks=asyncio.Event())
        world = service(tmp_path, monkeypatch, person)
        call = world.call(State.UNENCRYPTED, flags)
        await until(lambda: person.asked)
        assert person.asked == [(ALICE.uid, console)]
        assert world.polkit.asked == [(ALICE.uid, CHANGE_STATE, True)]
        assert world.shared.cache.state is State.ENCRYPTED
        assert person.thinks
        person.thinks.set()
        await finished(await world.peer())
        assert await call is Code.SUCCESS
        await world.end()

    within(test())


@pytest.mark.parametrize(
    "goal, flags, more",
    [
        (State.UNENCRYPTED, 0, {}),
        (State.UNENCRYPTED, CONSOLE, {}),
        (State.ENCRYPTED, INTERACTIVE, {}),
        (State.UNENCRYPTED, INTERACTIVE, {"caller": ROOT, "for_uid": BOB.uid}),
    ],
)
def test_nobody_is_asked_in_vain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, goal: State, flags: int, more: dict[str, Any]
) -> None:
    """Not without the flag, not to encrypt, and not for another user's key."""

    async def test() -> None:
        person = Person()
        world = service(tmp_path, monkeypatch, person)
        call = world.call(goal, flags, **more)
        await finished(await world.peer())
        assert await call is Code.SUCCESS
        assert person.asked == []
        await world.end()

    within(test())


def test_who_says_no_has_nothing_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The call is cancelled."""

    async def test() -> None:
        world = service(tmp_path, monkeypatch, Person(Asked.DISMISSED))
        assert await world.call(State.UNENCRYPTED, INTERACTIVE) is Code.CANCELLED
        assert (world.shared.cache.state, world.peers) == (State.ENCRYPTED, [])
        assert world.last("encrypt_refused")["reason"] == "dialog_dismissed"
        await world.end()

    within(test())


def test_without_an_answer_the_call_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the key opens is left to be done later."""

    async def test() -> None:
        world = service(tmp_path, monkeypatch, Person(Asked.NOBODY))
        call = world.call(State.UNENCRYPTED, INTERACTIVE)
        await finished(await world.peer(), partial=True)
        await call
        assert world.shared.cache.state is State.UNENCRYPTED
        await world.end()

    within(test())


def test_who_leaves_closes_the_dialog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And has nothing changed."""

    async def test() -> None:
        person = Person(thinks=asyncio.Event())
        world = service(tmp_path, monkeypatch, person)
        call = world.call(State.UNENCRYPTED, INTERACTIVE)
        await until(lambda: person.asked)
        call.cancel()
        await asyncio.wait((call,))
        assert person.gone
        assert world.shared.cache.state is State.ENCRYPTED
        await world.end()

    within(test())


def test_a_dialog_does_not_stand_in_for_an_administrator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody changes the state while it is open, so that the call is a change by now: polkit is asked."""

    async def test() -> None:
        person = Person(thinks=asyncio.Event())
        world = service(tmp_path, monkeypatch, person)
        world.shared.cache.choose(State.UNENCRYPTED, "root")
        call = world.call(State.UNENCRYPTED, INTERACTIVE, CALLER)
        await until(lambda: person.asked)
        assert world.polkit.asked == []
        world.shared.cache.choose(State.ENCRYPTED, "root")
        assert person.thinks
        person.thinks.set()
        await finished(await world.peer())
        assert await call is Code.SUCCESS
        assert world.polkit.asked == [(ALICE.uid, CHANGE_STATE, True)]
        await world.end()

    within(test())
