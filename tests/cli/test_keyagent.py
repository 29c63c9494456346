"""``cscd unencrypt`` and ``cscd keys agent`` ask for the passphrase of a key that is locked.

The bus is real, and so is its side of the service; it asks for a passphrase whatever is called, and what came
of that is the answer.
"""

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cscd.cli.exitcodes import ExitCode
from cscd.client import Code, Flag
from tests.cli.calling import Working, service
from tests.cli.keys.conftest import keys
from tests.cli.keyserver import Keys
from tests.cli.shell import Running, Shell
from tests.client.test_agent import ask
from tests.daemon.callers import client
from tests.daemon.encrypting import Served
from tests.support import requires
from tests.support.waiting import wait_until

__all__ = ["keys"]

UNENCRYPT = False
"""The first argument of Encrypt."""
PROMPT = "Passphrase of your key: "


class Asking(Working):
    """A core that asks, and does nothing else."""

    async def encrypt(self, *arguments: object, **more: object) -> Code:
        """See `tests.client.test_agent.ask`."""
        return await super(Working, self).encrypt(*arguments, **more)  # type: ignore[arg-type]


@pytest.fixture
def server(common_path: Path, shell: Shell, keys: Keys) -> Iterator[Served]:
    """Serve such a core, beside a service that keeps a key which only a passphrase opens."""
    keys.machine, keys.passphrase, keys.locked = False, b"sesame", True
    with service(common_path, shell, Asking()) as server:
        ask(server)
        yield server


def test_the_terminal_is_asked_with_console(shell: Shell, server: Served, keys: Keys) -> None:
    """Nothing of it is shown, and the key is unlocked when the call goes on."""
    with shell.on_terminal("unencrypt", "--console") as running:
        running.until(PROMPT)
        running.type(b"sesame\n")
        done = running.end()
    assert done.code == ExitCode.OK
    assert b"sesame" not in done.out
    assert not keys.locked
    assert server.core.calls[0].bits == Flag.INTERACTIVE | Flag.CONSOLE


def test_the_terminal_is_asked_where_there_is_no_desktop(shell: Shell, server: Served, keys: Keys) -> None:
    """Somebody who comes over the network has none."""
    with shell.on_terminal("unencrypt", "--interactive") as running:
        running.until(PROMPT)
        running.type(b"sesame\n")
        assert running.end().code == ExitCode.OK
    assert not keys.locked
    assert server.core.calls[0].bits == Flag.INTERACTIVE


def test_who_does_not_wait_is_asked_first(shell: Shell, server: Served, keys: Keys) -> None:
    """Without the key nothing could be left to the service."""
    with shell.on_terminal("unencrypt", "--console", "--no-wait") as running:
        running.until(PROMPT)
        running.type(b"sesame\n")
        assert running.end().code == ExitCode.OK
    assert not keys.locked
    assert len(server.core.calls) == 1


def test_without_a_flag_nobody_is_asked(shell: Shell, server: Served, keys: Keys) -> None:
    """The call says that the key is locked, and so does the exit code."""
    with shell.on_terminal("unencrypt") as running:
        done = running.end()
    assert done.code == ExitCode.LOCKED
    assert "ERROR_NOT_AUTHENTICATED" in done.text
    assert "cscd keys unlock" in done.text
    assert PROMPT not in done.text
    assert keys.locked
    assert len(server.core.calls) == 1


def test_ctrl_c_at_the_prompt_cancels(shell: Shell, server: Served, keys: Keys) -> None:
    """And leaves the terminal as it was."""
    with shell.on_terminal("unencrypt", "--console") as running:
        running.until(PROMPT)
        running.type(b"\x03")
        done = running.end()
    assert done.code == ExitCode.CANCELLED
    assert keys.locked
    assert not server.events("internal_error")


def test_json_stays_json(shell: Shell, server: Served) -> None:
    """What the prompt says is not in it; without a terminal nobody is asked."""
    done = shell.run("unencrypt", "--console", "--json", start_new_session=True)
    assert done.code == ExitCode.LOCKED
    assert done.json["calls"][0]["code"] == Code.NOT_AUTHENTICATED
    assert "no terminal" in done.messages
    assert len(server.core.calls) == 1


@contextmanager
def desktop(shell: Shell) -> Iterator[Running]:
    """Run the agent of a desktop, whose dialog is the real pinentry at a terminal."""
    requires.command("pinentry-curses")
    (shell.home / "bin").mkdir()
    (shell.home / "bin" / "pinentry").symlink_to(str(shutil.which("pinentry-curses")))
    shell.variables |= {"PATH": f"{shell.home}/bin:{os.environ['PATH']}", "DISPLAY": ":77"}
    with shell.on_terminal("keys", "agent") as running:
        yield running


def test_a_desktop_is_asked_for_other_programs(shell: Shell, server: Served, keys: Keys) -> None:
    """In its dialog; it goes on, and ends with SIGTERM."""
    with desktop(shell) as agent, client(server.bus.address) as caller:
        wait_until(lambda: _agents(server), "the agent is registered")
        call = caller.begin("Encrypt", "bu", UNENCRYPT, int(Flag.INTERACTIVE))
        agent.until("passphrase of your key")
        agent.type(b"sesame\r")
        assert caller.finish(call).body == [Code.SUCCESS]
        assert not keys.locked
        agent.process.send_signal(signal.SIGTERM)
        assert agent.end().code == ExitCode.OK


def test_the_dialog_goes_with_its_caller(shell: Shell, server: Served, keys: Keys) -> None:
    """Its program has ended, and the agent goes on."""
    with desktop(shell) as agent:
        wait_until(lambda: _agents(server), "the agent is registered")
        with client(server.bus.address) as caller:
            caller.begin("Encrypt", "bu", UNENCRYPT, int(Flag.INTERACTIVE))
            agent.until("passphrase of your key")
            wait_until(lambda: _children(agent.process.pid), "the dialog is there")
        wait_until(lambda: not _children(agent.process.pid), "the dialog has gone")
        assert agent.process.poll() is None
    assert keys.locked


def test_without_a_desktop_there_is_no_agent(shell: Shell) -> None:
    """It could show nothing."""
    done = shell.run("keys", "agent")
    assert done.code == ExitCode.USAGE
    assert "DISPLAY" in done.messages


def _agents(server: Served) -> int:
    """Return how many agents the service knows."""
    line = server.service._line  # noqa: SLF001 - nothing on the bus says it
    assert line
    return len(line.agents._of)  # noqa: SLF001


def _children(pid: int) -> str:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text()
