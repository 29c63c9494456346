"""The terminal that secrets are typed at: what is typed is hidden, and it is afterwards as it was before."""

import signal
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from cscd.cli.exitcodes import ExitCode
from tests.cli.calling import Working, service
from tests.cli.keys.conftest import keys
from tests.cli.keyserver import Keys
from tests.cli.shell import Running, Shell
from tests.client.test_agent import ask
from tests.daemon.encrypting import Core, Served

__all__ = ["keys"]

PROMPT = "Passphrase of your key: "


@pytest.fixture(autouse=True)
def locked(keys: Keys) -> Keys:
    """Have a key that only a passphrase opens."""
    keys.machine, keys.passphrase, keys.locked = False, b"sesame", True
    return keys


@pytest.fixture
def server(common_path: Path, shell: Shell) -> Iterator[Served]:
    """Serve a core that asks whatever is called."""
    core = Working()
    core.encrypt = Core.encrypt.__get__(core)  # type: ignore[method-assign] # nothing but `work`
    with service(common_path, shell, core) as server:
        ask(server)
        yield server


def echoes(running: Running) -> bool:
    """Whether the terminal shows what is typed."""
    assert running.terminal
    return bool(termios.tcgetattr(running.terminal)[3] & termios.ECHO)


@pytest.mark.parametrize("keys_typed", [b"sesame\n", b"\x04", b"\x03", b"\n"])
def test_it_is_as_before_whatever_is_typed(shell: Shell, keys_typed: bytes) -> None:
    """An answer, none, an interruption."""
    with shell.on_terminal("keys", "unlock") as running:
        assert echoes(running)
        running.until(PROMPT)
        assert not echoes(running)
        running.type(keys_typed)
        running.end()
        assert echoes(running)


def test_what_was_typed_before_is_not_taken_for_a_passphrase(shell: Shell, keys: Keys) -> None:
    """It was meant for something else, and it was seen."""
    with shell.on_terminal("keys", "unlock") as running:
        running.type(b"ls -l\n")
        running.until(PROMPT)
        running.type(b"sesame\n")
        assert running.end().code == ExitCode.OK
    assert keys.asked == ["unlock"]


def test_a_command_that_is_ended_takes_its_prompt_along(shell: Shell, server: Served) -> None:
    """The process that asks is another one than the one that is ended."""
    with shell.on_terminal("unencrypt", "--console") as running:
        running.until(PROMPT)
        assert not echoes(running)
        running.process.send_signal(signal.SIGTERM)
        done = running.end()
        assert echoes(running)
    assert done.code == ExitCode.CANCELLED
    assert not server.events("internal_error")


def test_a_line_without_an_end_is_not_waited_for_forever(shell: Shell) -> None:
    """What no terminal gives at once is no passphrase."""
    with shell.on_terminal("keys", "unlock") as running:
        running.until(PROMPT)
        for _ in range(3):
            running.type(b"x" * 1000 + b"\x04")  # Ctrl-D in a line has the terminal hand on what is there
        running.type(b"\n")
        done = running.end()
    assert done.code == ExitCode.KEY
    assert "1024 bytes" in done.text
