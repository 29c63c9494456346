"""``cscd keys rotate``."""

from cscd.cli.exitcodes import ExitCode
from tests.cli.keys.test_unlocking import given
from tests.cli.keyserver import Keys
from tests.cli.shell import Shell


def test_a_new_key_is_told_with_what_brings_files_to_it(shell: Shell, keys: Keys) -> None:
    """And that the old one is kept until then."""
    before = keys.key_id
    done = shell.run("keys", "rotate")
    assert done.code == ExitCode.OK
    assert keys.key_id in done.text
    assert "cscd unencrypt" in done.text
    assert before != keys.key_id
    assert len(keys.identities) == 2


def test_the_passphrase_wraps_the_new_one_too(shell: Shell, keys: Keys) -> None:
    """So it is asked for."""
    keys.passphrase = b"x"
    report = given(shell, "keys", "rotate", "--json", lines=b"x\n").json
    assert report == {"format": 1, "command": "keys rotate", "key_id": keys.key_id}


def test_root_rotates_for_another_user(shell: Shell, keys: Keys) -> None:
    """Without the user's passphrase."""
    keys.passphrase = b"x"
    assert shell.run("keys", "rotate", "--user", "root", start_new_session=True).code == ExitCode.OK
    assert keys.questions == [{"ask": "rotate", "user": 0}]
