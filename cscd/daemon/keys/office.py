"""What the custodies of all users have in common."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from cscd.config.settings import KeySettings
from cscd.daemon.keys.holder import Holder, HolderSpawner
from cscd.daemon.keys.keyring import Changed
from cscd.daemon.state.disk import Disk
from cscd.events.log import Log
from cscd.keys import Protector, UserKeys
from cscd.worker.holder.messages import Hold

_AT_ONCE: Final = 2
"""Holders that try or write passphrases at once: each takes a processor, and up to a quarter of memory."""


def _ignore(_uid: int, _trigger: str) -> None:
    """Tell nobody."""


@dataclass(slots=True)
class Office:
    """The parts."""

    directory: str
    """The path of ``keys/``."""
    credentials: str | None
    """The directory of the service's credentials."""
    settings: KeySettings
    log: Log
    spawner: HolderSpawner
    changed: Changed = _ignore
    thread: Disk = field(default_factory=lambda: Disk("keys"))
    """Looks at the files that need no secret."""
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))

    @property
    def protectors(self) -> tuple[Protector, ...]:
        """Of a new key."""
        return tuple(map(Protector, self.settings.protectors))

    @property
    def public(self) -> UserKeys:
        """What can be known of keys without a secret."""
        return UserKeys(self.directory)

    async def holder(self, uid: int, lost: Callable[[], None] = lambda: None) -> Holder:
        """Start a holder for a user. Raises HolderLostError."""
        hold = Hold(
            uid=uid,
            keys=self.directory,
            credentials=self.credentials,
            credential=self.settings.machine_credential,
            machine_key_file=self.settings.machine_key_file,
            protectors=self.protectors,
        )
        return await Holder.start(self.spawner, hold, self.turns, lost)
