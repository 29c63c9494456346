"""``cscd recover``: a user's files back in plain, on any machine, with a key that was kept offline.

It needs no service, no configuration and nothing of the user's but the files: the key opens each of them.
"""

import argparse
import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from typing import Final

from cscd.cli import foreground, keyring, quantities
from cscd.cli.exitcodes import ExitCode
from cscd.cli.finished import Finished, Whole
from cscd.cli.interrupts import Interrupts
from cscd.cli.keyring import Keyring
from cscd.cli.names import command_line
from cscd.cli.origins import Origin, beside, opened, target
from cscd.cli.progress import Progress
from cscd.cli.summary import print_summary
from cscd.cli.terminal import Terminal
from cscd.files.goal import Goal, State
from cscd.files.restore import Manner
from cscd.files.tree import Tree
from cscd.worker.passes.options import Options
from cscd.worker.passes.places import WHOLE, Places
from cscd.worker.passes.recheck import Pass
from cscd.worker.passes.recovery import Recovery, Source
from cscd.worker.passes.selection import Selection
from cscd.worker.passes.spared import spared

DEFAULT_RETRY: Final = "30s"

_DESCRIPTION: Final = """\
Restores encrypted files with a recovery identity, or with any identity that opens them. With --into, plain
copies of everything below each PATH go below DIR and nothing else is written; nothing is ever replaced there.
Without it, each encrypted file becomes plain where it is: only your own files, as with cscd recheck.
"""


def define(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.description = _DESCRIPTION
    parser.add_argument("paths", metavar="PATH", nargs="+", type=_path, help="a directory, or a single file")
    parser.add_argument(
        "-i",
        "--identity",
        metavar="FILE",
        action="append",
        required=True,
        help="the recovery identity, or another one that opens the files (repeatable)",
    )
    parser.add_argument(
        "--into", metavar="DIR", type=_path, help="put copies there; it is made if it is not there"
    )
    parser.add_argument(
        "--only-encrypted",
        action="store_true",
        help="with --into: leave out what is not encrypted, instead of copying it as it is",
    )
    parser.add_argument(
        "--all-age",
        action="store_true",
        help="with --into: decrypt also age files that cscd did not write, where the identity opens them",
    )
    parser.add_argument(
        "--retry-for",
        type=quantities.duration,
        default=DEFAULT_RETRY,
        metavar="TIME",
        help="without --into: how long to wait for files that are open (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a summary")


def _path(text: str) -> str:
    if not text:  # it would stand for the current directory, and for a variable that was not set
        raise argparse.ArgumentTypeError("an empty name is no path; '.' is the current directory")
    return text


def run(arguments: argparse.Namespace, terminal: Terminal) -> ExitCode:
    """Restore everything, and print what came of it."""
    if arguments.into is None and (arguments.only_encrypted or arguments.all_age):
        terminal.say("--only-encrypted and --all-age are about copies: say where to, with --into DIR")
        return ExitCode.USAGE
    keys = keyring.for_decrypting(arguments, None)
    with Interrupts(terminal) as interrupts, opened(arguments.paths) as origins:
        if arguments.into is None:
            whole = _in_place(arguments, origins, keys, terminal, interrupts)
        else:
            whole = _into(arguments, origins, keys, terminal, interrupts)
    if arguments.json:
        _print_report(whole, arguments.into, terminal)
    else:
        print_summary(whole, terminal, command_line(["cscd", *sys.argv[1:]]))
    return whole.code


# -- where they are ---------------------------------------------------------------------------------------


def _in_place(
    arguments: argparse.Namespace,
    origins: list[Origin],
    keys: Keyring,
    terminal: Terminal,
    interrupts: Interrupts,
) -> Whole:
    """Do one pass for each origin, with an index that is thrown away: nobody will come back to it."""
    goal = keys.goal(State.UNENCRYPTED, background=True, leases_required=True)
    with _passing_directory() as state:
        return Whole(
            State.UNENCRYPTED,
            looking=False,
            trees=tuple(
                _pass(origin, goal, keys, state, arguments.retry_for, terminal, interrupts)
                for origin in origins
            ),
        )


@contextlib.contextmanager
def _passing_directory() -> Iterator[str]:
    """Give a private directory for the index and the lock of a pass, and remove it afterwards."""
    path = tempfile.mkdtemp(prefix="cscd-recover-")
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _pass(
    origin: Origin,
    goal: Goal,
    keys: Keyring,
    state: str,
    retry_for: float,
    terminal: Terminal,
    interrupts: Interrupts,
) -> Finished:
    tree, only = origin.tree, origin.only
    options = Options(
        Selection(spared=spared(tree, keys.files)),
        state,
        retry_for,
        places=Places(items=(("", only),)) if only else WHOLE,
    )
    progress = Progress(terminal, origin.path, "unencrypting", interrupts)
    return foreground.finish(origin.path, Pass(tree, goal, options, progress), progress, interrupts)


# -- in another place -------------------------------------------------------------------------------------


def _into(
    arguments: argparse.Namespace,
    origins: list[Origin],
    keys: Keyring,
    terminal: Terminal,
    interrupts: Interrupts,
) -> Whole:
    spare = {(file.device, file.inode) for file in keys.files}
    manner = Manner(keys.identities, arguments.only_encrypted, arguments.all_age, spare)
    bases = beside(origins)
    with target(arguments.into) as into:
        finished = tuple(
            _restore(origin, base, into, manner, terminal, interrupts)
            for origin, base in zip(origins, bases, strict=True)
        )
    return Whole(State.UNENCRYPTED, looking=False, trees=finished, done="restored")


def _restore(
    origin: Origin, base: str, into: Tree, manner: Manner, terminal: Terminal, interrupts: Interrupts
) -> Finished:
    progress = Progress(terminal, origin.path, "restoring", interrupts)
    source = Source(origin.tree, origin.only, base)
    recovery = Recovery(source, into, manner, progress, {(into.device, into.inode)})
    finished = foreground.finish(origin.path, recovery, progress, interrupts)
    finished.plain, finished.lessened = recovery.plain, recovery.lessened
    return finished


def _print_report(whole: Whole, into: str | None, terminal: Terminal) -> None:
    # Models cost time and memory that the work has a better use for: they are loaded after it.
    from cscd.cli.report import RecoverReport  # noqa: PLC0415

    path = os.path.abspath(into) if into is not None else None
    terminal.print(RecoverReport.of_recovery(whole, path).model_dump_json(indent=2))
