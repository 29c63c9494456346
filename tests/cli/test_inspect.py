"""``cscd inspect``: what a file is, without changing it."""

import os
import subprocess
from pathlib import Path

import pytest

from cscd.age import CHUNK, X25519Identity
from cscd.cli.exitcodes import ExitCode
from tests.cli.shell import Shell
from tests.cli.test_cat import to_passphrase
from tests.support import requires


@pytest.fixture
def encrypted(shell: Shell) -> Path:
    """Give a file that the kept identity opens."""
    (shell.home / "cache").mkdir()
    path = shell.home / "cache" / "file"
    path.write_bytes(b"x" * (CHUNK + 5))
    assert shell.run("recheck", "cache").code == ExitCode.OK
    return path


def test_an_encrypted_file_is_described(shell: Shell, encrypted: Path) -> None:
    """State, recipients, key, sizes."""
    done = shell.run("inspect", "cache/file")
    key_id = shell.run("keys", "show", "--json").json["keys"][0]["key_id"]
    size = encrypted.stat().st_size
    assert done.code == ExitCode.OK
    assert done.text == (
        "cache/file\n"
        "  encrypted by cscd\n"
        "  for X25519\n"
        f"  key {key_id}, which is yours\n"
        "  your identity opens it\n"
        f"  {size:,} bytes: 65,541 of content, {size - 65_541} of overhead\n"
    )


def test_holes_are_told(shell: Shell) -> None:
    """They come back when it is unencrypted."""
    (shell.home / "cache").mkdir()
    with (shell.home / "cache" / "file").open("wb") as file:
        file.truncate(1 << 20)
    shell.run("recheck", "cache")
    assert "  its content had holes, which unencrypting restores\n" in shell.run("inspect", "cache/file").text


def test_without_an_identity_that_is_said(shell: Shell, encrypted: Path) -> None:
    """It is not that yours does not open it."""
    shell.identity.unlink()
    for option, code in (((), ExitCode.OK), (("--verify",), ExitCode.KEY)):
        done = shell.run("inspect", *option, encrypted)
        assert done.code == code
        assert done.text.count("no identity is kept or given that could open it") == 1
        assert "your identity" not in done.text
        (file,) = shell.run("inspect", "--json", *option, encrypted).json["files"]
        assert (file["state"], file["opens"], file["verified"]) == ("encrypted", None, None)


@pytest.mark.parametrize("option", [(), ("--verify",)])
def test_an_altered_stanza_of_ours_is_damage(shell: Shell, encrypted: Path, option: tuple[str, ...]) -> None:
    """The file names our key, so that it has to fit."""
    content = encrypted.read_bytes()
    at = content.index(b"-> X25519 ") + 60  # in the wrapped file key
    other = b"B" if content[at : at + 1] == b"A" else b"A"
    encrypted.write_bytes(content[:at] + other + content[at + 1 :])
    done = shell.run("inspect", *option, encrypted)
    assert done.code == ExitCode.DAMAGED
    assert "its header has been altered" in done.text


def test_verifying_opens_every_chunk(shell: Shell, encrypted: Path) -> None:
    """And finds the one that was altered, which looks whole without."""
    assert "verified: every chunk is genuine" in shell.run("inspect", "--verify", encrypted).text
    content = bytearray(encrypted.read_bytes())
    content[CHUNK // 2] ^= 1
    encrypted.write_bytes(content)
    assert shell.run("inspect", encrypted).code == ExitCode.OK
    done = shell.run("inspect", "--verify", "--json", encrypted)
    assert done.code == ExitCode.DAMAGED
    (file,) = done.json["files"]
    assert (file["state"], file["verified"], file["opens"]) == ("damaged", False, True)


def test_plain_and_empty_files_are_told_apart(shell: Shell) -> None:
    """Both are fine."""
    (shell.home / "plain").write_bytes(b"text")
    (shell.home / "empty").touch()
    done = shell.run("inspect", "--json", "plain", "empty")
    assert done.code == ExitCode.OK
    assert [(file["state"], file["size"], file["overhead"]) for file in done.json["files"]] == [
        ("plain", 4, 0),
        ("empty", 0, 0),
    ]


@pytest.mark.parametrize("option", [(), ("-a",)])
def test_an_age_file_of_another_program_is_content(shell: Shell, option: tuple[str, ...]) -> None:
    """Its sizes are known, in armor too."""
    requires.command("age")
    recipient = str(X25519Identity.generate().recipient)
    subprocess.run(["age", *option, "-r", recipient, "-o", shell.home / "file"], input=b"12345", check=True)
    (file,) = shell.run("inspect", "--json", "file").json["files"]
    assert (file["state"], file["content"], file["armored"]) == ("age", 5, bool(option))
    assert file["recipients"] == ["X25519"]
    assert file["key_id"] is None


def test_the_key_of_somebody_else_is_not_yours(shell: Shell, encrypted: Path) -> None:
    """To verify, an identity must fit."""
    shell.identity.unlink()
    done = shell.run("inspect", "--json", encrypted)
    assert (done.json["files"][0]["own_key"], done.json["files"][0]["opens"]) == (None, None)
    (shell.home / "other").touch(0o600)
    (shell.home / "other").write_text(X25519Identity.generate().encode(), encoding="ascii")
    done = shell.run("inspect", "-i", "other", "--json", "--verify", encrypted)
    assert done.code == ExitCode.KEY
    assert (done.json["files"][0]["own_key"], done.json["files"][0]["opens"]) == (False, False)


@pytest.mark.parametrize("keep", [22, 100, 200])
def test_a_file_cut_off_in_its_header_is_damaged(shell: Shell, encrypted: Path, keep: int) -> None:
    """It begins like an age file and is none."""
    os.truncate(encrypted, keep)
    done = shell.run("inspect", encrypted)
    assert done.code == ExitCode.DAMAGED
    assert "damaged" in done.text


def test_a_passphrase_is_only_asked_for_to_verify(shell: Shell) -> None:
    """The type of the recipient is known without."""
    to_passphrase(shell.home / "file", b"open sesame")
    (file,) = shell.run("inspect", "--json", "file").json["files"]
    assert (file["state"], file["recipients"]) == ("age", ["scrypt"])
    with shell.on_terminal("inspect", "--verify", "file") as running:
        running.until("Passphrase for file: ")
        running.type(b"open sesame\n")
        done = running.end()
    assert done.code == ExitCode.OK
    assert "every chunk is genuine" in done.text


def test_what_cannot_be_read_does_not_stop_the_next(shell: Shell, encrypted: Path) -> None:
    """A pipe is not waited for."""
    os.mkfifo(shell.home / "pipe")
    done = shell.run("inspect", "nowhere", "pipe", shell.home, encrypted)
    assert done.code == ExitCode.TARGET
    assert done.text.count("cannot be read") == 3
    assert "encrypted by cscd" in done.text


def test_looking_leaves_no_trace(shell: Shell, encrypted: Path) -> None:
    """The access time stays, even where reading would move it."""
    os.utime(encrypted, ns=(1, 2))
    shell.run("inspect", "--verify", encrypted)
    assert encrypted.stat().st_atime_ns == 1
