"""Logons, through whichever source works: logind on the bus, or the files that it leaves in its directory.

With `auto` logind is preferred. While it does not work, its files are watched instead, and it is tried again
and again, less and less often; as soon as it has listed its sessions it takes over. What both tell is the
same, so that a change of source is none for anybody who is logged on.
"""

import asyncio
from collections.abc import Collection, Mapping
from typing import Final

from cscd.config.settings import SessionSettings
from cscd.daemon.logon.account import Accounts
from cscd.daemon.logon.logind import LogindSource
from cscd.daemon.logon.logons import LogonListener, Logons
from cscd.daemon.logon.runtime_directory import RuntimeDirectorySource
from cscd.daemon.logon.session import Session, Source, SourceLostError
from cscd.events.log import Log
from cscd.events.sessions import SessionSourceChanged, SessionSourceLost

__all__ = ["LogonListener", "Sessions"]

FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 60.0
"""Seconds until a source that failed is tried again: twice as long each time. One that worked for longer than
the longest begins with the first again."""


class Sessions:
    """Whose sessions are open, and who is told of the first and last."""

    def __init__(
        self,
        settings: SessionSettings,
        log: Log,
        accounts: Accounts,
        listener: LogonListener,
        *,
        runtime_directory: str = "/run/systemd",
        bus_address: str | None = None,
    ) -> None:
        """Take the rules, who is told, and where to look: the bus is the system bus without an address."""
        self._log = log
        self._logons = Logons(settings, log, accounts, listener)
        logind, directory = LogindSource(bus_address), RuntimeDirectorySource(runtime_directory)
        self._automatic = settings.source == "auto"
        self._first: Source = directory if settings.source == "runtime-directory" else logind
        self._second: Source | None = directory if self._automatic else None
        self._source = ""
        self._listed = False
        self._told_lost: set[str] = set()
        self._standing_in: asyncio.Task[None] | None = None

    @property
    def open(self) -> Mapping[int, int]:
        """How many sessions that count each user has, by uid."""
        return self._logons.open

    @property
    def known(self) -> asyncio.Event:
        """Set once it is known who is logged on."""
        return self._logons.known

    @property
    def source(self) -> str:
        """The source that tells of logons now, "" while none works."""
        return self._source

    def reconfigure(self, settings: SessionSettings) -> None:
        """Go by other rules, also for sessions that are open. Another source takes a restart."""
        self._logons.reconfigure(settings)

    async def run(self) -> None:
        """Tell of logons until cancelled. The end of it is nobody's logoff."""
        async with asyncio.TaskGroup() as group:
            self._logons.attend(group)
            await self._keep(self._first, group)

    async def _keep(self, source: Source, group: asyncio.TaskGroup) -> None:
        """See logons through a source, and try it again whenever it fails."""
        clock = asyncio.get_running_loop().time
        pause = FIRST_PAUSE
        while True:
            began = clock()
            told = _Told(self, source)
            try:
                await source.watch(told)
            except SourceLostError as error:
                self._lost(source, told, error)
            if source is self._first and self._second and not self._standing_in:
                self._standing_in = group.create_task(self._keep(self._second, group))
            if told.listing and clock() - began > LONGEST_PAUSE:
                pause = FIRST_PAUSE
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def take(self, source: Source) -> str:
        """See logons through this source from now on, for it works; return why everything is listed."""
        if source is self._first and self._standing_in:
            self._standing_in.cancel()
            self._standing_in = None
        reason, self._listed = "reconnect" if self._listed else "start", True
        why = "restored" if source is self._first else "fallback"
        if reason == "start":
            why = "automatic" if self._automatic else "configured"
        self._source = source.name
        self._told_lost.discard(source.name)
        self._log.emit(SessionSourceChanged(source=source.name, reason=why))
        return reason

    def takes_from(self, source: Source) -> bool:
        """Return whether what this source tells is still wanted: the other one may have taken over."""
        return source is self._first or self._standing_in is not None

    @property
    def logons(self) -> Logons:
        """Who is told of sessions."""
        return self._logons

    def _lost(self, source: Source, told: "_Told", error: SourceLostError) -> None:
        """Say so, once: not again while it stays lost, nor where `auto` finds no bus to begin with."""
        if self._source == source.name:
            self._source = ""
        never_there = source is self._first and self._automatic
        if told.listing or (source.name not in self._told_lost and not never_there):
            self._log.emit(SessionSourceLost(source=source.name, error=str(error)))
            self._told_lost.add(source.name)


class _Told:
    """What a source tells from one attempt to watch it: the first list makes it the source that counts."""

    def __init__(self, sessions: Sessions, source: Source) -> None:
        self._sessions = sessions
        self._source = source
        self.listing = False

    def listed(self, sessions: Collection[Session], reason: str) -> None:
        """Take all sessions."""
        if not self._sessions.takes_from(self._source):
            return
        if not self.listing:
            self.listing = True
            reason = self._sessions.take(self._source)
        self._sessions.logons.listed(sessions, reason)

    def opened(self, session: Session) -> None:
        """Take one that is open."""
        if self._sessions.takes_from(self._source):
            self._sessions.logons.opened(session)

    def closed(self, session_id: str) -> None:
        """Take note of one that is over."""
        if self._sessions.takes_from(self._source):
            self._sessions.logons.closed(session_id)

    def slept(self) -> None:
        """Take note of a suspend."""
        if self._sessions.takes_from(self._source):
            self._sessions.logons.slept()
