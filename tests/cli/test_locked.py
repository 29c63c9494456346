"""``cscd cat`` with a key that is locked: a person is asked, anybody else is told."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from cscd.age import encrypt_stream
from cscd.cli.exitcodes import ExitCode
from tests.cli.keyserver import Keys, keeping
from tests.cli.shell import Shell


@pytest.fixture
def keys(shell: Shell) -> Iterator[Keys]:
    """Keep a key that only a passphrase opens, and that is locked."""
    shell.variables["XDG_RUNTIME_DIR"] = str(shell.home / "run")
    (shell.home / "run" / "cscd").mkdir(parents=True)
    kept = Keys(machine=False, passphrase=b"sesame", locked=True)
    with keeping(shell.home / "run" / "cscd" / "control", kept) as keys:
        yield keys


@pytest.fixture
def files(shell: Shell, keys: Keys) -> tuple[Path, Path]:
    """Give two files that the key opens."""
    paths = (shell.home / "one", shell.home / "two")
    for path in paths:
        with path.open("wb") as file:
            recipients = [keys.identities[0].recipient]
            encrypt_stream(io.BytesIO(path.name.encode() * 2), file, recipients, keep_going=lambda: True)
    return paths


def test_the_passphrase_is_asked_for_once(shell: Shell, keys: Keys, files: tuple[Path, Path]) -> None:
    """Then the key is unlocked, also for the next file."""
    with shell.on_terminal("cat", *files) as running:
        running.until("Passphrase of your key: ")
        running.type(b"sesame\n")
        done = running.end()
    assert (done.code, done.text) == (ExitCode.OK, "Passphrase of your key: \r\noneonetwotwo")
    assert not keys.locked


def test_who_does_not_know_it_is_not_asked_for_each_file(
    shell: Shell, keys: Keys, files: tuple[Path, Path]
) -> None:
    """Three errors are enough."""
    with shell.on_terminal("cat", *files) as running:
        for number in range(3):
            running.until(f"(key: (.|\\s)*){{{number + 1}}}")
            running.type(b"wrong\n")
        done = running.end()
    assert done.code == ExitCode.KEY
    assert done.text.count("key: ") == 3
    assert keys.locked


def test_without_a_terminal_the_key_is_locked(shell: Shell, keys: Keys, files: tuple[Path, Path]) -> None:
    """That has an exit code of its own, and says what to do."""
    done = shell.run("cat", files[0], start_new_session=True)
    assert (done.code, done.out) == (ExitCode.LOCKED, b"")
    assert "cscd keys unlock" in done.messages
    assert keys.locked


def test_what_somebody_locked_is_not_unlocked_in_silence(
    shell: Shell, keys: Keys, files: tuple[Path, Path]
) -> None:
    """The machine key would open it without asking anybody."""
    keys.machine = True
    with shell.on_terminal("cat", files[0]) as running:
        done = running.end()
    assert done.code == ExitCode.LOCKED
    assert keys.locked


def test_inspect_asks_nobody(shell: Shell, keys: Keys, files: tuple[Path, Path]) -> None:
    """It says what can be known without the key."""
    with shell.on_terminal("inspect", files[0]) as running:
        done = running.end()
    assert done.code == ExitCode.OK
    assert "Passphrase" not in done.text
    assert keys.locked
