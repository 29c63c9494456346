"""What is printed after a change of a key: one sentence and what follows from it, or an object."""

import argparse
from typing import Literal

from cscd.cli.names import wrapped
from cscd.cli.report import Model
from cscd.cli.terminal import Terminal

Command = Literal[
    "keys unlock",
    "keys lock",
    "keys passphrase",
    "keys protect",
    "keys unprotect",
    "keys rotate",
    "keys export",
    "keys import",
]


class KeyChangeReport(Model):
    """What the commands that change something about a key print with ``--json``."""

    format: Literal[1] = 1
    """The version of this object."""
    command: Command
    """What it is the report of."""
    key_id: str
    """The key that is encrypted to now."""


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--json``."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def tell(
    terminal: Terminal, arguments: argparse.Namespace, command: Command, key_id: str, *sentences: str
) -> None:
    """Print what was done to a key: the object if it was asked for, else these sentences."""
    if arguments.json:
        terminal.print(KeyChangeReport(command=command, key_id=key_id).model_dump_json(indent=2))
        return
    for sentence in sentences:
        for line in wrapped(sentence, terminal.columns()):
            terminal.print(line)
