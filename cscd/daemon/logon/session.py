"""A session, as every source of logons tells it, and what a source is.

What a source reads comes from logind, or from whoever answers in its place: nothing of it is used before it
was checked here.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Protocol

from cscd.errors import CscdError

MOST_SESSIONS: Final = 16_384
"""Sessions that are looked at, twice what logind allows by default (SessionsMax= in logind.conf(5))."""

NO_UID: Final = 0xFFFF_FFFF
"""(uid_t) -1, which is nobody's."""

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_WORD: Final = re.compile(r"[a-z-]{1,32}")
_MOST_NAME: Final = 256
_CLOSING: Final = "closing"
"""The user has logged off, and processes are left that keep the session: sd_session_get_state(3)."""


class SourceLostError(CscdError):
    """Logons cannot be seen this way, or no longer; it says why, in words for a log."""


@dataclass(frozen=True, slots=True)
class Session:
    """A session that is open."""

    id: str
    uid: int
    user: str
    """The user's name as logind has it; for logs only."""
    session_class: str


class SessionListener(Protocol):
    """Who hears of sessions from a source."""

    def listed(self, sessions: Collection[Session], reason: str) -> None:
        """Take all sessions that are open; the reason is resume, reconnect, or "" for none to tell."""

    def opened(self, session: Session) -> None:
        """Take a session that is open; it may be known, or have changed."""

    def closed(self, session_id: str) -> None:
        """Take note that a session is over; it may be unknown."""

    def slept(self) -> None:
        """Take note that the machine is about to be suspended; only logind tells."""


class Source(Protocol):
    """A way to see logons."""

    @property
    def name(self) -> str:
        """What the configuration calls it."""

    async def watch(self, listener: SessionListener) -> None:
        """List all sessions, then tell of changes, until cancelled.

        Raises:
            SourceLostError: it does not work, or no longer.
        """


def is_session_id(value: object) -> bool:
    """Return whether this may be logind's id of a session."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def session_of(
    session_id: object, uid: object, user: object, session_class: object, state: object
) -> Session | None:
    """Return the session that these describe, or None if it is over or they describe none."""
    if state == _CLOSING or not isinstance(session_id, str) or not is_session_id(session_id):
        return None
    if not isinstance(uid, int) or isinstance(uid, bool) or not 0 <= uid < NO_UID:
        return None
    if not isinstance(session_class, str) or not _WORD.fullmatch(session_class):
        return None
    name = user[:_MOST_NAME] if isinstance(user, str) else ""
    return Session(session_id, uid, name, session_class)
