"""``cscd keys recovery-drill``: whether the key that is kept offline would save the files.

What nobody has tried does not work on the day it is needed: a key that was lost, a recipient that is another
key's, files that were encrypted before there was a recipient.
"""

import argparse
from typing import Final

from cscd.cli.exitcodes import ExitCode
from cscd.cli.terminal import Terminal

SAMPLE: Final = 100
"""If one item in 30 does not open, a sample of so many shows it with a probability of 97 %."""
MOST: Final = 1_000_000


def define(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.description = (
        "Tries a recovery identity on a random sample of encrypted files: unwraps the key of each, verifies"
        " its header and its first and last chunk. Writes nothing. The service, if it is running, logs the"
        " result, and cscd status says when it was."
    )
    parser.add_argument(
        "paths",
        metavar="PATH",
        nargs="*",
        help="directories or files to draw from (default: as root everybody's cache, else one's own)",
    )
    parser.add_argument(
        "-i",
        "--identity",
        metavar="FILE",
        action="append",
        required=True,
        help="the recovery identity (repeatable)",
    )
    parser.add_argument(
        "--sample",
        type=_number,
        default=SAMPLE,
        metavar="N",
        help="how many files to try (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(MOST)) and 0 < int(text) <= MOST):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to {MOST:,}")
    return int(text)


def run(arguments: argparse.Namespace, terminal: Terminal) -> ExitCode:
    """Draw, try, tell the service, and print what came of it."""
    # The other commands about keys do without what this takes, and start in half the time.
    from cscd.cli.rehearsal import hold  # noqa: PLC0415

    return hold(arguments, terminal)
