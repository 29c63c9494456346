"""``cscd keys import``."""

from pathlib import Path

import pytest

from cscd.age import HybridIdentity, X25519Identity, key_id
from cscd.cli.exitcodes import ExitCode
from tests.cli.keys.test_unlocking import given
from tests.cli.keyserver import Keys
from tests.cli.shell import Shell


def written(shell: Shell, *identities: X25519Identity) -> Path:
    """Write an identity file."""
    file = shell.home / "identity.key"
    file.write_text("".join(f"# a comment\n{each.encode()}\n" for each in identities))
    file.chmod(0o600)
    return file


def test_it_becomes_the_one_that_is_encrypted_to(shell: Shell, keys: Keys) -> None:
    """The person is told that older files stay with the older key."""
    identity = X25519Identity.generate()
    done = shell.run("keys", "import", written(shell, identity))
    assert done.code == ExitCode.OK
    assert keys.key_id == key_id(identity.recipient)
    assert keys.key_id in done.text
    assert "cscd unencrypt" in done.text


def test_the_passphrase_wraps_it_too(shell: Shell, keys: Keys) -> None:
    """So it is asked for."""
    keys.passphrase = b"x"
    file = written(shell, X25519Identity.generate())
    assert given(shell, "keys", "import", str(file), lines=b"y\n").code == ExitCode.KEY
    report = given(shell, "keys", "import", str(file), "--json", lines=b"x\n").json
    assert report == {"format": 1, "command": "keys import", "key_id": keys.key_id}


def test_what_export_wrote_can_be_imported(shell: Shell, keys: Keys) -> None:
    """As on another computer."""
    shell.run("keys", "export", "--yes")
    exported = keys.key_id
    keys.identities[0] = X25519Identity.generate()
    assert shell.run("keys", "import", "cscd-identity.key").code == ExitCode.OK
    assert keys.key_id == exported


def test_a_file_of_several_is_refused(shell: Shell, keys: Keys) -> None:
    """Which one is meant is not ours to guess."""
    done = shell.run("keys", "import", written(shell, *(X25519Identity.generate() for _ in range(2))))
    assert done.code == ExitCode.KEY
    assert "2 identities" in done.messages
    assert not keys.asked


@pytest.mark.parametrize(
    "content",
    [
        "",
        "age1abc\n",
        "AGE-SECRET-KEY-PQ-1AAA\n",
        f"{HybridIdentity.generate().encode()}\n",
        "AGE-SECRET-KEY-1XYZ\n",
    ],
    ids=["empty", "recipient", "malformed", "post-quantum", "short"],
)
def test_what_does_not_fit_is_refused(shell: Shell, keys: Keys, content: str) -> None:
    """With the file's name and without what it holds."""
    file = shell.home / "file"
    file.write_text(content)
    file.chmod(0o600)
    done = shell.run("keys", "import", file)
    assert done.code == ExitCode.KEY
    assert str(file) in done.messages
    assert "XYZ" not in done.messages
    assert not keys.asked


def test_a_file_that_others_can_read_is_refused(shell: Shell, keys: Keys) -> None:
    """What is in it may be known already."""
    file = written(shell, X25519Identity.generate())
    file.chmod(0o644)
    assert shell.run("keys", "import", file).code == ExitCode.KEY
    assert not keys.asked
