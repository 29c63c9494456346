"""``cscd recheck``: one pass over each directory, in the foreground of this terminal."""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from typing import Final

from cscd.cli import foreground, keyring, quantities, trees
from cscd.cli.exitcodes import ExitCode
from cscd.cli.finished import Finished, Whole
from cscd.cli.interrupts import Interrupts
from cscd.cli.keyring import Keyring
from cscd.cli.names import command_line
from cscd.cli.progress import Progress
from cscd.cli.summary import print_summary
from cscd.cli.terminal import Terminal
from cscd.files.goal import Goal, State
from cscd.files.tree import Tree
from cscd.keys import StateDirectory
from cscd.keys.directory import default_path
from cscd.worker.passes.options import Options
from cscd.worker.passes.recheck import Pass
from cscd.worker.passes.selection import Selection
from cscd.worker.passes.spared import Spared, spared

DEFAULT_RETRY: Final = "30s"

_DESCRIPTION: Final = """\
Brings every file below each DIR into one encryption state, and leaves alone what another program has open
until it is closed. A file is whole at every instant, in its old or its new state, also when this is
interrupted; repeating the command finishes the work.
"""


def define(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.description = _DESCRIPTION
    parser.add_argument(
        "directories", type=trees.directory, metavar="DIR", nargs="+", help="a directory to work in"
    )
    parser.add_argument(
        "--to",
        choices=[state.value for state in State],
        default=State.ENCRYPTED.value,
        help="the state that every file shall have (default: %(default)s)",
    )
    _define_keys(parser)
    _define_manner(parser)
    _define_selection(parser)
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a summary")


def _define_keys(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-r",
        "--recipient",
        metavar="age1…",
        action="append",
        default=[],
        help="who can read the files (repeatable; default: the recipient of the identity)",
    )
    parser.add_argument(
        "-R",
        "--recipients-file",
        metavar="FILE",
        action="append",
        default=[],
        help="a file of recipients, one per line (repeatable)",
    )
    keyring.add_identity_option(parser, "the identity to decrypt with, and to encrypt to")


def _define_manner(parser: argparse.ArgumentParser) -> None:
    manner = parser.add_mutually_exclusive_group()
    manner.add_argument(
        "--background",
        dest="background",
        action="store_true",
        default=True,
        help="give way at once to a program that opens a file meanwhile, and try again later (default)",
    )
    manner.add_argument(
        "--foreground",
        dest="background",
        action="store_false",
        help="have such a program wait until the file is done",
    )
    parser.add_argument(
        "--retry-for",
        type=quantities.duration,
        default=DEFAULT_RETRY,
        metavar="TIME",
        help="how long to wait for files that are open: 0, 90s, 10m, 1h (default: %(default)s)",
    )
    parser.add_argument(
        "--leases",
        choices=["required", "best-effort"],
        default="required",
        help="leave files alone where the filesystem cannot tell who has them open, or compare before and"
        " after instead (default: %(default)s)",
    )


def _define_selection(parser: argparse.ArgumentParser) -> None:
    for name, purpose in (
        ("--include", "only files that match (repeatable)"),
        ("--exclude", "no files and directories that match (repeatable)"),
    ):
        parser.add_argument(name, type=_pattern, metavar="GLOB", action="append", default=[], help=purpose)


def _pattern(text: str) -> str:
    """Return a pattern as the selection takes it: a slash in front stands for DIR, and so does ``./``."""
    at_top = re.sub(r"^(?:\./+)+", "/", text)
    if at_top.strip("/") in ("", "."):
        raise argparse.ArgumentTypeError(f"{text!r} can match no file below DIR")
    return at_top


def run(arguments: argparse.Namespace, terminal: Terminal) -> ExitCode:
    """Do the passes, print what came of them."""
    try:
        Selection(arguments.include, arguments.exclude)
    except ValueError as error:
        terminal.say(str(error))
        return ExitCode.USAGE
    if problem := _contradiction(arguments):
        terminal.say(problem)
        return ExitCode.USAGE
    with Interrupts(terminal) as interrupts:
        whole = _passes(arguments, terminal, interrupts)
    if arguments.json:
        _print_report(whole, terminal)
    else:
        print_summary(whole, terminal, command_line(["cscd", *sys.argv[1:]]))
    return whole.code


def _contradiction(arguments: argparse.Namespace) -> str:
    """Say which arguments do not go together, "" if all do."""
    if arguments.to == State.UNENCRYPTED and (arguments.recipient or arguments.recipients_file):
        return "recipients are for --to encrypted; to unencrypt, give --identity FILE"
    return ""


def _passes(arguments: argparse.Namespace, terminal: Terminal, interrupts: Interrupts) -> Whole:
    """Do one pass after the other. Raises what keeps all of them from beginning."""
    state = State(arguments.to)
    path = default_path(os.environ)
    directory = _state_directory(path, looking=arguments.dry_run)
    with trees.opened(arguments.directories, directory) as opened:
        keys = _keys(state, arguments, path, directory, terminal)
        goal = keys.goal(
            state, background=arguments.background, leases_required=arguments.leases == "required"
        )
        needed: list[Spared] = [*keys.files, *([directory] if directory else [])]
        work = _Work(arguments, goal, path, needed, terminal, interrupts)
        return Whole(state, arguments.dry_run, tuple(work.on(tree) for tree in opened))


def _state_directory(path: str, *, looking: bool) -> StateDirectory | None:
    """Open the state directory, made if need be; a pass that only looks makes none."""
    if not looking:
        return StateDirectory.make(path)
    try:
        return StateDirectory.open(path)
    except FileNotFoundError:
        return None


def _keys(
    state: State,
    arguments: argparse.Namespace,
    path: str,
    directory: StateDirectory | None,
    terminal: Terminal,
) -> Keyring:
    if state is State.ENCRYPTED:
        return keyring.for_encrypting(arguments, directory, terminal)
    keys = keyring.for_decrypting(arguments, directory)
    keyring.require_identity(keys, path)
    return keys


class _Work:
    """What the passes of one command have in common."""

    def __init__(
        self,
        arguments: argparse.Namespace,
        goal: Goal,
        state_directory: str,
        needed: Sequence[Spared],
        terminal: Terminal,
        interrupts: Interrupts,
    ) -> None:
        self._arguments = arguments
        self._goal = goal
        self._state_directory = state_directory
        self._needed = needed
        self._terminal = terminal
        self._interrupts = interrupts

    def on(self, tree: Tree) -> Finished:
        """Do the pass over one tree; what is wrong with this one does not stop the next."""
        progress = Progress(self._terminal, tree.path, self._verb(), self._interrupts)
        running = Pass(tree, self._goal, self._options(tree), progress)
        return foreground.finish(tree.path, running, progress, self._interrupts)

    def _options(self, tree: Tree) -> Options:
        arguments = self._arguments
        return Options(
            Selection(arguments.include, arguments.exclude, spared(tree, self._needed)),
            self._state_directory,
            arguments.retry_for,
            arguments.dry_run,
        )

    def _verb(self) -> str:
        if self._arguments.dry_run:
            return "looking"
        return "encrypting" if self._goal.state is State.ENCRYPTED else "unencrypting"


def _print_report(whole: Whole, terminal: Terminal) -> None:
    # Models cost time and memory that a pass has a better use for: they are loaded after it.
    from cscd.cli.report import Report  # noqa: PLC0415

    terminal.print(Report.of(whole).model_dump_json(indent=2))
