"""polkit's textual agent is started for the command and ends with it; `tests/system` has the real one."""

import os
import signal
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from cscd.cli.exitcodes import ExitCode
from tests.cli.calling import Working, service
from tests.cli.shell import Shell
from tests.daemon.encrypting import Served
from tests.support.waiting import wait_until

AGENT = """#!/bin/sh
echo "$@" >"$0.arguments"
stty -echo </dev/tty
echo $$ >"$0.pid"
[ "$3" = --notify-fd ] && eval "exec $4>&-"
exec sleep infinity
"""
"""Hides what is typed, as a password is, says that it is ready, and stays."""


@pytest.fixture
def core() -> Working:
    """Give a core that goes on until the test ends it."""
    return Working()


@pytest.fixture
def agent(shell: Shell) -> Path:
    """Put an agent where the shell's commands find it first."""
    directory = shell.home / "bin"
    directory.mkdir()
    path = directory / "pkttyagent"
    path.write_text(AGENT)
    path.chmod(0o755)
    shell.variables["PATH"] = f"{directory}:{os.environ['PATH']}"
    return path


@pytest.fixture(autouse=True)
def server(common_path: Path, shell: Shell, core: Working) -> Iterator[Served]:
    """Serve the core to the shell's commands."""
    with service(common_path, shell, core) as server:
        yield server


def alive(pid: int) -> bool:
    """Whether there is such a process."""
    return Path(f"/proc/{pid}").exists()


def test_it_is_there_while_the_service_is_called(shell: Shell, core: Working, agent: Path) -> None:
    """For the calling process and no other; then it has ended, and the terminal is as it was."""
    with shell.on_terminal("encrypt", "--console") as running:
        call = wait_until(lambda: core.calls, "the service is called")[0]
        pid = int(Path(f"{agent}.pid").read_text(encoding="ascii"))
        assert alive(pid)
        options = Path(f"{agent}.arguments").read_text(encoding="ascii").split()
        assert options[:2] == ["--process", str(running.process.pid)]
        assert call.caller.pid == running.process.pid
        assert running.terminal
        assert not termios.tcgetattr(running.terminal)[3] & termios.ECHO
        core.answer.set()
        running.process.wait(10)
        assert termios.tcgetattr(running.terminal)[3] & termios.ECHO
        assert running.end().code == ExitCode.OK
    assert not alive(pid)


def test_it_does_not_outlive_a_command_that_is_killed(shell: Shell, core: Working, agent: Path) -> None:
    """It would go on to ask at the terminal."""
    with shell.on_terminal("encrypt", "--console") as running:
        wait_until(lambda: core.calls, "the service is called")
        pid = int(Path(f"{agent}.pid").read_text(encoding="ascii"))
        running.process.send_signal(signal.SIGKILL)
        wait_until(lambda: not alive(pid), "the agent has ended")


def test_one_that_cannot_be_is_told_and_the_call_is_made(shell: Shell, core: Working, agent: Path) -> None:
    """It may need no password."""
    agent.unlink()
    shell.variables["PATH"] = str(agent.parent)
    core.holds = False
    done = shell.run("encrypt", "--console")
    assert done.code == ExitCode.OK
    assert "no password can be asked for: pkttyagent of polkit: No such file" in done.messages


def test_it_is_not_started_unasked(shell: Shell, core: Working, agent: Path) -> None:
    """--interactive alone is for the desktop's."""
    core.holds = False
    assert shell.run("encrypt", "--interactive").code == ExitCode.OK
    assert not Path(f"{agent}.pid").exists()
