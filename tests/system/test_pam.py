"""Logons with passwords, through the real PAM: what they do to the user's key, and what they never do."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from cscd.cli.service import Service as Client
from tests.support.keyboard import PROMPT, Person, at_terminal
from tests.support.machine import Machine
from tests.support.service import Service
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.root]

PASSWORD = "correct horse battery"  # noqa: S105 - of users who live for a test
OTHER = "staple tower lantern"
ASKING = "assword: $"
STACKS = ("common-auth", "common-password")
LONGEST = 3.0
"""Seconds for which a logon may take longer than it does without the service: 2 s, and a loaded machine."""


@pytest.fixture(scope="module")
def switched_on(service: Service) -> Iterator[Service]:
    """Have PAM hand over passwords, and new users' keys wrapped by them alone."""
    service.machine.run("pam-auth-update", "--enable", "cscd")
    # su(1) of root's asks for no password; neither do tests that log on by it.
    with service.configured("20-pam", "keys:\n  protectors: [passphrase]\n"):
        yield service
    service.machine.run("pam-auth-update", "--disable", "cscd")


@dataclass(frozen=True, slots=True)
class Somebody:
    """A user with a password."""

    service: Service
    name: str

    @property
    def machine(self) -> Machine:
        """Where they log on."""
        return self.service.machine

    @property
    def uid(self) -> int:
        """Their number."""
        return int(self.machine.run("id", "--user", self.name).stdout)

    @property
    def key(self) -> dict[str, Any]:
        """What the service says of their key."""
        client = Client({}, str(self.machine.path("/run/cscd/control")))
        answer: dict[str, Any] = client.ask({"ask": "keys", "user": self.uid})
        return answer

    def set_password(self, password: str, *options: str) -> None:
        """Have root set it: with a method of encryption named, chpasswd(8) does without PAM."""
        self.machine.run("chpasswd", *options, text=f"{self.name}:{password}\n")

    @contextmanager
    def logged_on(self, password: str = PASSWORD) -> Iterator[Person]:
        """Log on at a console, and have the shell until the block ends."""
        with at_terminal(self.machine, "login", self.name) as person:
            person.answer(ASKING, password)
            person.until(PROMPT)
            yield person
            person.type("exit")
            person.end()

    def wait_until(self, state: str) -> None:
        """Wait until the key is locked, or unlocked: a passphrase takes a second to try."""
        wait_until(lambda: self.key["state"] == state, f"{self.name}'s key is {state}", deadline=30.0)

    def has_key(self) -> None:
        """Log on for the first time, which makes the key, and off."""
        with self.logged_on():
            self.wait_until("unlocked")
        self.wait_until("locked")


@pytest.fixture
def alice(switched_on: Service, names: Iterator[str]) -> Somebody:
    """Make a user with a password, who has never logged on."""
    name = next(names)
    switched_on.machine.add_user(name)
    found = Somebody(switched_on, name)
    found.set_password(PASSWORD, "--crypt-method=SHA512")
    return found


@pytest.fixture
def bob(switched_on: Service, names: Iterator[str]) -> str:
    """Make another one."""
    name = next(names)
    switched_on.machine.add_user(name)
    return name


def test_the_first_logon_makes_the_key_and_others_open_it(alice: Somebody) -> None:
    """Under the password alone: nothing is asked; after the last session it is locked."""
    since = alice.service.now()
    with alice.logged_on():
        since.wait_for("key_created", user=alice.name, protectors="passphrase")
        alice.wait_until("unlocked")
    since.wait_for("key_locked", user=alice.name, reason="logoff")
    again = alice.service.now()
    with alice.logged_on():
        again.wait_for("key_unlocked", user=alice.name, protector="passphrase", reason="logon")
    alice.wait_until("locked")
    assert PASSWORD not in alice.machine.journal()


def test_su_is_a_logon(alice: Somebody, bob: str) -> None:
    """By somebody else, who knows the password."""
    alice.has_key()
    with at_terminal(alice.machine, "su", "--login", alice.name, user=bob) as person:
        person.answer(ASKING, PASSWORD)
        person.until(PROMPT)
        alice.wait_until("unlocked")
        person.type("exit")
        person.end()
    alice.wait_until("locked")


def test_a_wrong_password_opens_nothing(alice: Somebody, bob: str) -> None:
    """And the service does not even hear of it; the right one is not thought a guess."""
    alice.has_key()
    since = alice.service.now()
    with at_terminal(alice.machine, "su", "--login", alice.name, user=bob) as person:
        person.answer(ASKING, OTHER)
        assert "Authentication failure" in person.end()
    assert alice.key["state"] == "locked"
    assert not since.events("key_unlock_failed", user=alice.name)
    assert not since.events("key_wrapping_stale", user=alice.name)


def test_whoever_is_logged_on_is_not_unlocked_again(alice: Somebody) -> None:
    """Two sessions, one key: it is locked when the last one ends, and not before."""
    with alice.logged_on():
        alice.wait_until("unlocked")
        since = alice.service.now()
        with alice.logged_on():
            assert alice.key["state"] == "unlocked"
        since.wait_for("session_closed", user=alice.name)
        assert alice.key["state"] == "unlocked"
        assert not since.events("key_unlocked", user=alice.name)
    since.wait_for("key_locked", user=alice.name, reason="logoff")


def test_a_changed_password_opens_the_key_and_the_old_one_does_not(alice: Somebody) -> None:
    """As the user changes it, by passwd(1), while the key is open."""
    since = alice.service.now()
    with alice.logged_on() as person:
        alice.wait_until("unlocked")
        person.type("passwd")
        person.answer("Current password: $", PASSWORD)
        person.answer("New password: $", OTHER)
        person.answer("Retype new password: $", OTHER)
        person.until("updated successfully")
        since.wait_for("key_wrapping_changed", user=alice.name, reason="password_change")
    alice.wait_until("locked")
    again = alice.service.now()
    with alice.logged_on(OTHER):
        again.wait_for("key_unlocked", user=alice.name, reason="logon")
    assert not again.events("key_wrapping_stale", user=alice.name)


def test_a_reset_while_the_key_is_locked_is_told(alice: Somebody) -> None:
    """Root knows neither the old password nor the key: the log says so, and the user when they log on."""
    alice.has_key()
    since = alice.service.now()
    alice.set_password(OTHER)
    since.wait_for("key_wrapping_stale", user=alice.name, healed="false")
    with at_terminal(alice.machine, "login", alice.name) as person:
        person.answer(ASKING, OTHER)
        assert "cscd keys" in person.until(PROMPT)
        assert alice.key["state"] == "locked"
        person.type("exit")
        person.end()


def test_a_reset_behind_pams_back_is_noticed_at_the_logon(alice: Somebody) -> None:
    """The user gives the old password once, and all is as it was."""
    alice.has_key()
    alice.set_password(OTHER, "--crypt-method=SHA512")
    since = alice.service.now()
    with alice.logged_on(OTHER):
        since.wait_for("key_wrapping_stale", user=alice.name, healed="false")
        assert alice.key["stale"]
    alice.set_password(PASSWORD, "--crypt-method=SHA512")
    again = alice.service.now()
    with alice.logged_on():
        again.wait_for("key_unlocked", user=alice.name, reason="logon")
        assert not alice.key["stale"]


def test_a_reset_is_healed_where_the_machine_key_opens(alice: Somebody) -> None:
    """At once, under the password that PAM has found right."""
    protectors = "keys:\n  protectors: [machine, passphrase]\n"
    with alice.service.configured("30-both", protectors):
        first = alice.service.now()
        with alice.logged_on():
            first.wait_for("key_created", user=alice.name)
            assert alice.key["keys"][0]["protectors"] == ["machine", "passphrase"]
        first.wait_for("worker_exited", user=alice.name)  # until then the user counts as there
        alice.set_password(OTHER, "--crypt-method=SHA512")
        since = alice.service.now()
        with alice.logged_on(OTHER):
            since.wait_for("key_wrapping_stale", user=alice.name, healed="true")
            assert not alice.key["stale"]


@pytest.mark.parametrize("trouble", ["stopped", "halted"])
def test_a_logon_goes_on_without_the_service(alice: Somebody, trouble: str) -> None:
    """It is not there, or it does not move: the user is in, within two seconds."""
    alice.has_key()
    pid = str(alice.service.pid)
    alice.machine.run(*(("systemctl", "stop", "cscd") if trouble == "stopped" else ("kill", "-STOP", pid)))
    try:
        with at_terminal(alice.machine, "login", alice.name) as person:
            person.answer(ASKING, PASSWORD)
            begin = time.monotonic()
            person.until(PROMPT)
            took = time.monotonic() - begin
            person.type("exit")
            person.end()
    finally:
        alice.machine.run(
            *(("systemctl", "start", "cscd") if trouble == "stopped" else ("kill", "-CONT", pid))
        )
    assert took < LONGEST
    with alice.logged_on():
        alice.wait_until("unlocked")


def test_a_restart_locks_until_the_password_comes_again(alice: Somebody) -> None:
    """What was in memory is gone: the log says so; the next password that PAM sees opens the key."""
    with alice.logged_on() as person:
        alice.wait_until("unlocked")
        alice.machine.run("systemctl", "restart", "cscd")
        since = alice.service.now()
        assert alice.key["state"] == "locked"
        person.type(f"su {alice.name} --command true")
        person.answer(ASKING, PASSWORD)
        since.wait_for("key_unlocked", user=alice.name, reason="logon")
    since.wait_for("key_locked", user=alice.name, reason="logoff")


@contextmanager
def with_pam_exec(machine: Machine) -> Iterator[None]:
    """Have PAM run it by pam_exec.so, as where the module could not be compiled."""
    stacks = [machine.path(f"/etc/pam.d/{name}") for name in STACKS]
    before = [stack.read_text() for stack in stacks]
    pam_exec = "pam_exec.so quiet seteuid expose_authtok stdout"
    for stack, text in zip(stacks, before, strict=True):
        stack.write_text(text.replace("/usr/local/lib/cscd/lib/pam_cscd.so", pam_exec))
    try:
        yield
    finally:
        for stack, text in zip(stacks, before, strict=True):
            stack.write_text(text)


def test_pam_exec_does_the_same_and_says_what_it_cannot_do(alice: Somebody) -> None:
    """Until version 1.5 it has no changed password: the user is told what to do."""
    with with_pam_exec(alice.machine), alice.logged_on() as person:
        alice.wait_until("unlocked")
        person.type("passwd")
        person.answer("Current password: $", PASSWORD)
        person.answer("New password: $", OTHER)
        person.answer("Retype new password: $", OTHER)
        said = person.until("updated successfully")
        if "cscd keys passphrase" not in said:
            assert "expose_authtok not supported" not in alice.machine.journal()
