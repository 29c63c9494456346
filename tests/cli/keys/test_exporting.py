"""``cscd keys export``: confirmed, closed to others, and never on a screen."""

import os
import subprocess

import pytest

from cscd.age import X25519Identity, parse_identities
from cscd.cli.exitcodes import ExitCode
from tests.cli.keys.test_unlocking import given
from tests.cli.keyserver import Keys
from tests.cli.shell import Shell
from tests.support import requires

NAME = "cscd-identity.key"


def test_it_is_confirmed_by_typing_which_key(shell: Shell, keys: Keys) -> None:
    """Then the file is a standard one, closed to others."""
    with shell.on_terminal("keys", "export") as running:
        running.until(f"type {keys.key_id}: ")
        running.type(keys.key_id.encode() + b"\n")
        done = running.end()
    file = shell.home / NAME
    assert done.code == ExitCode.OK
    assert "SECRET" not in done.text
    assert all(len(line) <= 80 or str(file) in line for line in done.text.splitlines())
    assert file.stat().st_mode & 0o7777 == 0o600
    assert [each.encode() for each in parse_identities(file.read_bytes())] == [keys.identities[0].encode()]


@pytest.mark.parametrize("typed", [b"y\n", b"\n", b"\x04"])
def test_anything_else_is_no(shell: Shell, keys: Keys, typed: bytes) -> None:
    """The service is not even asked for it."""
    with shell.on_terminal("keys", "export") as running:
        running.until(f"type {keys.key_id}: ")
        running.type(typed)
        done = running.end()
    assert done.code == ExitCode.CANCELLED
    assert not (shell.home / NAME).exists()
    assert "export" not in keys.asked


def test_a_script_says_so(shell: Shell, keys: Keys) -> None:
    """--yes; without it and without a terminal nothing is done."""
    assert not keys.asked
    assert shell.run("keys", "export", start_new_session=True).code == ExitCode.USAGE
    assert shell.run("keys", "export", "--yes", "--output", "copy").code == ExitCode.OK
    assert (shell.home / "copy").exists()


def test_the_passphrase_is_asked_for(shell: Shell, keys: Keys) -> None:
    """Where there is one; a wrong one leaves no file."""
    keys.passphrase = b"x"
    assert given(shell, "keys", "export", "--yes", lines=b"y\n").code == ExitCode.KEY
    assert not (shell.home / NAME).exists()
    assert given(shell, "keys", "export", "--yes", lines=b"x\n").code == ExitCode.OK


def test_age_reads_it(shell: Shell, keys: Keys) -> None:
    """With the older keys in it."""
    requires.command("age-keygen")
    keys.identities.append(X25519Identity.generate())
    assert "with 1 older key" in shell.run("keys", "export", "--yes").text
    done = subprocess.run(["age-keygen", "-y", shell.home / NAME], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(each.recipient) for each in keys.identities]


def test_nothing_is_replaced(shell: Shell, keys: Keys) -> None:
    """It may be the only copy of another key."""
    (shell.home / NAME).write_text("mine")
    done = shell.run("keys", "export", "--yes")
    assert done.code == ExitCode.KEY
    assert "--output FILE" in done.messages
    assert (shell.home / NAME).read_text() == "mine"
    assert len(keys.identities) == 1


def test_a_pipe_gets_the_key_alone(shell: Shell, keys: Keys) -> None:
    """For a program that keeps keys."""
    done = shell.run("keys", "export", "--yes", "--output", "-")
    assert (done.code, done.messages) == (ExitCode.OK, "")
    assert done.text == f"{keys.identities[0].encode()}\n"


def test_a_terminal_and_a_file_do_not(shell: Shell, keys: Keys) -> None:
    """One would show it, the other may be open to others."""
    with shell.on_terminal("keys", "export", "--yes", "--output", "-") as running:
        done = running.end()
    assert (done.code, "SECRET" in done.text) == (ExitCode.USAGE, False)
    with (shell.home / "file").open("wb") as file:
        assert shell.run("keys", "export", "--yes", "--output", "-", stdout=file).code == ExitCode.USAGE
    assert (shell.home / "file").read_bytes() == b""
    assert not keys.asked


@pytest.mark.parametrize("arguments", [("--output", ""), ("--output", "-", "--json")])
def test_what_makes_no_sense_is_refused(shell: Shell, arguments: tuple[str, ...]) -> None:
    """Before the service is asked."""
    assert shell.run("keys", "export", "--yes", *arguments).code == ExitCode.USAGE


def test_there_is_nothing_to_export_yet(shell: Shell, keys: Keys) -> None:
    """The person is told what makes a key."""
    keys.identities.clear()
    done = shell.run("keys", "export", "--yes")
    assert done.code == ExitCode.KEY
    assert "cscd keys passphrase" in done.messages


def test_what_is_no_identity_is_not_written(
    shell: Shell, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor shown."""
    answer = keys.answer
    monkeypatch.setattr(
        keys,
        "answer",
        lambda question, secrets: (
            {"identities": "AGE-SECRET-KEY-1XYZ\n"}
            if question["ask"] == "export"
            else answer(question, secrets)
        ),
    )
    done = shell.run("keys", "export", "--yes")
    assert done.code == ExitCode.SERVICE
    assert "SECRET" not in done.messages
    assert os.listdir(shell.home) == ["run"]
