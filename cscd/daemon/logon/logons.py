"""Who is logged on: which sessions count, by the configuration's rules, and which is a user's first or last.

Per user, one task settles what counts, again whenever something has changed: it compares the sessions that
are open *now* with those that counted when it looked last. So ten sessions at once are one logon, and one
that comes and goes while the user database is asked leaves nothing behind. An account that is not there yet,
as with a directory server that is slow after boot, is asked for again as long as the session is open.
"""

import asyncio
import contextlib
from collections.abc import Collection, Coroutine
from types import MappingProxyType
from typing import Final, Protocol

from cscd.config.settings import SessionSettings
from cscd.daemon.logon.account import Account, Accounts
from cscd.daemon.logon.rules import Rule, against_account, against_session
from cscd.daemon.logon.session import MOST_SESSIONS, Session
from cscd.events.log import Log, UserLog
from cscd.events.sessions import SessionClosed, SessionIgnored, SessionOpened, SessionsListed

FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 300.0
"""Seconds until an account that was not there is asked for again: twice as long each time."""

_LONGEST_SETTLING: Final = 15.0
"""Seconds until a list is told although somebody's account is still being looked for."""


class LogonListener(Protocol):
    """Who hears of logons."""

    def logged_on(self, account: Account) -> None:
        """Take note of a user's first session that counts; again when the account has changed."""

    def logged_off(self, uid: int) -> None:
        """Take note that the last session of the user that counted is over."""

    def slept(self) -> None:
        """Take note that the machine is about to be suspended."""


class Logons:
    """The users who are logged on; hears of sessions as a `SessionListener`."""

    def __init__(
        self, settings: SessionSettings, log: Log, accounts: Accounts, listener: LogonListener
    ) -> None:
        """Take the rules, and who is told."""
        self.settings = settings
        self.log = log
        self.accounts = accounts
        self.listener = listener
        self.known = asyncio.Event()
        """Set once all sessions have been listed, and it is known who counts."""
        self._counts: dict[int, int] = {}
        self._sessions: dict[str, Session] = {}
        self._users: dict[int, _User] = {}
        self._group: asyncio.TaskGroup | None = None

    def attend(self, group: asyncio.TaskGroup) -> None:
        """Do the work in this group of tasks from now on; must come before any session."""
        self._group = group

    @property
    def open(self) -> MappingProxyType[int, int]:
        """Sessions that count, by uid."""
        return MappingProxyType(self._counts)

    def listed(self, sessions: Collection[Session], reason: str) -> None:
        """Take all sessions there are; the reason is told, "" is not."""
        now = {session.id: session for session in sessions}
        before = self._counting()
        for session_id in self._sessions.keys() - now.keys():
            self.closed(session_id)
        for session in now.values():
            self.opened(session)
        if reason:
            self._spawn(self._tell_listed(before, reason))

    def opened(self, session: Session) -> None:
        """Take a session that is open."""
        known = self._sessions.get(session.id)
        if known == session or (known is None and len(self._sessions) >= MOST_SESSIONS):
            return
        if known and known.uid != session.uid:
            self.closed(session.id)
        self._sessions[session.id] = session
        user = self._users.get(session.uid)
        if user is None:
            user = self._users[session.uid] = _User(session.uid, self)
            user.sessions[session.id] = session
            self._spawn(user.run())
        user.sessions[session.id] = session
        user.changed()

    def closed(self, session_id: str) -> None:
        """Take note that a session is over."""
        session = self._sessions.pop(session_id, None)
        if session:
            user = self._users[session.uid]
            del user.sessions[session_id]
            user.changed()

    def slept(self) -> None:
        """Take note that the machine is about to be suspended."""
        self.listener.slept()

    def reconfigure(self, settings: SessionSettings) -> None:
        """Go by other rules, also for the sessions that are open."""
        before = self._counting()
        self.settings = settings
        for user in self._users.values():
            user.changed(anew=True)
        if self._group:
            self._spawn(self._tell_listed(before, "reload"))

    def forget(self, user: "_User") -> None:
        """Let go of a user who has no session, and is told of."""
        del self._users[user.uid]

    def count(self, uid: int, sessions: int) -> None:
        """Keep how many sessions of a user count."""
        if sessions:
            self._counts[uid] = sessions
        else:
            self._counts.pop(uid, None)

    def _counting(self) -> set[str]:
        return {session_id for user in self._users.values() for session_id in user.counting}

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        if self._group is None:
            raise RuntimeError("sessions are told of before anybody attends to them")
        self._group.create_task(work)

    async def _tell_listed(self, before: set[str], reason: str) -> None:
        """Tell of a list once it is known who counts, or that this takes too long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LONGEST_SETTLING):
                await asyncio.gather(*(user.settled.wait() for user in self._users.values()))
        self.known.set()
        after = self._counting()
        self.log.emit(
            SessionsListed(
                reason=reason,
                users=len(self._counts),
                opened=len(after - before),
                closed=len(before - after),
            )
        )


class _User:
    """The sessions of one user."""

    def __init__(self, uid: int, logons: Logons) -> None:
        self.uid = uid
        self.sessions: dict[str, Session] = {}
        self.counting: dict[str, Session] = {}
        self.settled = asyncio.Event()
        self._logons = logons
        self._ignored: dict[str, Rule] = {}
        self._account: Account | None = None
        self._numbers: dict[str, int | None] = {}
        self._woken = asyncio.Event()
        # Whether the user database is to be asked; whether it did not know enough.
        self._anew = False
        self._lacking = False
        self._pause = FIRST_PAUSE

    def changed(self, *, anew: bool = False) -> None:
        """Have it settled what counts, and the account looked up anew if that is wanted."""
        self._anew |= anew
        self._pause = FIRST_PAUSE
        self.settled.clear()
        self._woken.set()

    async def run(self) -> None:
        """Settle what counts whenever something has changed, until the last session is over."""
        while self.sessions or self.counting:
            await self._next()
            if self._wants_account():
                await self._look()
            self._settle()
            if not self._woken.is_set():
                self.settled.set()
        self.settled.set()
        self._logons.forget(self)

    async def _next(self) -> None:
        """Wait until something has changed, or until what was not known may be."""
        pause = None
        if self._lacking:
            pause, self._pause = self._pause, min(2 * self._pause, LONGEST_PAUSE)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._woken.wait()
        self._woken.clear()

    def _candidates(self) -> list[Session]:
        """Return the sessions that count unless their user does not."""
        settings = self._logons.settings
        return [session for session in self.sessions.values() if not against_session(session, settings)]

    def _wants_account(self) -> bool:
        candidates = self._candidates()
        new = any(session.id not in self.counting for session in candidates)
        return bool(candidates) and (self._anew or self._lacking or new)

    async def _look(self) -> None:
        """Look the account up, and the groups that the rules name."""
        self._anew = False
        accounts, names = self._logons.accounts, self._logons.settings.groups
        found, self._numbers = await asyncio.gather(accounts.find(self.uid), accounts.groups(names))
        self._lacking = found is None or None in self._numbers.values()
        if found and self.counting and found != self._account:
            self._logons.listener.logged_on(found)
        # Who is logged on stays so while the user database is down.
        self._account = found or self._account

    def _settle(self) -> None:
        """Compare what is open with what counted, and tell the difference. Nothing waits in here."""
        before = bool(self.counting)
        counting = self._judged()
        for session_id in self.counting.keys() - counting.keys():
            session = self.counting.pop(session_id)
            self._log(session).emit(SessionClosed(session=session_id, sessions=len(self.counting)))
        for session in counting.values():
            new = session.id not in self.counting
            self.counting[session.id] = session
            if new:
                self._log(session).emit(
                    SessionOpened(
                        session=session.id, session_class=session.session_class, sessions=len(self.counting)
                    )
                )
        self._logons.count(self.uid, len(self.counting))
        if self._account and self.counting and not before:
            self._logons.listener.logged_on(self._account)
        elif before and not self.counting:
            self._logons.listener.logged_off(self.uid)

    def _judged(self) -> dict[str, Session]:
        """Return the sessions that count, and tell once of each that does not."""
        settings = self._logons.settings
        counting, ignored = {}, {}
        for session in self.sessions.values():
            rule = against_session(session, settings)
            if not rule and self._account:
                rule = against_account(self._account, self._numbers, settings)
            if rule:
                ignored[session.id] = rule
            elif self._account:
                counting[session.id] = session
        for session_id, rule in ignored.items():
            if self._ignored.get(session_id) != rule:
                self._log(self.sessions[session_id]).emit(SessionIgnored(session=session_id, reason=rule))
        self._ignored = ignored
        return counting

    def _log(self, session: Session) -> UserLog:
        name = self._account.name if self._account else session.user
        return self._logons.log.for_user(name, self.uid)
