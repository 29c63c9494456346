"""``cscd demo``: the service at work on a small cache of its own, with real commands and real files."""

import argparse
import os
import signal
import tempfile

from cscd.cli import understudy, venue
from cscd.cli.demonstration import Demonstration
from cscd.cli.exitcodes import ExitCode
from cscd.cli.terminal import Terminal


def define(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.description = (
        "Shows the service at work on a small cache of its own, in a directory that is removed afterwards. It"
        " takes less than 30 seconds and no privileges; for root, another user holds it."
    )
    parser.add_argument("--in", dest="place", metavar="DIR", help="where to make that directory")


def run(arguments: argparse.Namespace, terminal: Terminal) -> ExitCode:
    """Do it all; OK only if everything went as it should and came back as it was."""
    place = os.path.abspath(arguments.place or venue.find())
    venue.check(place)
    if not os.geteuid():
        understudy.take_over(place, os.environ, terminal)
    for number in (signal.SIGTERM, signal.SIGHUP):  # like Ctrl-C: nothing stays behind, and nothing goes on
        signal.signal(number, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="cscd-demo-", dir=place) as directory:
        return Demonstration(directory, terminal, os.environ).run()
