"""The command `cscd` itself: its sub-commands, its errors, and what it never does."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cscd import __version__
from cscd.cli import main
from cscd.cli.commands import COMMANDS
from cscd.cli.exitcodes import ExitCode
from tests.cli.shell import PROGRAM, Shell


def test_help_lists_every_command(shell: Shell) -> None:
    """With its purpose."""
    done = shell.run("--help")
    assert done.code == ExitCode.OK
    assert all(f"    {name} " in done.text and purpose in done.text for name, purpose in COMMANDS)


def test_the_version_is_printed(shell: Shell) -> None:
    """That of the package."""
    assert shell.run("--version").text == f"cscd {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("nothing",),
        ("recheck",),
        ("recheck", "--to", "sideways", "."),
        ("recheck", "--retr", "1", "."),
        ("recheck", "--retry-for", "soon", "."),
        ("cat",),
        ("cat", "--range", "x", "f"),
        ("keys",),
        ("--bad",),
        ("recheck", "--background", "--foreground", "."),
        ("recheck", "--exclude", "[z-a]", "."),
        ("recheck", ""),
        ("recheck", ".", ""),
        ("recheck", "--include", "", "."),
        ("recheck", "--exclude", "./", "."),
    ],
)
def test_a_wrong_command_line_is_explained(shell: Shell, arguments: tuple[str, ...]) -> None:
    """On standard error, with the exit code for usage, and nothing is done."""
    done = shell.run(*arguments)
    assert done.code == ExitCode.USAGE
    assert "cscd: " in done.messages
    assert not done.out
    assert not shell.state.exists()


@pytest.mark.parametrize("command", ["recheck", "keys show", "config check"])
def test_an_unknown_option_is_told_with_the_usage_of_its_command(shell: Shell, command: str) -> None:
    """And with the help to look at."""
    done = shell.run(*command.split(), "--bad", "file")
    assert done.code == ExitCode.USAGE
    assert done.messages.startswith(f"usage: cscd {command} ")
    assert done.messages.endswith(f"Try: cscd {command} --help\n")
    assert "--bad" in done.messages


@pytest.mark.parametrize("module", ["cscd.cli.commands", "argparse", "cscd.cli.terminal", "cscd.cli.recheck"])
def test_ctrl_c_while_it_is_loaded_is_no_bug(shell: Shell, module: str) -> None:
    """Whatever is being imported at that moment: no traceback, and the exit code for it."""
    code = (
        "import os, signal, sys\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {module!r}: os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.argv[1:] = ['recheck', '--help']\n"
        "from cscd.cli.main import entry\n"
        "sys.meta_path.insert(0, Interrupting())\n"
        f"assert {module!r} not in sys.modules\n"
        "sys.exit(entry())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=shell.environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (ExitCode.CANCELLED, "cscd: interrupted\n")


def test_the_console_script_knows_its_exit_code() -> None:
    """It has loaded nothing yet that could tell."""
    assert main.CANCELLED == ExitCode.CANCELLED


def test_a_strange_argument_cannot_speak_to_the_terminal(shell: Shell) -> None:
    """Neither in a usage error nor in any other."""
    for arguments in ((b"\x1b[31m\xff",), (b"cat", b"\x1b[31m\xff\n"), (b"recheck", b"\x1b[31m\xff\n")):
        done = shell.run(*arguments)
        assert done.code in (ExitCode.USAGE, ExitCode.TARGET)
        assert b"\x1b" not in done.err
        assert b"Traceback" not in done.err


def test_help_to_a_full_disk_is_an_error(shell: Shell) -> None:
    """Not a silent success, and no message from the interpreter."""
    with open("/dev/full", "wb") as full:
        done = shell.run("--help", stdout=full)
    assert done.code == ExitCode.OUTPUT
    assert done.messages == "cscd: the output cannot be written: No space left on device\n"


def test_help_to_a_closed_pipe_is_quiet(shell: Shell) -> None:
    """As with `cscd --help | true`."""
    reader, writer = os.pipe()
    os.close(reader)
    done = shell.run("--help", stdout=writer)
    os.close(writer)
    assert done.code == ExitCode.OUTPUT
    assert not done.err


def test_it_works_without_standard_descriptors(shell: Shell, cache: Path) -> None:
    """All three closed: files are converted, and none of them gets the summary."""
    command = 'exec "$@" <&- >&- 2>&-'
    done = subprocess.run(
        ["bash", "-c", command, "-", *PROGRAM, "recheck", cache],
        env=shell.environment,
        check=False,
        cwd=shell.home,
    )
    assert done.returncode == ExitCode.OUTPUT
    assert shell.run("cat", cache / "one").out == b"first\n"


def test_a_bug_is_told_as_one(shell: Shell) -> None:
    """With the traceback that a report needs, and its own exit code."""
    code = "import sys; from cscd.cli import commands, main; commands._run = None; sys.exit(main.entry())"
    done = subprocess.run(
        [sys.executable, "-c", code], env=shell.environment, capture_output=True, check=False
    )
    assert done.returncode == ExitCode.INTERNAL
    assert b"Traceback" in done.stderr
    assert done.stderr.endswith(b"cscd: this is a bug in cscd; please report the lines above\n")


def test_help_loads_little(shell: Shell) -> None:
    """What only some commands need is imported by those alone."""
    modules = _imported(shell, "--help")
    assert not modules & {"cryptography", "pydantic", "watchdog", "sqlite3", "rich"}


def test_a_pass_is_not_weighed_down(shell: Shell, cache: Path) -> None:
    """Its processes share what was imported before it: no models, no drawing library."""
    modules = _imported(shell, "recheck", str(cache))
    assert not modules & {"pydantic", "rich", "asyncio"}


def _imported(shell: Shell, *arguments: str) -> set[str]:
    """Run a command and return the top-level packages that it imported."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "cscd", *arguments],
        env=shell.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return {name.split(".")[0] for name in re.findall(r"\| +([\w.]+)$", done.stderr, re.MULTILINE)}
