"""``cscd keys unlock`` and ``lock``: a passphrase at the terminal, from a descriptor, or none at all."""

import tempfile

import pytest

from cscd.cli.exitcodes import ExitCode
from tests.cli.keyserver import Keys
from tests.cli.shell import Ended, Shell

SECRET = "sésame, öffne dich"  # noqa: S105 - of this test
"""Not ASCII: what is typed travels byte for byte."""


@pytest.fixture
def locked(keys: Keys) -> Keys:
    """Have the key take a passphrase, and be locked."""
    keys.machine, keys.passphrase, keys.locked = False, SECRET.encode(), True
    return keys


def given(shell: Shell, *arguments: str, lines: bytes) -> Ended:
    """Run a command with passphrases in a descriptor."""
    with tempfile.TemporaryFile() as file:
        file.write(lines)
        file.seek(0)
        fd = file.fileno()
        return shell.run(*arguments, "--passphrase-fd", str(fd), pass_fds=(fd,))


def test_the_machine_key_opens_without_asking(shell: Shell, keys: Keys) -> None:
    """There is nothing to type, and no terminal needed."""
    keys.locked = True
    done = shell.run("keys", "unlock", start_new_session=True)
    assert (done.code, done.text) == (ExitCode.OK, f"Key {keys.key_id} is unlocked.\n")
    assert not keys.locked


def test_the_passphrase_is_asked_for_at_the_terminal(shell: Shell, locked: Keys) -> None:
    """It is not echoed, and the service has it in the end."""
    with shell.on_terminal("keys", "unlock") as running:
        running.until("Passphrase of your key: ")
        running.type(SECRET.encode() + b"\n")
        done = running.end()
    assert done.code == ExitCode.OK
    assert SECRET not in done.text
    assert not locked.locked
    assert locked.asked == ["unlock"]


def test_a_person_may_err_twice(shell: Shell, locked: Keys) -> None:
    """And is told each time; the third error ends it."""
    with shell.on_terminal("keys", "unlock") as running:
        running.until("Passphrase of your key: ")
        running.type(b"wrong\n")
        running.until("That was not it. Passphrase of your key: ")
        running.type(SECRET.encode() + b"\n")
        assert running.end().code == ExitCode.OK
    locked.locked = True
    with shell.on_terminal("keys", "unlock") as running:
        for number in range(3):
            running.until(f"(key: (.|\\s)*){{{number + 1}}}")
            running.type(b"wrong\n")
        done = running.end()
    assert done.code == ExitCode.KEY
    assert "does not open the key" in done.text
    assert locked.locked


def test_nothing_typed_is_no_passphrase(shell: Shell, locked: Keys) -> None:
    """The service is not asked in vain."""
    with shell.on_terminal("keys", "unlock") as running:
        running.until("key: ")
        running.type(b"\n")
        done = running.end()
    assert (done.code, "empty" in done.text) == (ExitCode.KEY, True)
    with shell.on_terminal("keys", "unlock") as running:
        running.until("key: ")
        running.type(b"\x04")
        assert running.end().code == ExitCode.CANCELLED
    assert not locked.asked


def test_without_a_terminal_scripts_are_told_what_to_use(shell: Shell, locked: Keys) -> None:
    """Standard input is not taken for a passphrase unless it is named."""
    done = shell.run("keys", "unlock", stdin=SECRET.encode(), start_new_session=True)
    assert done.code == ExitCode.KEY
    assert "--passphrase-fd" in done.messages
    assert shell.run("keys", "unlock", "--passphrase-fd", "0", stdin=SECRET.encode()).code == ExitCode.OK
    assert not locked.locked


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_descriptor_has_the_passphrase_on_a_line(shell: Shell, locked: Keys, end: bytes) -> None:
    """Whether its line is ended or not."""
    assert given(shell, "keys", "unlock", lines=SECRET.encode() + end).code == ExitCode.OK
    assert not locked.locked


@pytest.mark.parametrize(
    "lines, said",
    [
        (b"", "no further line"),
        (b"\nnext\n", "empty"),
        (b"x" * 1025, "at most 1024 bytes"),
        (b"x" * 70_000, "more than 65536 bytes"),
        (b"wrong\n" + SECRET.encode(), "does not open the key"),
    ],
)
def test_what_a_descriptor_has_instead_is_said(shell: Shell, locked: Keys, lines: bytes, said: str) -> None:
    """A script is not asked twice."""
    done = given(shell, "keys", "unlock", lines=lines)
    assert done.code == ExitCode.KEY
    assert said in done.messages
    assert locked.locked


@pytest.mark.parametrize("number", ["77", "-1", "x", "99999999999999999999"])
def test_a_descriptor_that_is_not_open_is_an_error_of_usage(shell: Shell, number: str) -> None:
    """Before anything is asked."""
    assert shell.run("keys", "unlock", f"--passphrase-fd={number}").code == ExitCode.USAGE


def test_too_many_tries_are_told_with_what_helps(shell: Shell, keys: Keys) -> None:
    """The service says it, and it is no error of the key's."""
    keys.refuses = "too_many_tries"
    done = shell.run("keys", "unlock")
    assert done.code == ExitCode.SERVICE
    assert "the service said: it is too_many_tries" in done.messages


def test_locking_says_whether_the_machine_opens_it(shell: Shell, keys: Keys) -> None:
    """So that nobody takes it for more than it is."""
    done = shell.run("keys", "lock")
    assert done.code == ExitCode.OK
    assert "cscd keys unlock" in done.text
    assert "machine key opens it" in done.text
    assert keys.locked
    keys.machine, keys.passphrase = False, b"x"
    assert "machine" not in shell.run("keys", "lock").text


def test_there_are_reports(shell: Shell, keys: Keys) -> None:
    """Of both."""
    for command in ("lock", "unlock"):
        report = shell.run("keys", command, "--json").json
        assert report == {"format": 1, "command": f"keys {command}", "key_id": keys.key_id}


def test_root_locks_another_users_key(shell: Shell, keys: Keys) -> None:
    """Whose it is goes along."""
    assert shell.run("keys", "lock", "--user", "0").code == ExitCode.OK
    assert keys.questions[0] == {"ask": "lock", "user": 0}
