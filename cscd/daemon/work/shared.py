"""What the parts of the service for one user have from the service as a whole."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from cscd.config import Settings
from cscd.daemon.keys.keyring import Keyring
from cscd.daemon.logon.account import Account
from cscd.daemon.state.cache import Cache
from cscd.daemon.state.database import Database
from cscd.daemon.state.records import UserRecord
from cscd.daemon.telling.totals import Totals
from cscd.daemon.work.turns import Turns
from cscd.daemon.work.worker import WorkerProcess
from cscd.events.log import Log


class Spawner(Protocol):
    """Where worker processes come from: `cscd.daemon.work.forkserver`."""

    async def spawn(self, account: Account, memory: int) -> WorkerProcess:
        """Start a worker with at most `memory` bytes for each of its processes. Raises OSError."""


STARTING: Final = 8
"""Workers that start at once; the rest wait in the order of their logons. A start takes some 20 ms of a
processor and has seconds to be done in, which five hundred at once would all exceed."""
STARTING_SECONDS: Final = 1.0
"""For how long one that starts keeps others from it at most: its user can stop it."""


@dataclass(slots=True)
class Shared:
    """The parts that all users have in common; `settings` is replaced at a reload."""

    settings: Settings
    log: Log
    cache: Cache
    database: Database
    keyring: Keyring
    turns: Turns
    totals: Totals
    spawner: Spawner
    remember: Callable[[UserRecord], None]
    """Keeps what is known of a user for the next start; does not wait for the disk."""
    state_directory: Callable[[Account], str]
    """Returns a user's own directory for indexes and locks, made if need be. Raises OSError."""
    starting: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(STARTING))
    """Held by a user whose worker is being started."""
