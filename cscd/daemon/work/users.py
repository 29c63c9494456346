"""All users who are logged on, and what concerns every one: another state, other settings, the end."""

import asyncio
from collections.abc import Iterator
from typing import Final

from cscd.daemon.encrypt.codes import Code
from cscd.daemon.encrypt.operation import Operation
from cscd.daemon.logon.account import Account
from cscd.daemon.state.records import UserRecord
from cscd.daemon.work import compliance
from cscd.daemon.work.pace import Pace
from cscd.daemon.work.shared import Shared
from cscd.daemon.work.stay import Stay
from cscd.daemon.work.timers import Timers
from cscd.daemon.work.user import User
from cscd.events.service import InternalError
from cscd.files.goal import State

STOP_WITHIN: Final = 3.0
"""Seconds for all workers to stop after the chunk at hand and end; then they are killed, which costs no item
anything."""


AGAIN: Final = 60.0
"""Seconds until a user is served again for whom something went wrong that nobody foresaw."""

_TELL: Final = "tell"
"""The name of the timer until it is told whether the cache is partial."""


class Users:
    """The users who are logged on; hears of logons as a `LogonListener`."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._users: dict[int, User] = {}
        self._lives: dict[int, asyncio.Task[None]] = {}
        self._timers = Timers()
        self._pace = Pace()
        """Of telling whether the cache is partial: that goes to the whole bus, and workers decide when."""
        self._unright: set[int] = set()
        """Those known who have some item that is not in the cache-wide state, or is not known to be."""
        self._departed: dict[int, UserRecord] = {}
        """What was known last of those who have left: the database may not have heard of it yet."""
        shared.keyring.on_change(self._key_changed)
        self.stopping = False
        """Whether the service stops, and nothing new begins."""

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._users)

    def __iter__(self) -> Iterator[User]:
        """Yield those who are logged on, or were until just now."""
        return iter(list(self._users.values()))

    def find(self, uid: int) -> User | None:
        """Return the user with a number, if logged on."""
        return self._users.get(uid)

    @property
    def running(self) -> int:
        """Passes that are under way."""
        return sum(user.passes.running is not None for user in self)

    # -- logons --------------------------------------------------------------------------------

    def logged_on(self, account: Account) -> None:
        """Take note of a first session, or of a change in the account."""
        if self.stopping:
            return
        self._timers.cancel(_again(account.uid))
        self._shared.keyring.arrived(account.uid)
        user = self._known(account)
        user.log_on(account)
        self._live(user)

    def logged_off(self, uid: int) -> None:
        """Take note that the last session of a user has ended."""
        self._timers.cancel(_again(uid))
        user = self._users.get(uid)
        if user:
            user.log_off()

    def _key_changed(self, uid: int, trigger: str) -> None:
        """Have everything of a user looked at whose key is another matter now.

        A new key is what a pass has waited for, if there was none; but for that, only who unencrypts takes
        identities.
        """
        user = self._users.get(uid)
        if user and (trigger == "key_created" or self._shared.cache.state is State.UNENCRYPTED):
            user.recheck(trigger)

    def slept(self) -> None:
        """Take note that the machine is about to be suspended."""
        self._shared.keyring.sleep()

    def _known(self, account: Account) -> User:
        user = self._users.get(account.uid)
        if user is None:
            user = self._users[account.uid] = User(account, self._shared, self._judge)
            self._judge(user)
        return user

    def _live(self, user: User) -> None:
        """Have a user's life begin, if it is not under way."""
        if user.account.uid not in self._lives:
            self._begin(user)

    def _begin(self, user: User) -> None:
        life = asyncio.get_running_loop().create_task(user.run(), name=f"user {user.account.uid}")
        self._lives[user.account.uid] = life
        life.add_done_callback(lambda ended: self._ended(user, ended))

    def _ended(self, user: User, life: asyncio.Task[None]) -> None:
        """Forget a user who has left, unless they came back in the very moment."""
        uid = user.account.uid
        del self._lives[uid]
        error = None if life.cancelled() else life.exception()
        if error:
            where = f"what is done for {user.account.name}"
            self._shared.log.emit(InternalError(where=where, error=f"{type(error).__name__}: {error}"))
        if user.over or self.stopping or error:
            self._departed[uid] = user.passes.record
            del self._users[uid]
            self._shared.keyring.left(uid)
            if error and user.stay in (Stay.HERE, Stay.GRACE) and not self.stopping:
                self._timers.start(_again(uid), AGAIN, lambda: self.logged_on(user.account))
        else:
            self._begin(user)

    # -- all of them ---------------------------------------------------------------------------

    def recheck(self, trigger: str, *, but: int | None = None) -> None:
        """Have everything of everybody looked at, but for one user if `but` says so."""
        for user in self:
            if user.account.uid != but:
                user.recheck(trigger)

    def operate(self, account: Account, wanted: Operation) -> Operation:
        """Have a call of Encrypt done for a user, logged on or not; returns the one to wait for."""
        if self.stopping:
            wanted.finish(Code.REQUEST_ABORTED)
            return wanted
        user = self._known(account)
        operation = user.operate(wanted)
        self._live(user)
        return operation

    def reconfigure(self) -> None:
        """Have everybody work by the settings in force."""
        for user in self:
            user.reconfigure()

    def ping(self) -> None:
        """Ask every worker that has something to do whether it is alive, the others now and then."""
        for user in self:
            if user.worker and user.worker.ready:
                user.worker.ping()

    def judge(self) -> None:
        """Find out of everybody known whether some item is not in the cache-wide state."""
        state = self._shared.cache.state
        known = {record.uid: record for record in self._shared.database.users()} | self._departed
        known |= {user.account.uid: user.passes.record for user in self}
        self._unright = {
            uid
            for uid, record in known.items()
            if compliance.partial(state, record.last_pass, record.pending)
        }
        self._shared.cache.judge(partial=bool(self._unright))

    def _judge(self, user: User) -> None:
        """Find it out anew of one user, which is all that a message of that user's can have changed."""
        if user.passes.partial:
            self._unright.add(user.account.uid)
        else:
            self._unright.discard(user.account.uid)
        self._shared.cache.partial = bool(self._unright)
        if _TELL not in self._timers:
            self._tell()

    def _tell(self) -> None:
        """Tell whether the cache is partial, if that has changed; later, if it changes all the time."""
        if pause := self._pace.wait():
            self._timers.start(_TELL, pause, self._tell)
        elif self._shared.cache.judge(partial=bool(self._unright)):
            self._pace.take()

    async def stop(self) -> int:
        """Stop everything that is under way and wait for it; returns how many passes that were."""
        self.stopping = True
        self._timers.cancel_all()
        for user in self:
            user.leave()
        lives = list(self._lives.values())
        if lives:
            _, late = await asyncio.wait(lives, timeout=STOP_WITHIN)
            for life in late:
                life.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        return len(lives)


def _again(uid: int) -> str:
    """Return the name of the timer until a user is served again."""
    return f"again {uid}"
