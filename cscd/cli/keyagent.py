"""The agent that asks the person at this command, or at this desktop, for the passphrase of their key.

Each time it is a process of its own that asks and unlocks, ``cscd keys unlock``: the passphrase is gone with
it, and a dialog that nobody needs any more is closed by ending it.
"""

import asyncio
import signal
import sys
from collections.abc import Mapping
from typing import Final

from cscd.cli import tty
from cscd.cli.exitcodes import ExitCode
from cscd.cli.pinentry import has_display
from cscd.client import Code, PassphraseAgent
from cscd.worker.kernel import die_with_parent

# -P: what lies in the working directory is not our program.
_COMMAND: Final = (sys.executable, "-P", "-m", "cscd", "keys", "unlock")
_CODES: Final = {ExitCode.OK: Code.SUCCESS, ExitCode.CANCELLED: Code.CANCELLED}


class KeyAgent(PassphraseAgent):
    """Asks in the desktop's dialog where there is a desktop, else at the terminal."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Take the environment, which says where the desktop is."""
        self._environment = environment

    async def unlock(self, *, terminal: bool) -> Code:
        """See `PassphraseAgent`."""
        dialog = ["--dialog"] if not terminal and has_display(self._environment) else []
        before = tty.settings()
        process = await asyncio.create_subprocess_exec(
            *_COMMAND,
            *dialog,
            env=dict(self._environment),
            stdout=asyncio.subprocess.DEVNULL,
            preexec_fn=_end_with_us,
        )
        try:
            ended = await process.wait()
        except asyncio.CancelledError:
            process.terminate()
            await process.wait()
            tty.restore(before)  # it was hiding what is typed
            raise
        return _CODES.get(ExitCode(ended), Code.NOT_AUTHENTICATED) if ended >= 0 else Code.NOT_AUTHENTICATED


def _end_with_us() -> None:
    die_with_parent(signal.SIGTERM)
