"""Keeping what is known of users, without waiting for the disk: the last that is to be kept of each, once.

However often something new is to be kept, no more waits for a slow disk than there are users.
"""

from threading import Lock

from cscd.daemon.state.database import Database
from cscd.daemon.state.disk import Disk
from cscd.daemon.state.records import UserRecord
from cscd.events.log import Log


class Remembering:
    """What waits to be kept."""

    def __init__(self, database: Database, disk: Disk, log: Log) -> None:
        """Keep it in a database, in the thread of a disk, and tell in the log what comes of it."""
        self._database = database
        self._disk = disk
        self._log = log
        self._waiting: dict[int, UserRecord] = {}
        """By uid."""
        self._guard = Lock()
        """Held for a look at what waits, by the loop and the thread; never while the disk is waited for."""

    def __call__(self, record: UserRecord) -> None:
        """Have a record kept, instead of one of the same user that still waits."""
        with self._guard:
            waits = record.uid in self._waiting
            self._waiting[record.uid] = record
        if not waits:
            self._disk.later(lambda: self._keep(record.uid))

    def _keep(self, uid: int) -> None:
        with self._guard:
            record = self._waiting.pop(uid)
        for event in self._database.keep_user(record):
            self._log.emit(event)
