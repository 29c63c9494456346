"""Where a command prints, and whether in colour."""

import os
from pathlib import Path

import pytest

from cscd.cli.terminal import UNLIMITED, Style, Terminal
from cscd.errors import OutputError
from tests.cli.shell import Shell
from tests.support import forks


def test_colour_is_for_terminals_only(shell: Shell, cache: Path) -> None:
    """And for those who did not say no."""
    assert b"\x1b[" not in shell.run("recheck", cache).out
    with shell.on_terminal("recheck", cache) as running:
        assert b"\x1b[1m" in running.end().out


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_colour_can_be_refused(shell: Shell, cache: Path, variables: dict[str, str]) -> None:
    """By NO_COLOR, and by a terminal that has none."""
    shell.variables |= variables
    with shell.on_terminal("recheck", cache) as running:
        assert b"m/" not in running.end().out.replace(str(cache).encode(), b"/")


def test_a_name_that_the_locale_lacks_is_escaped(shell: Shell) -> None:
    """Rather than the command failing at its summary."""
    (shell.home / "cache").mkdir()
    (shell.home / "cache" / "日本").touch()
    shell.variables |= {
        "PYTHONUTF8": "0",
        "LC_ALL": "C",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONIOENCODING": "ascii",
    }
    assert "(\\xe6\\x97\\xa5\\xe6\\x9c\\xac)" in shell.run("recheck", "cache").text


def test_messages_are_nobodys_error(capfd: pytest.CaptureFixture[str]) -> None:
    """What cannot be said is not said."""
    terminal = Terminal({})
    terminal.say("one\nline")
    assert capfd.readouterr().err == "cscd: one\\nline\n"
    saved = os.dup(2)
    try:
        os.close(2)
        terminal.say("nobody hears")
    finally:
        os.dup2(saved, 2)
        os.close(saved)


def test_results_are_all_written_to_a_slow_pipe() -> None:
    """Also where somebody made it non-blocking: nothing is lost, nothing fails."""
    reader, writer = os.pipe2(os.O_NONBLOCK)
    saved = os.dup(1)
    data = bytes(1 << 20)
    try:
        pid = forks.fork()
        if not pid:
            os.set_blocking(reader, True)
            os.close(writer)
            size = 0
            while piece := os.read(reader, 4096):
                size += len(piece)
            os._exit(0 if size == len(data) else 1)
        os.dup2(writer, 1)
        os.close(writer)
        Terminal({}).write(data)
    finally:
        os.dup2(saved, 1)
        os.close(saved)
        os.close(reader)
    assert os.waitpid(pid, 0)[1] == 0


def test_a_result_that_cannot_be_written_is_an_error() -> None:
    """With the reason of the system."""
    saved = os.dup(1)
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, 1)
    os.close(full)
    try:
        with pytest.raises(OutputError, match="No space left"):
            Terminal({}).print("text")
    finally:
        os.dup2(saved, 1)
        os.close(saved)


@pytest.mark.parametrize(
    "variables, columns",
    [
        ({}, UNLIMITED),
        ({"COLUMNS": "100"}, 100),
        ({"COLUMNS": "0"}, UNLIMITED),
        ({"COLUMNS": "x"}, UNLIMITED),
    ],
)
def test_what_is_no_terminal_takes_lines_as_they_are(variables: dict[str, str], columns: int) -> None:
    """Unless COLUMNS says otherwise."""
    reader, writer = os.pipe()
    assert Terminal(variables).columns(writer) == columns
    os.close(reader)
    os.close(writer)


def test_nothing_is_styled_off_a_terminal() -> None:
    """Text stays text."""
    reader, writer = os.pipe()
    saved = os.dup(1)
    os.dup2(writer, 1)
    try:
        assert Terminal({"TERM": "xterm"}).styled("text", Style.BOLD) == "text"
    finally:
        os.dup2(saved, 1)
        for fd in (saved, reader, writer):
            os.close(fd)
