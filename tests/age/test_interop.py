"""Files go both ways between us and other implementations: `age` (Go) and `pyrage` (rage, Rust)."""

import io
import os
import pty
import shutil
import subprocess
from pathlib import Path

import pytest

from cscd.age import (
    CHUNK,
    Identity,
    Marker,
    Recipient,
    ScryptIdentity,
    ScryptRecipient,
    X25519Identity,
    decrypt_stream,
    encrypt_stream,
    key_id,
    parse_identities,
)
from tests.support import requires

ALICE, BOB, RECOVERY = (X25519Identity.generate() for _ in range(3))
CONTENT = os.urandom(2 * CHUNK + 5)
SIZES = pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, len(CONTENT)])
PASSPHRASE = "correct horse"  # noqa: S105 - protects nothing


def encrypt(plain: bytes, *recipients: Recipient, marker: Marker | None = None) -> bytes:
    """Return `plain` as an age file of ours."""
    sink = io.BytesIO()
    encrypt_stream(io.BytesIO(plain), sink, recipients, keep_going=lambda: True, marker=marker)
    return sink.getvalue()


def encrypt_marked(plain: bytes) -> bytes:
    """Return `plain` as the cache writes it: for the user and for recovery, with a marker."""
    marker = Marker(key_id(ALICE.recipient), sparse=True)
    return encrypt(plain, ALICE.recipient, RECOVERY.recipient, marker=marker)


def decrypt(sealed: bytes, identity: Identity) -> bytes:
    """Return the plaintext of an age file."""
    sink = io.BytesIO()
    decrypt_stream(io.BytesIO(sealed), sink, [identity], keep_going=lambda: True)
    return sink.getvalue()


@pytest.fixture
def age() -> str:
    """Give the path of Debian's age; `rage` may not stand in for it."""
    requires.command("age")
    return shutil.which("age") or "age"


def run_on_terminal(*command: str, answer: str) -> None:
    """Run a command on a terminal of its own, and answer every prompt for a passphrase."""
    child, terminal = pty.fork()
    if child == 0:
        os.execvp(command[0], command)  # noqa: S606 - nothing for a shell here
    screen = b""
    try:
        while piece := os.read(terminal, 1024):
            screen += piece
            if b"passphrase" in screen and screen.rstrip(b" ").endswith(b":"):
                os.write(terminal, answer.encode() + b"\n")
                screen = b""
    except OSError:
        pass  # EIO: the child is gone, and its side of the terminal with it (ptmx(4))
    finally:
        os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, screen


@SIZES
def test_age_reads_ours(age: str, tmp_path: Path, size: int) -> None:
    """Age opens a file of the cache for each of its recipients, and skips the marker."""
    for identity in (ALICE, RECOVERY):
        (tmp_path / "key").write_text(identity.encode())
        command = [age, "--decrypt", "--identity", str(tmp_path / "key")]
        result = subprocess.run(
            command, input=encrypt_marked(CONTENT[:size]), stdout=subprocess.PIPE, check=True
        )
        assert result.stdout == CONTENT[:size]


@SIZES
@pytest.mark.parametrize("armor", [False, True])
def test_we_read_ages(age: str, size: int, armor: bool) -> None:
    """We open what age encrypts for several recipients, armored or not, with each of their identities."""
    command = [age, "-r", str(ALICE.recipient), "-r", str(BOB.recipient), *(["--armor"] if armor else [])]
    result = subprocess.run(command, input=CONTENT[:size], stdout=subprocess.PIPE, check=True)
    for identity in (ALICE, BOB):
        assert decrypt(result.stdout, identity) == CONTENT[:size]


def test_age_reads_our_passphrase(age: str, tmp_path: Path) -> None:
    """Age opens what we encrypt under a passphrase."""
    sealed, plain = tmp_path / "sealed", tmp_path / "plain"
    sealed.write_bytes(encrypt(CONTENT, ScryptRecipient(PASSPHRASE.encode(), 10)))
    run_on_terminal(age, "--decrypt", "--output", str(plain), str(sealed), answer=PASSPHRASE)
    assert plain.read_bytes() == CONTENT


def test_we_read_ages_passphrase(age: str, tmp_path: Path) -> None:
    """We open what age encrypts under a passphrase, with its own work factor."""
    plain, sealed = tmp_path / "plain", tmp_path / "sealed"
    plain.write_bytes(CONTENT)
    run_on_terminal(age, "--passphrase", "--output", str(sealed), str(plain), answer=PASSPHRASE)
    assert decrypt(sealed.read_bytes(), ScryptIdentity(PASSPHRASE.encode())) == CONTENT


def test_age_keygen_keys(tmp_path: Path) -> None:
    """A key file of age-keygen is read, and the recipient in its comment is the one we derive."""
    requires.command("age-keygen")
    subprocess.run(["age-keygen", "-o", tmp_path / "key"], stderr=subprocess.DEVNULL, check=True)
    text = (tmp_path / "key").read_bytes()
    (identity,) = parse_identities(text)
    assert f"# public key: {identity.recipient}\n".encode() in text


@SIZES
def test_pyrage_reads_ours(size: int) -> None:
    """Rage opens a file of the cache for each of its recipients, and skips the marker."""
    pyrage = pytest.importorskip("pyrage", reason="needs the Python package pyrage")
    for identity in (ALICE, RECOVERY):
        theirs = pyrage.x25519.Identity.from_str(identity.encode())
        assert str(theirs.to_public()) == str(identity.recipient)
        assert pyrage.decrypt(encrypt_marked(CONTENT[:size]), [theirs]) == CONTENT[:size]


@SIZES
def test_we_read_pyrages(size: int) -> None:
    """We open what rage encrypts for several recipients, with each of their identities."""
    pyrage = pytest.importorskip("pyrage", reason="needs the Python package pyrage")
    recipients = [pyrage.x25519.Recipient.from_str(str(each.recipient)) for each in (ALICE, BOB)]
    for armored in (False, True):
        sealed = pyrage.encrypt(CONTENT[:size], recipients, armored=armored)
        for identity in (ALICE, BOB):
            assert decrypt(sealed, identity) == CONTENT[:size]


def test_pyrage_passphrases() -> None:
    """Passphrases work in both directions with rage."""
    pyrage = pytest.importorskip("pyrage", reason="needs the Python package pyrage")
    ours = encrypt(CONTENT, ScryptRecipient(PASSPHRASE.encode(), 10))
    assert pyrage.passphrase.decrypt(ours, PASSPHRASE) == CONTENT
    theirs = pyrage.passphrase.encrypt(CONTENT, PASSPHRASE)
    assert decrypt(theirs, ScryptIdentity(PASSPHRASE.encode())) == CONTENT
