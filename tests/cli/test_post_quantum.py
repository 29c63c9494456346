"""A post-quantum recovery key, from its making to the day that it is needed."""

from pathlib import Path

import pytest

from cscd.age import X25519Identity, key_id, parse_recipient
from cscd.cli.exitcodes import ExitCode
from tests.cli.shell import Shell
from tests.cli.test_recheck import content, key

FILE = "cscd-recovery.key"


@pytest.fixture
def recipient(shell: Shell) -> str:
    """Make a recovery key; gives its recipient."""
    done = shell.run("keys", "recovery-init", "--post-quantum")
    assert done.code == ExitCode.OK
    assert "age 1.3 or later" in done.messages
    return done.text.strip()


@pytest.fixture
def lost(shell: Shell, cache: Path, recipient: str) -> dict[str, bytes]:
    """Encrypt the cache to a user whose key is lost and to the recovery key; gives what was in it."""
    before = content(cache)
    user = X25519Identity.generate().recipient
    assert shell.run("recheck", "-r", str(user), "-r", recipient, cache).code == ExitCode.OK
    return before


def test_it_is_a_file_as_age_keygen_writes_it(shell: Shell, recipient: str) -> None:
    """With the types that age-keygen -pq makes; the secret half is printed nowhere."""
    lines = (shell.home / FILE).read_text().splitlines()
    assert lines[1] == f"# public key: {recipient}"
    assert lines[2].startswith("AGE-SECRET-KEY-PQ-1")
    assert recipient.startswith("age1pq1")
    report = shell.run("keys", "recovery-init", "--post-quantum", "--output", "other", "--json")
    assert report.json["key_id"] == key_id(parse_recipient(report.json["recipient"]))
    assert b"AGE-SECRET" not in report.out + report.err


def test_inspect_says_what_it_is(shell: Shell, cache: Path, lost: dict[str, bytes]) -> None:
    """In the words of the format for programs, and in plain ones for people."""
    assert lost
    (file,) = shell.run("inspect", "--json", cache / "one").json["files"]
    assert file["recipients"] == ["X25519", "mlkem768x25519"]
    done = shell.run("inspect", "--verify", "--identity", FILE, cache / "one")
    assert done.code == ExitCode.OK
    assert "for X25519, mlkem768x25519 (post-quantum)" in done.text
    assert "your identity opens it" in done.text


def test_it_passes_the_drill(shell: Shell, cache: Path, lost: dict[str, bytes]) -> None:
    """Every item opens; with another key of the type none does."""
    assert "The key opens every one" in shell.run("keys", "recovery-drill", "-i", FILE, cache).text
    shell.run("keys", "recovery-init", "--post-quantum", "--output", "other")
    failed = shell.run("keys", "recovery-drill", "-i", "other", "--json", cache).json
    assert (failed["items"], failed["failed"]) == (len(lost), len(lost))


def test_it_restores_the_files(shell: Shell, cache: Path, lost: dict[str, bytes]) -> None:
    """As plain copies, in place, and one at a time to standard output."""
    assert shell.run("cat", "-i", FILE, cache / "one").out == lost["one"]
    assert shell.run("recover", "-i", FILE, "--into", "safe", cache).code == ExitCode.OK
    assert content(shell.home / "safe" / "cache") == lost
    assert shell.run("recover", "-i", FILE, cache).code == ExitCode.OK
    assert content(cache) == lost


def test_recipients_of_both_types_stand_in_one_file(shell: Shell, cache: Path, recipient: str) -> None:
    """As where an organisation goes from one recovery key to the next; either restores."""
    before = content(cache)
    classic = key(shell.home / "classic.key")
    (shell.home / "recipients").write_text(f"# new\n{recipient}\n# old\n{classic.recipient}\n")
    shell.run("recheck", "--recipients-file", "recipients", cache)
    for number, file in enumerate((FILE, "classic.key")):
        shell.run("recover", "-i", file, "--into", f"safe{number}", cache)
        assert content(shell.home / f"safe{number}" / "cache") == before


def test_a_user_without_the_service_may_have_such_a_key(shell: Shell, cache: Path, recipient: str) -> None:
    """Alone: then no stanza of a file falls to a quantum computer."""
    before = content(cache)
    assert shell.run("recheck", "--identity", FILE, cache).code == ExitCode.OK
    (file,) = shell.run("inspect", "--json", "--identity", FILE, cache / "one").json["files"]
    assert (file["recipients"], file["own_key"]) == (["mlkem768x25519"], True)
    assert file["key_id"] == key_id(parse_recipient(recipient))
    shell.run("recheck", "--to", "unencrypted", "--identity", FILE, cache)
    assert content(cache) == before
