"""The dialog: the real pinentry at a terminal, and a program of ours for what it may say."""

import os
import shutil
from pathlib import Path

import pytest

from cscd.cli.exitcodes import ExitCode
from cscd.cli.pinentry import AtDesktop, has_display
from cscd.errors import CancelledError, PassphraseError
from tests.cli.keys.conftest import keys
from tests.cli.keyserver import Keys
from tests.cli.shell import Shell
from tests.support import requires

__all__ = ["keys"]

CURSES = "pinentry-curses"

SPEAKING = """#!/bin/sh
echo OK
while read -r command rest; do
    echo "$command $rest" >>"$0.heard"
    case $command in
        GETPIN) cat "$0.says"; cp "$0.next" "$0.says" 2>/dev/null ;;
        BYE) exit ;;
        *) echo OK ;;
    esac
done
"""
"""A program that answers what a test has written beside it."""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Put such a program where it is found first."""
    path = tmp_path / "bin" / "pinentry"
    path.parent.mkdir()
    path.write_text(SPEAKING)
    path.chmod(0o755)
    return path


def desktop(program: Path) -> AtDesktop:
    """Return the person at that program's dialog."""
    return AtDesktop({"PATH": f"{program.parent}:/usr/bin:/bin", "LANG": "C.UTF-8"})


def test_the_real_one_unlocks_the_key(shell: Shell, keys: Keys) -> None:
    """A person errs once, and then does not; what is typed is shown as dots."""
    requires.command(CURSES)
    (shell.home / "bin").mkdir()
    (shell.home / "bin" / "pinentry").symlink_to(str(shutil.which(CURSES)))
    shell.variables["PATH"] = f"{shell.home}/bin:{os.environ['PATH']}"
    keys.machine, keys.passphrase, keys.locked = False, "sésame %25".encode(), True
    with shell.on_terminal("keys", "unlock", "--dialog") as running:
        running.until("passphrase of your key")
        running.type(b"wrong\r")
        running.until("That was not it")
        running.type("sésame %25\r".encode())
        done = running.end()
    assert done.code == ExitCode.OK
    assert "is unlocked" in done.text
    assert "25" not in done.text.split("That was not it")[1].split("is unlocked")[0].replace("[?25", "")
    assert not keys.locked


def test_the_real_one_is_dismissed(shell: Shell, keys: Keys) -> None:
    """Nothing has happened then."""
    requires.command(CURSES)
    (shell.home / "bin").mkdir()
    (shell.home / "bin" / "pinentry").symlink_to(str(shutil.which(CURSES)))
    shell.variables["PATH"] = f"{shell.home}/bin:{os.environ['PATH']}"
    keys.machine, keys.passphrase, keys.locked = False, b"sesame", True
    with shell.on_terminal("keys", "unlock", "--dialog") as running:
        running.until("passphrase of your key")
        running.type(b"\t\t\r")
        done = running.end()
    assert done.code == ExitCode.CANCELLED
    assert keys.locked


def test_what_is_typed_comes_back_byte_for_byte(program: Path) -> None:
    """In one line or several, with escapes."""
    Path(f"{program}.says").write_bytes(b"S PASSWORD_FROM_CACHE\nD 100%25 s\xc3\xa9\nD same%0A\nOK\n")
    assert desktop(program).passphrase("Wrong\n%").reveal() == b"100% s\xc3\xa9same\n"
    heard = Path(f"{program}.heard").read_text()
    assert "SETERROR Wrong%0A%25\n" in heard
    assert "OPTION lc-ctype=C.UTF-8\n" in heard


@pytest.mark.parametrize("number", [83886179, 83886142, 99])
def test_no_is_no(program: Path, number: int) -> None:
    """Cancelled, or nobody there until the dialog closed itself."""
    Path(f"{program}.says").write_text(f"ERR {number} Operation cancelled <Pinentry>\n")
    with pytest.raises(CancelledError):
        desktop(program).passphrase()


@pytest.mark.parametrize(
    "says, told",
    [
        ("ERR 83918950 Inappropriate ioctl for device <Pinentry>\n", "Inappropriate ioctl"),
        ("ERR\n", "cannot ask"),
        ("OK\n", "empty"),
        (f"D {'x' * 900}\n" * 6 + "OK\n", "far more"),
        (f"D {'x' * 900}\n" * 2 + "OK\n", "at most 1024"),
        ("D " + "x" * 5000 + "\nOK\n", "ended before"),
    ],
)
def test_a_dialog_in_trouble_says_why(program: Path, says: str, told: str) -> None:
    """As an error of the passphrase, without any of it."""
    Path(f"{program}.says").write_text(says)
    with pytest.raises(PassphraseError, match=told) as raised:
        desktop(program).passphrase()
    assert "xxx" not in str(raised.value)


def test_a_dialog_that_dies_is_noticed(program: Path) -> None:
    """It may be killed while it is shown."""
    program.write_text("#!/bin/sh\necho OK\nread -r line\n")
    with pytest.raises(PassphraseError, match="ended before"):
        desktop(program).passphrase()


def test_where_there_is_none_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to install."""
    monkeypatch.setattr("cscd.cli.pinentry.PROGRAMS", (str(tmp_path / "none"),))
    with pytest.raises(PassphraseError, match="pinentry-gnome3"):
        AtDesktop({"PATH": ""}).passphrase()


def test_a_new_one_is_typed_twice(program: Path) -> None:
    """And again where the two differ."""
    Path(f"{program}.says").write_text("D one\nOK\n")
    assert desktop(program).new_passphrase().reveal() == b"one"
    Path(f"{program}.next").write_text("D other\nOK\n")
    assert desktop(program).new_passphrase().reveal() == b"other"
    assert "SETERROR The two differ.\n" in Path(f"{program}.heard").read_text()


def test_a_display_is_what_the_environment_says() -> None:
    """Of either kind."""
    assert has_display({"DISPLAY": ":0"})
    assert has_display({"WAYLAND_DISPLAY": "wayland-0"})
    assert not has_display({"DISPLAY": "", "TERM": "xterm"})
