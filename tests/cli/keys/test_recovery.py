"""``cscd keys recovery-init``: the identity for recovery."""

import errno
import os
import re
import subprocess
from pathlib import Path

import pytest

from cscd.age import key_id, parse_identities
from cscd.cli.exitcodes import ExitCode
from cscd.cli.main import entry
from tests.cli.shell import Shell
from tests.support import requires


def test_a_recovery_identity_is_made(shell: Shell) -> None:
    """A file as age-keygen writes it, closed to others; its recipient is printed alone."""
    done = shell.run("keys", "recovery-init")
    assert done.code == ExitCode.OK
    file = shell.home / "cscd-recovery.key"
    (identity,) = parse_identities(file.read_bytes())
    assert done.text == f"{identity.recipient}\n"
    assert file.stat().st_mode & 0o7777 == 0o600
    assert str(file) in done.messages


def test_a_recovery_identity_is_put_where_it_is_asked_for(shell: Shell) -> None:
    """Relative to the working directory, and told as an absolute path."""
    (shell.home / "safe").mkdir()
    report = shell.run("keys", "recovery-init", "--output", "safe/key", "--json").json
    assert report["identity_file"]["text"] == str(shell.home / "safe" / "key")
    (identity,) = parse_identities((shell.home / "safe" / "key").read_bytes())
    assert (report["recipient"], report["key_id"]) == (str(identity.recipient), key_id(identity.recipient))


def test_nothing_is_replaced_by_a_recovery_identity(shell: Shell) -> None:
    """It may be the only copy of the one before."""
    shell.run("keys", "recovery-init")
    content = (shell.home / "cscd-recovery.key").read_bytes()
    done = shell.run("keys", "recovery-init")
    assert (done.code, done.out) == (ExitCode.KEY, b"")
    assert "--output FILE" in done.messages
    assert (shell.home / "cscd-recovery.key").read_bytes() == content


@pytest.mark.parametrize("output", ["-", "", "safe/"])
def test_a_recovery_identity_needs_a_file(shell: Shell, output: str) -> None:
    """It is never printed, where a pipe or a log might keep it."""
    done = shell.run("keys", "recovery-init", "--output", output)
    assert done.code == ExitCode.USAGE
    assert "not printed" in done.messages


def test_a_recovery_identity_is_not_written_to_a_device(shell: Shell) -> None:
    """Standard output has a name, too; what has a name already is left alone."""
    done = shell.run("keys", "recovery-init", "--output", "/dev/stdout")
    assert (done.code, done.out) == (ExitCode.KEY, b"")


def test_a_directory_that_is_not_there_is_not_made_for_recovery(shell: Shell) -> None:
    """A mistyped name of a medium must not become a directory of this computer."""
    done = shell.run("keys", "recovery-init", "--output", "nowhere/key")
    assert done.code == ExitCode.TARGET
    assert "nowhere" in done.messages


def test_a_filesystem_without_links_is_explained(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """As FAT on a stick: the person is told to copy it there."""

    def refuse(*_args: object, **_options: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr("sys.argv", ["cscd", "keys", "recovery-init", "--output", str(shell.home / "key")])
    assert entry() == ExitCode.KEY
    assert "copy it from there" in capfd.readouterr().err
    assert not list(shell.home.iterdir())


def test_the_secret_of_recovery_is_never_printed(shell: Shell) -> None:
    """Neither with nor without --json."""
    for done in (
        shell.run("keys", "recovery-init"),
        shell.run("keys", "recovery-init", "--json", "--output", "other"),
    ):
        assert done.code == ExitCode.OK
        assert b"SECRET" not in done.out + done.err


def test_the_advice_is_a_configuration(shell: Shell) -> None:
    """What it says to write is what the service takes."""
    done = shell.run("keys", "recovery-init")
    lines = [line.removeprefix("cscd: ") for line in done.messages.splitlines()]
    begin = next(number for number, line in enumerate(lines) if line.strip() == "encryption:")
    file = shell.home / "cscd.yaml"
    file.write_text("\n".join(lines[begin : begin + 3]) + "\n")
    report = shell.run("config", "show", "--json", file).json
    assert report["settings"]["encryption"]["recovery_recipients"] == [done.text.strip()]


def test_the_advice_on_testing_works(shell: Shell, cache: Path) -> None:
    """With nothing but age, on an item that somebody else's key and this one's recipient were given."""
    requires.command("age")
    done = shell.run("keys", "recovery-init")
    content = (cache / "one").read_bytes()
    kept = shell.home / "own"
    shell.run("keys", "recovery-init", "--output", kept)
    shell.run("recheck", "--identity", kept, "--recipient", done.text.strip(), cache)
    (command,) = re.findall(r"^cscd: +(age .*)$", done.messages, re.MULTILINE)
    arguments = [str(cache / "one") if word == "item" else word for word in command.split()]
    subprocess.run(arguments, cwd=shell.home, check=True)
    assert (shell.home / "copy-of-item").read_bytes() == content
    assert (cache / "one").read_bytes() != content


def test_the_advice_names_the_file_that_was_made(shell: Shell) -> None:
    """So that the command can be copied, whatever the name."""
    done = shell.run("keys", "recovery-init", "--output", "our key")
    assert "--identity 'our key'" in done.messages
