"""``cscd keys agent``: asks for the passphrase in the dialogs of a desktop, as long as its session lasts."""

import argparse
import asyncio
import os
import signal
from typing import Final

from cscd.cli.exitcodes import ExitCode
from cscd.cli.keyagent import KeyAgent
from cscd.cli.pinentry import DISPLAYS, has_display
from cscd.cli.terminal import Terminal
from cscd.client import Cache
from cscd.errors import NotRunningError

_FIRST_WAIT: Final = 1.0
"""Seconds until the bus is tried again; each time twice as long."""
_LONGEST_WAIT: Final = 60.0
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def define(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.description = (
        "Waits until the service wants to know the passphrase of your key, for a program that may ask you,"
        " and shows the dialog (pinentry). A desktop starts it by itself. It ends with SIGTERM, and starts no"
        " service."
    )


def run(_arguments: argparse.Namespace, terminal: Terminal) -> ExitCode:
    """Do it until a signal ends it. Raises ServiceError."""
    if not has_display(os.environ):
        terminal.say(f"there is no desktop to show a dialog on: neither {' nor '.join(DISPLAYS)} is set")
        return ExitCode.USAGE
    asyncio.run(_until_signalled())
    return ExitCode.OK


async def _until_signalled() -> None:
    serving = asyncio.create_task(_serve(), name="agent")
    for number in _SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, serving.cancel)
    await asyncio.wait((serving,))
    if not serving.cancelled():
        serving.result()


async def _serve() -> None:
    """Be an agent of every service that comes, on every bus that comes."""
    agent, wait = KeyAgent(os.environ), _FIRST_WAIT
    while True:
        try:
            async with await Cache.connected() as cache:
                wait = _FIRST_WAIT
                await cache.serve_agent(agent)
        except NotRunningError:
            await asyncio.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT)
