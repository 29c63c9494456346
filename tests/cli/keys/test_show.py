"""``cscd keys show``: the keys that the service keeps, and the identity that the user keeps."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from cscd.age import X25519Identity, key_id
from cscd.cli.exitcodes import ExitCode
from tests.cli.keyserver import Keys
from tests.cli.shell import Shell
from tests.support import requires


def test_the_recipient_is_printed_alone(shell: Shell, cache: Path) -> None:
    """So that a script can use it."""
    shell.run("recheck", cache)
    done = shell.run("keys", "show", "--recipient")
    assert done.code == ExitCode.OK
    assert done.text.startswith("age1")
    assert len(done.text.splitlines()) == 1


def test_it_is_the_one_that_age_knows(shell: Shell, cache: Path) -> None:
    """age-keygen reads the kept file."""
    requires.command("age-keygen")
    shell.run("recheck", cache)
    done = subprocess.run(["age-keygen", "-y", shell.identity], capture_output=True, text=True, check=True)
    assert shell.run("keys", "show", "--recipient").text == done.stdout


def test_a_kept_identity_is_shown_without_a_service(shell: Shell, cache: Path) -> None:
    """With where it is, so that a copy of it can be made."""
    shell.run("recheck", cache)
    done = shell.run("keys", "show")
    assert done.code == ExitCode.OK
    assert str(shell.identity) in done.text
    assert "copy" in done.text


def test_there_is_a_report(shell: Shell, cache: Path) -> None:
    """With the key id that files are marked with."""
    shell.run("recheck", cache)
    report = shell.run("keys", "show", "--json").json
    assert report["identity_file"]["text"] == str(shell.identity)
    assert report["state"] is None
    marked = shell.run("inspect", "--json", cache / "one").json["files"][0]["key_id"]
    assert [(key["key_id"], key["kept_by"]) for key in report["keys"]] == [(marked, "file")]


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


def test_the_keys_of_the_service_are_a_table(shell: Shell, keys: Keys) -> None:
    """On 80 columns: what each is for, what opens it, what it is needed for; then the recipient, whole."""
    keys.passphrase = b"sesame"
    keys.identities += [X25519Identity.generate(), X25519Identity.generate()]
    with shell.on_terminal("keys", "show") as running:
        done = running.end()
    assert done.code == ExitCode.OK
    lines = [line.rstrip() for line in done.text.splitlines()]
    assert max(map(len, lines)) <= 80
    current, older, retired = (
        next(line.split() for line in lines if key_id(each.recipient) in line) for each in keys.identities
    )
    assert current[1:] == ["current", "machine,", "passphrase", "(work", "factor", "18)", "1,204"]
    assert (older[1], older[-1]) == ("older", "1,203")
    assert (retired[1], retired[-1]) == ("retired", "18)")
    assert any(line.endswith(f" {keys.identities[0].recipient}") for line in lines)
    assert "cscd unencrypt" in done.text


def test_a_locked_key_is_said(shell: Shell, keys: Keys) -> None:
    """With what unlocks it."""
    assert ": unlocked" in shell.run("keys", "show").text
    keys.locked = True
    done = shell.run("keys", "show")
    assert ": locked" in done.text
    assert "cscd keys unlock" in done.text


def test_no_key_yet_is_said(shell: Shell, keys: Keys) -> None:
    """It is no error; but a script that wants the recipient gets one."""
    keys.identities.clear()
    done = shell.run("keys", "show")
    assert (done.code, "no key yet" in done.text) == (ExitCode.OK, True)
    assert shell.run("keys", "show", "--recipient").code == ExitCode.KEY


def test_the_report_has_all_that_the_service_said(shell: Shell, keys: Keys) -> None:
    """Of each key."""
    keys.passphrase = b"sesame"
    report = shell.run("keys", "show", "--json").json
    assert (report["state"], report["identity_file"], report["uid"]) == ("unlocked", None, os.geteuid())
    assert report["keys"] == [
        {
            "recipient": str(keys.identities[0].recipient),
            "key_id": keys.key_id,
            "kept_by": "service",
            "current": True,
            "retired": False,
            "protectors": ["machine", "passphrase"],
            "work_factor": 18,
            "items": 1204,
        }
    ]


def test_what_the_user_keeps_is_shown_beside_it(shell: Shell, keys: Keys) -> None:
    """It is what cscd recheck encrypts to, so a script gets that one."""
    own = X25519Identity.generate()
    shell.identity.parent.mkdir(parents=True, mode=0o700)
    shell.identity.write_text(own.encode() + "\n")
    shell.identity.chmod(0o600)
    text = shell.run("keys", "show").text
    assert text.index(keys.key_id) < text.index(key_id(own.recipient))
    assert shell.run("keys", "show", "--recipient").text == f"{own.recipient}\n"


def test_root_may_ask_for_another_user(shell: Shell, keys: Keys) -> None:
    """By name or by uid; whose keys are not one's own has no file of ours."""
    assert shell.run("keys", "show", "--user", "root").code == ExitCode.OK
    assert shell.run("keys", "show", "--user", "4711").code == ExitCode.USAGE
    assert [question.get("user") for question in keys.questions] == [0]


def test_who_may_not_is_told(shell: Shell, keys: Keys) -> None:
    """That it takes root."""
    keys.refuses = "not_allowed"
    done = shell.run("keys", "show", "--user", "root")
    assert done.code == ExitCode.PERMISSION
    assert "sudo" in done.messages


@pytest.mark.parametrize("said", ['{"keys": []}', '{"uid": 0, "state": "?", "keys": []}', "[]"])
def test_what_is_no_answer_is_said(
    shell: Shell, keys: Keys, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    """It is another version."""
    monkeypatch.setattr(keys, "answer", lambda *_: json.loads(said))
    done = shell.run("keys", "show")
    assert done.code == ExitCode.SERVICE
    assert "another" in done.messages
