"""``cscd unencrypt``: have the service decrypt for good."""

import argparse

from cscd.cli import encryption
from cscd.cli.exitcodes import ExitCode
from cscd.cli.terminal import Terminal
from cscd.files.goal import State


def define(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    encryption.define(parser, State.UNENCRYPTED)


def run(arguments: argparse.Namespace, terminal: Terminal) -> ExitCode:
    """Call the service and say what came of it."""
    return encryption.run(State.UNENCRYPTED, arguments, terminal)
