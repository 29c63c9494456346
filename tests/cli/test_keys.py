"""``cscd keys``: the recipient of the kept identity."""

import subprocess
from pathlib import Path

from cscd.cli.exitcodes import ExitCode
from tests.cli.shell import Shell
from tests.support import requires


def test_the_recipient_is_printed_alone(shell: Shell, cache: Path) -> None:
    """So that a script can use it; where the identity is goes to standard error."""
    shell.run("recheck", cache)
    done = shell.run("keys", "show")
    assert done.code == ExitCode.OK
    assert done.text.startswith("age1")
    assert len(done.text.splitlines()) == 1
    assert str(shell.identity) in done.messages


def test_it_is_the_one_that_age_knows(shell: Shell, cache: Path) -> None:
    """age-keygen reads the kept file."""
    requires.command("age-keygen")
    shell.run("recheck", cache)
    done = subprocess.run(["age-keygen", "-y", shell.identity], capture_output=True, text=True, check=True)
    assert shell.run("keys", "show").text == done.stdout


def test_there_is_a_report(shell: Shell, cache: Path) -> None:
    """With the key id that files are marked with."""
    shell.run("recheck", cache)
    report = shell.run("keys", "show", "--json").json
    assert report["identity_file"]["text"] == str(shell.identity)
    marked = shell.run("inspect", "--json", cache / "one").json["files"][0]["key_id"]
    assert [key["key_id"] for key in report["keys"]] == [marked]


def test_none_is_made_by_looking(shell: Shell) -> None:
    """The user is told what makes one."""
    done = shell.run("keys", "show")
    assert done.code == ExitCode.KEY
    assert "cscd recheck" in done.messages
    assert not shell.state.exists()


def test_the_secret_is_never_printed(shell: Shell, cache: Path) -> None:
    """Neither with nor without --json."""
    shell.run("recheck", cache)
    for done in (shell.run("keys", "show"), shell.run("keys", "show", "--json")):
        assert b"SECRET" not in done.out + done.err
