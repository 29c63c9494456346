"""``cscd run``: the service itself, for all users as root, for oneself as anybody else."""

import argparse
import asyncio
import os
from typing import Final

from cscd.cli.config import checks
from cscd.cli.exitcodes import ExitCode
from cscd.cli.terminal import Terminal
from cscd.config import source
from cscd.daemon import parts
from cscd.daemon.service import Service

_DESCRIPTION: Final = """\
Runs the service until SIGTERM or SIGINT: each user who logs on has their cached files brought into the state
of the cache and kept there. systemd starts it so, as root. Run by anybody else it does the same for that user
alone, without a bus, with the identity that `cscd recheck` uses. SIGHUP reads the configuration anew.
"""


def define(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.description = _DESCRIPTION
    parser.add_argument("--config", metavar="FILE", help="the configuration (default: /etc/cscd/cscd.yaml)")


def run(arguments: argparse.Namespace, terminal: Terminal) -> ExitCode:  # noqa: ARG001 - the log is its output
    """Serve."""
    os.umask(0o077)
    chosen = parts.for_machine(os.environ) if os.geteuid() == 0 else parts.for_user(os.environ)
    service = Service(source(arguments.config), checks(), chosen, os.environ)
    asyncio.run(service.run())
    return ExitCode.OK
