"""``cscd cat``: plaintext on standard output, and nothing that is not genuine."""

import io
import os
import random
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from cscd.age import CHUNK, ScryptRecipient, X25519Identity, encrypt_stream
from cscd.cli.exitcodes import ExitCode
from tests.cli.shell import Shell
from tests.support import requires

PLAIN = random.Random(5).randbytes(3 * CHUNK + 1000)


@pytest.fixture
def encrypted(shell: Shell) -> Path:
    """Give a file of several chunks that the kept identity opens."""
    (shell.home / "cache").mkdir()
    path = shell.home / "cache" / "file"
    path.write_bytes(PLAIN)
    assert shell.run("recheck", "cache").code == ExitCode.OK
    return path


def damaged(path: Path, change: Callable[[bytearray], object]) -> Path:
    """Change a file."""
    content = bytearray(path.read_bytes())
    change(content)
    path.write_bytes(content)
    return path


def to_passphrase(path: Path, passphrase: bytes) -> None:
    """Write a file that is encrypted to a passphrase, cheaply."""
    with path.open("wb") as file:
        recipient = ScryptRecipient(passphrase, work_factor=4)
        encrypt_stream(io.BytesIO(b"secret\n"), file, [recipient], keep_going=lambda: True)


def test_the_kept_identity_opens_files(shell: Shell, encrypted: Path) -> None:
    """One after the other."""
    done = shell.run("cat", encrypted, encrypted)
    assert (done.code, done.out, done.err) == (ExitCode.OK, PLAIN * 2, b"")


def test_a_link_is_followed(shell: Shell, encrypted: Path) -> None:
    """As cat(1) does."""
    (shell.home / "link").symlink_to(encrypted)
    assert shell.run("cat", "link").out == PLAIN


def test_standard_input_is_streamed(shell: Shell, encrypted: Path) -> None:
    """It needs no end to begin with."""
    with shell.started("cat", "-", stdin=subprocess.PIPE) as running:
        process = running.process
        assert process.stdin
        assert process.stdout
        sealed = encrypted.read_bytes()
        process.stdin.write(sealed[: 2 * CHUNK])
        process.stdin.flush()
        assert process.stdout.read(CHUNK) == PLAIN[:CHUNK]
        process.stdin.write(sealed[2 * CHUNK :])
        process.stdin.close()
        assert process.stdout.read() == PLAIN[CHUNK:]
        assert process.wait() == ExitCode.OK


def test_files_of_other_programs_are_opened(shell: Shell) -> None:
    """Binary or in armor."""
    requires.command("age")
    identity = X25519Identity.generate()
    (shell.home / "key").touch(0o600)
    (shell.home / "key").write_text(identity.encode(), encoding="ascii")
    for option in ((), ("-a",)):
        subprocess.run(
            ["age", *option, "-r", str(identity.recipient), "-o", shell.home / "file"],
            input=PLAIN,
            check=True,
        )
        done = shell.run("cat", "-i", "key", "file", "-", stdin=(shell.home / "file").read_bytes())
        assert (done.code, done.out) == (ExitCode.OK, PLAIN * 2)


@pytest.mark.parametrize(
    "text, start, stop",
    [
        ("0-0", 0, 1),
        (f"{CHUNK - 1}+2", CHUNK - 1, CHUNK + 1),
        (f"{3 * CHUNK}-", 3 * CHUNK, None),
        (f"{len(PLAIN)}-", 0, 0),
        ("999999999999-", 0, 0),
        ("5+0", 0, 0),
    ],
)
def test_a_range_is_printed(shell: Shell, encrypted: Path, text: str, start: int, stop: int | None) -> None:
    """The same from a file and from a pipe."""
    for done in (
        shell.run("cat", "--range", text, encrypted),
        shell.run("cat", "--range", text, "-", stdin=encrypted.read_bytes()),
    ):
        assert (done.code, done.out) == (ExitCode.OK, PLAIN[start:stop])


def test_a_range_does_not_read_what_comes_before(shell: Shell, encrypted: Path) -> None:
    """A chunk that is damaged there does not matter."""
    damaged(encrypted, lambda content: content.__setitem__(CHUNK, content[CHUNK] ^ 1))
    done = shell.run("cat", "--range", f"{3 * CHUNK}-", encrypted)
    assert (done.code, done.out) == (ExitCode.OK, PLAIN[3 * CHUNK :])


def test_a_damaged_chunk_ends_the_output_before_it(shell: Shell, encrypted: Path) -> None:
    """What was printed is genuine; the exit code says that it is not all."""
    damaged(encrypted, lambda content: content.__setitem__(2 * CHUNK, content[2 * CHUNK] ^ 1))
    done = shell.run("cat", encrypted)
    assert done.code == ExitCode.DAMAGED
    assert done.out == PLAIN[:CHUNK]
    assert done.messages.startswith(f"cscd: {encrypted}: ")


@pytest.mark.parametrize("lost", [1, 1000, CHUNK])
def test_a_truncated_file_prints_nothing(shell: Shell, encrypted: Path, lost: int) -> None:
    """Its end is checked first."""
    os.truncate(encrypted, encrypted.stat().st_size - lost)
    done = shell.run("cat", encrypted)
    assert (done.code, done.out) == (ExitCode.DAMAGED, b"")


def test_an_altered_header_prints_nothing(shell: Shell, encrypted: Path) -> None:
    """Its MAC does not fit."""
    damaged(encrypted, lambda content: content.__setitem__(slice(30, 34), b"0000"))
    done = shell.run("cat", encrypted)
    assert (done.code, done.out) == (ExitCode.DAMAGED, b"")


def test_a_file_that_is_not_encrypted_is_an_error_with_a_hint(shell: Shell) -> None:
    """Printing it would look as if it had been."""
    (shell.home / "plain").write_bytes(b"plain text\n")
    done = shell.run("cat", "plain")
    assert (done.code, done.out) == (ExitCode.NOT_ENCRYPTED, b"")
    assert "not an age file" in done.messages
    assert "cat(1) prints it" in done.messages


def test_an_empty_file_prints_nothing(shell: Shell, encrypted: Path) -> None:
    """A cache that is encrypted has empty files as they are."""
    (shell.home / "empty").touch()
    done = shell.run("cat", "empty", encrypted, "-")
    assert (done.code, done.out, done.err) == (ExitCode.OK, PLAIN, b"")


def test_one_bad_file_does_not_stop_the_next(shell: Shell, encrypted: Path) -> None:
    """The exit code is that of the gravest."""
    (shell.home / "plain").write_bytes(b"plain text\n")
    done = shell.run("cat", "nowhere", "plain", encrypted, shell.home)
    assert done.out == PLAIN
    assert done.code == ExitCode.TARGET
    assert len(done.messages.splitlines()) == 3


def test_without_an_identity_the_user_is_told_what_to_give(shell: Shell, encrypted: Path) -> None:
    """No identity is made for it."""
    shell.identity.unlink()
    done = shell.run("cat", encrypted)
    assert done.code == ExitCode.KEY
    assert "--identity FILE" in done.messages
    assert not shell.identity.exists()


def test_nothing_is_ever_created(shell: Shell, tmp_path: Path) -> None:
    """Not even a state directory."""
    (tmp_path / "plain").write_bytes(b"plain text\n")
    shell.run("cat", "plain")
    assert [path.name for path in tmp_path.iterdir()] == ["plain"]


def test_a_closed_pipe_is_quiet(shell: Shell, encrypted: Path) -> None:
    """As with `cscd cat … | head`."""
    reader, writer = os.pipe()
    os.close(reader)
    done = shell.run("cat", encrypted, stdout=writer)
    os.close(writer)
    assert (done.code, done.err) == (ExitCode.OUTPUT, b"")


def test_a_full_disk_is_an_error(shell: Shell, encrypted: Path) -> None:
    """Not a traceback."""
    with open("/dev/full", "wb") as full:
        done = shell.run("cat", encrypted, stdout=full)
    assert done.code == ExitCode.OUTPUT
    assert done.messages == "cscd: the output cannot be written: No space left on device\n"


def test_a_passphrase_is_asked_for_at_the_terminal(shell: Shell) -> None:
    """It is not echoed."""
    to_passphrase(shell.home / "file", b"open sesame")
    with shell.on_terminal("cat", "file") as running:
        running.until("Passphrase for file: ")
        running.type(b"open sesame\n")
        done = running.end()
    assert done.code == ExitCode.OK
    assert b"secret" in done.out
    assert b"sesame" not in done.out


def test_a_wrong_passphrase_is_an_error_of_the_key(shell: Shell) -> None:
    """It says so."""
    to_passphrase(shell.home / "file", b"open sesame")
    with shell.on_terminal("cat", "file") as running:
        running.until("Passphrase for file: ")
        running.type(b"wrong\n")
        done = running.end()
    assert done.code == ExitCode.KEY
    assert "the passphrase is wrong" in done.text
    assert "--identity" not in done.text


def test_ctrl_c_at_the_prompt_ends_its_line(shell: Shell) -> None:
    """The message is on the next one."""
    to_passphrase(shell.home / "file", b"open sesame")
    with shell.on_terminal("cat", "file") as running:
        running.until("Passphrase for file: ")
        running.type(b"\x03")
        done = running.end()
    assert done.code == ExitCode.CANCELLED
    assert done.text == "Passphrase for file: \r\ncscd: interrupted\r\n"


def test_without_a_terminal_nobody_is_asked(shell: Shell) -> None:
    """Standard input is not taken for a passphrase."""
    to_passphrase(shell.home / "file", b"open sesame")
    done = shell.run("cat", "file", stdin=b"open sesame\n", start_new_session=True)
    assert done.code == ExitCode.KEY
    assert "no terminal" in done.messages
    assert "--identity" not in done.messages
