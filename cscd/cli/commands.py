"""The sub-commands: finds the one that is asked for, runs it, and turns whatever happens into an exit code.

Little is imported here: each sub-command is a module that is only loaded when it is asked for, so that
``cscd --help`` and ``cscd cat`` start fast.
"""

import argparse
import contextlib
import gc
import importlib
import os
import resource
import sys
import traceback
from collections.abc import Sequence
from typing import Any, Final, NoReturn, Protocol, cast

from cscd import __version__
from cscd.cli.exitcodes import ExitCode
from cscd.cli.failure import explain
from cscd.cli.names import harmless
from cscd.cli.terminal import OUT, Terminal, keep_standard_descriptors
from cscd.errors import CscdError

COMMANDS: Final = (
    ("run", "run the service, until it is told to stop"),
    ("status", "say how the service is, and how each user's items are"),
    ("encrypt", "have the service encrypt your cached files"),
    ("unencrypt", "have the service decrypt them, and leave them so"),
    ("recheck", "bring directories into one encryption state"),
    ("cat", "print the plaintext of encrypted files"),
    ("inspect", "say what files are: plain, encrypted, damaged; for whom"),
    ("recover", "restore encrypted files with a recovery key, on any machine"),
    ("keys", "show, unlock and change the key that files are encrypted to"),
    ("config", "check and show the configuration"),
    ("logs", "show what the service did: which item, why, who held it"),
    ("demo", "show all of this on a small cache of its own"),
)
"""Name and purpose; each is the module of that name in this package."""


class Command(Protocol):
    """What the module of a sub-command offers."""

    def define(self, parser: argparse.ArgumentParser) -> None:
        """Add its arguments to its parser."""

    def run(self, arguments: argparse.Namespace, terminal: Terminal) -> ExitCode:
        """Do it. Raises CscdError and OSError for what a user can cause."""


class Columns(argparse.HelpFormatter):
    """Has the names of all commands beside their purposes; argparse forgets how far they are indented."""

    def __init__(self, prog: str) -> None:
        """Leave room for the longest of them."""
        super().__init__(prog)
        self._action_max_length = 2 * self._indent_increment + max(len(name) for name, _ in COMMANDS)


class Parser(argparse.ArgumentParser):
    """A parser whose errors cannot carry control characters to the terminal."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:  # noqa: ANN401
        """Parse, and refuse what is not known: left to the parser above, it would be told with its usage."""
        parsed, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return parsed, unknown

    def error(self, message: str) -> NoReturn:
        """Print the usage and what is wrong with the arguments, and exit."""
        self.print_usage(sys.stderr)
        self.exit(ExitCode.USAGE, f"cscd: {harmless(message)}\nTry: {self.prog} --help\n")


def run(arguments: Sequence[str]) -> ExitCode:
    """Run a command line and return the exit code of the process, which ends soon."""
    keep_standard_descriptors()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # no key of the user's in a core file
    terminal = Terminal(os.environ)
    gc.disable()  # nothing that loading makes is garbage: looking for it takes a tenth of the start
    try:
        code = _guarded(arguments, terminal)
    except KeyboardInterrupt:
        terminal.say("interrupted")
        code = ExitCode.CANCELLED
    gc.freeze()  # all of it ends with the process: the interpreter need not search it for cycles before
    return _flushed(code, terminal)


def _guarded(arguments: Sequence[str], terminal: Terminal) -> ExitCode:
    """Run a command line; no error leaves a traceback but a bug in cscd."""
    try:
        return _run(arguments, terminal)
    except (CscdError, OSError) as error:
        failure = explain(error)
        if not failure.quiet:
            terminal.say(failure.message)
        return failure.code
    except MemoryError:
        terminal.say("out of memory")
        return ExitCode.SYSTEM
    except Exception:  # noqa: BLE001 - whatever is not foreseen is told as a bug, with all that is known of it
        terminal.draw(traceback.format_exc())
        terminal.say("this is a bug in cscd; please report the lines above")
        return ExitCode.INTERNAL


def _run(arguments: Sequence[str], terminal: Terminal) -> ExitCode:
    # The first argument that is no option names the sub-command; only its module is loaded.
    wanted = next((argument for argument in arguments if not argument.startswith("-")), "")
    parser = Parser(
        prog="cscd",
        description="Keeps cached files in one encryption state, as plain age files.",
        formatter_class=Columns,
        epilog="Each command has its own --help.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"cscd {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, title="commands")
    command: Command | None = None
    for name, purpose in COMMANDS:
        subparser = commands.add_parser(name, help=purpose, allow_abbrev=False)
        if name == wanted:
            command = cast("Command", importlib.import_module(f"cscd.cli.{name}"))
            command.define(subparser)
    gc.freeze()
    gc.enable()
    try:
        parsed = parser.parse_args(arguments)
    except SystemExit as ended:  # argparse has printed what there is to say
        return ExitCode(int(ended.code or 0))
    if command is None:
        raise AssertionError("argparse requires a command")
    return command.run(parsed, terminal)


def _flushed(code: ExitCode, terminal: Terminal) -> ExitCode:
    """Flush what argparse printed, so that nothing is left to fail when the interpreter ends."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), OUT)
        if not isinstance(error, BrokenPipeError):
            terminal.say(f"the output cannot be written: {os.strerror(error.errno or 0)}")
        return ExitCode.OUTPUT
    return code
