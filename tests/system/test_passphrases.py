"""A user's passphrase on a machine: set, asked for on a terminal, and nowhere to be found afterwards."""

import subprocess
from collections.abc import Iterator

import pytest

from cscd.cli.exitcodes import ExitCode
from tests.support import requires
from tests.support.service import Person, Service
from tests.system.test_encrypt_command import on_terminal

pytestmark = [pytest.mark.system, pytest.mark.root]

USER_CONTROLLED = "encryption: {policy: user-controlled, initial_state: encrypted}\n"
SESAME = "open sesame"
PROMPT = "Passphrase of your key: "


@pytest.fixture(scope="module", autouse=True)
def controlled(service: Service) -> Iterator[None]:
    """Have the state be root's to change."""
    requires.command("pkttyagent")
    with service.configured("20-controlled", USER_CONTROLLED):
        yield
        service.machine.run("cscd", "encrypt")


def keys(person: Person, *arguments: str, text: str = f"{SESAME}\n") -> str:
    """Run ``cscd keys`` as a person whose script knows the passphrase; return what it printed."""
    command = ("cscd", "keys", *arguments, "--passphrase-fd", "0")
    return person.machine.run(*command, user=person.name, text=text).stdout


@pytest.fixture
def letter(service: Service, alice: Person) -> str:
    """Encrypt a letter to a key that only a passphrase opens, and lock it."""
    service.machine.run("cscd", "encrypt")
    path = alice.save("letter", "dear bob\n")
    service.machine.run("cscd", "encrypt", user=alice.name)
    keys(alice, "passphrase")
    keys(alice, "unprotect", "machine")
    service.machine.run("cscd", "keys", "lock", user=alice.name)
    assert alice.encrypted(path)
    return path


def test_a_locked_key_is_told_by_its_own_exit_code(service: Service, alice: Person, letter: str) -> None:
    """Where there is nobody to ask; and the call has its own code."""
    done = service.machine.run("cscd", "cat", letter, user=alice.name, check=False)
    assert done.returncode == ExitCode.LOCKED
    service.machine.run("cscd", "unencrypt")
    done = service.machine.run("cscd", "unencrypt", user=alice.name, check=False)
    assert done.returncode == ExitCode.LOCKED
    assert "ERROR_NOT_AUTHENTICATED (1244)" in done.stdout
    assert alice.encrypted(letter)


def test_the_passphrase_is_typed_on_the_terminal(service: Service, alice: Person, letter: str) -> None:
    """Hidden, and the items are done by the same call."""
    service.machine.run("cscd", "unencrypt")
    code, shown = on_terminal(service, alice, "--console", typed=f"{SESAME}\n", prompt=PROMPT)
    assert code == ExitCode.OK, shown
    assert SESAME not in shown
    assert not alice.encrypted(letter)


def test_age_opens_an_item_with_an_exported_key(service: Service, alice: Person, letter: str) -> None:
    """Which is a plain file of the user's own."""
    requires.command("age")
    key = f"/home/{alice.name}/exported.key"
    keys(alice, "export", "--yes", "--output", key)
    assert service.machine.path(key).stat().st_mode & 0o7777 == 0o600
    paths = (str(service.machine.path(key)), str(service.machine.path(letter)))
    command = ["age", "--decrypt", "--identity", *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "dear bob\n"


def test_the_log_has_nothing_of_it(service: Service, alice: Person, letter: str) -> None:
    """Neither passphrase nor key, also after errors."""
    since = service.now()
    wrong = ("cscd", "keys", "unlock", "--passphrase-fd", "0")
    done = service.machine.run(*wrong, user=alice.name, text="open sesami\n", check=False)
    assert done.returncode == ExitCode.KEY
    keys(alice, "unlock")
    assert alice.read(letter) == "dear bob\n"
    journal = service.machine.journal("--output=json", "--all", f"--after-cursor={since.cursor}")
    assert "key_unlocked" in journal
    assert "sesam" not in journal
    assert "SECRET" not in journal
