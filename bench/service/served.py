"""The daemon of a benchmark: `python -m bench.service.served CONFIG SESSIONS HOMES`.

What `cscd run` does as root, but for who is logged on and who exists; and nobody calls it over the bus.
"""

import asyncio
import dataclasses
import os
import sys

from bench.service.accounts import Numbered
from cscd.cli.config import checks
from cscd.config import source
from cscd.daemon import parts
from cscd.daemon.logon.sessions import Sessions
from cscd.daemon.service import Service


def main(config: str, sessions: str, homes: str) -> None:
    """Serve until SIGTERM."""
    os.umask(0o077)
    chosen = dataclasses.replace(
        parts.for_machine(os.environ),
        accounts=Numbered(homes),
        logons=lambda settings, log, accounts, listener: Sessions(
            settings.sessions, log, accounts, listener, runtime_directory=sessions
        ),
        on_bus=False,
    )
    asyncio.run(Service(source(config), checks(), chosen, os.environ).run())


if __name__ == "__main__":
    main(*sys.argv[1:])
