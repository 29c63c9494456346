"""``cscd encrypt``: have the service encrypt."""

import argparse

from cscd.cli import encryption
from cscd.cli.exitcodes import ExitCode
from cscd.cli.terminal import Terminal
from cscd.files.goal import State


def define(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    encryption.define(parser, State.ENCRYPTED)


def run(arguments: argparse.Namespace, terminal: Terminal) -> ExitCode:
    """Call the service and say what came of it."""
    return encryption.run(State.ENCRYPTED, arguments, terminal)
