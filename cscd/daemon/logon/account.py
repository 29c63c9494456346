"""An account, and finding it in the user database (NSS) without ever waiting for that in the event loop.

NSS may be slow, hang, or be down (LDAP, sssd, systemd-homed), and a call of it cannot be interrupted. Each
runs in a thread of its own, for which nobody waits at the end: a thread that hangs costs its place, and there
are only so many. Two lookups of one thing share a thread, so that no user can use up the places by logging on
again and again.
"""

import asyncio
import contextlib
import grp
import os
import pwd
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Thread
from typing import Final

LONGEST: Final = 10.0
"""Seconds that a caller waits for the user database."""

PLACES: Final = 16
"""Lookups at once, and threads that hang at most."""

_Answer = object | None


@dataclass(frozen=True, slots=True)
class Account:
    """A user as the user database has it; name and home are theirs to choose, and not validated."""

    name: str
    uid: int
    gid: int
    home: str
    groups: tuple[int, ...]
    """All of the user's groups, in ascending order: the primary one is among them."""


class Accounts:
    """The user database."""

    def __init__(self, *, longest: float = LONGEST, places: int = PLACES) -> None:
        """Take how long to wait for an answer, in seconds, and how many lookups may run or hang at once."""
        self._longest = longest
        self._places = asyncio.Semaphore(places)
        self._running: dict[tuple[str, object], asyncio.Future[_Answer]] = {}

    async def find(self, uid: int) -> Account | None:
        """Return the account, or None if there is none, none yet, or no answer in time: try again later."""
        found = await self._ask(("uid", uid), partial(_account, uid))
        return found if isinstance(found, Account) else None

    async def named(self, name: str) -> Account | None:
        """Return the account of that name, or None as above."""
        found = await self._ask(("name", name), partial(_account_named, name))
        return found if isinstance(found, Account) else None

    async def group(self, name: str) -> int | None:
        """Return the number of a group, or None if there is none, none yet, or no answer in time."""
        found = await self._ask(("group", name), partial(_group, name))
        return found if isinstance(found, int) else None

    async def groups(self, names: Sequence[str]) -> dict[str, int | None]:
        """Return the numbers of some groups."""
        numbers = await asyncio.gather(*map(self.group, names))
        return dict(zip(names, numbers, strict=True))

    async def _ask(self, key: tuple[str, object], look: Callable[[], _Answer]) -> _Answer:
        try:
            async with asyncio.timeout(self._longest):
                if key not in self._running:
                    await self._places.acquire()
                    self._start(key, look)
                # The thread goes on when we give up: who asks again waits for the same answer.
                return await asyncio.shield(self._running[key])
        except TimeoutError:
            return None

    def _start(self, key: tuple[str, object], look: Callable[[], _Answer]) -> None:
        if key in self._running:  # somebody else got a place for it while we waited for ours
            self._places.release()
            return
        loop = asyncio.get_running_loop()
        # Not an executor: the interpreter waits for its threads at the end, and one of these may never end.
        thread = Thread(target=self._look, args=(loop, key, look), name="cscd-nss", daemon=True)
        self._running[key] = loop.create_future()
        try:
            thread.start()
        except RuntimeError:  # no thread to be had: once the caller waits, there is no answer
            loop.call_soon(self._answered, key, None)

    def _look(
        self, loop: asyncio.AbstractEventLoop, key: tuple[str, object], look: Callable[[], _Answer]
    ) -> None:
        found = None
        try:
            found = look()
        finally:
            # The loop has ended: nobody is there to be told.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._answered, key, found)

    def _answered(self, key: tuple[str, object], found: _Answer) -> None:
        self._places.release()
        answer = self._running.pop(key)
        if not answer.done():
            answer.set_result(found)


def _account(uid: int) -> Account | None:
    try:
        entry = pwd.getpwuid(uid)
        groups = os.getgrouplist(entry.pw_name, entry.pw_gid)
    except (KeyError, OSError, ValueError, OverflowError):
        return None  # ValueError: a name that is no text; OverflowError: a uid that is none
    if entry.pw_uid != uid:
        return None
    return Account(entry.pw_name, uid, entry.pw_gid, entry.pw_dir, tuple(sorted(set(groups))))


def _account_named(name: str) -> Account | None:
    try:
        return _account(pwd.getpwnam(name).pw_uid)
    except (KeyError, OSError, ValueError):  # ValueError: a name that is none
        return None


def _group(name: str) -> int | None:
    try:
        return grp.getgrnam(name).gr_gid
    except (KeyError, OSError, ValueError):
        return None
