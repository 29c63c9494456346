"""One user's keys: who may have them opened, and for how long they are at hand.

Where a passphrase opens the key there is one holder that has it at hand, from the unlocking to the lock.
Where the machine key opens it, a holder is made when one is needed; it stays for a moment, for who opens one
file often opens the next. `lock` has such a user wait, too, until `unlock` or the next logon.

Whoever asks has a holder to themselves as long as they are asked for secrets, so that nobody who is slow, or
who guesses, keeps the identities that are at hand from a pass or a logon.
"""

import asyncio
import os
import socket
from collections.abc import Callable
from typing import Final

from cscd.daemon.keys.holder import Holder
from cscd.daemon.keys.keyring import KeyAwaitedError, Standing
from cscd.daemon.keys.office import Office
from cscd.daemon.keys.told import tell, tell_faults, words
from cscd.daemon.keys.tries import Tries
from cscd.daemon.work.timers import Timers
from cscd.errors import KeyFileError
from cscd.events.keys import KeyAwaited, KeyCreated, KeyLocked, KeyUnlocked, KeyWrappingStale
from cscd.events.log import UserLog
from cscd.keys import ListedKey, Protector, UserKey
from cscd.worker.holder.messages import Done, Duty, Lend, Make, Serve, Shown
from cscd.worker.holder.reply import Refused

SESSION_WITHIN: Final = 60.0
"""Seconds from an unlocking to the session that it was for; without one the key is forgotten again."""
_LINGERS: Final = 1.0
"""Seconds for which a holder that the machine key has opened waits for another request."""
_BY_LOGON: Final = ("logon_auth", "logon_password")
_AS_ROOT: Final = True
"""The place of root among those who are being served; PAM is root."""
_KEPT_FOR: Final = frozenset({"unlock", "passphrase", "unprotect_machine", "rotate", "import", "logon_auth"})
"""What a holder is kept after, if it has the key at hand then."""


def _nothing() -> None:
    """Tell nobody."""


class Custody:
    """The keys of one user."""

    def __init__(self, uid: int, office: Office) -> None:
        self.uid = uid
        self.present = False
        """Whether the user is there, or something is still to be done for them."""
        self._office = office
        self._log: UserLog = office.log.for_user(str(uid), uid)
        self._living: Holder | None = None
        """The holder that a passphrase has opened."""
        self._spare: Holder | None = None
        """One that the machine key has opened, for a moment."""
        self._locked = False
        """Whether the machine key is not to open anything, because somebody has said `lock`."""
        self._fails = False
        """Whether the machine key did not open the key the last time."""
        self._checked = False
        """Whether it was found out whether the machine key opens it."""
        self._stale = False
        self._awaited = False
        self._key_id = ""
        self._protectors: tuple[Protector, ...] = ()
        self._tries = Tries()
        self._timers = Timers()
        self._serving: set[bool] = set()
        """Who is being served by a holder of their own: root, the user, or both."""

    def named(self, name: str) -> None:
        """Learn what the user is called in the log."""
        self._log = self._office.log.for_user(name, self.uid)

    # -- how it stands -------------------------------------------------------------------------

    @property
    def standing(self) -> Standing:
        """How the key stands, as far as it was used."""
        state = "unlocked" if self._living or self._by_machine else "locked"
        return Standing(
            self._key_id,
            state if self._key_id else "none",  # type: ignore[arg-type] # two words, which are a str to it
            self._protectors,
            stale=self._stale,
            awaited=self._awaited,
        )

    @property
    def _by_machine(self) -> bool:
        """Whether the machine key may open the key, and does as far as known."""
        return Protector.MACHINE in self._protectors and not self._locked and not self._fails

    async def look(self) -> tuple[ListedKey, ...]:
        """Look at the user's keys, which takes no secret. Raises KeyFileError where they are unusable."""
        public, uid = self._office.public, self.uid
        refused: list[KeyFileError] = []
        current, listed = await self._office.thread.do(
            lambda: (public.current(uid), public.listed(uid, refused.append))
        )
        found = next((key for key in listed if key.current), None)
        self._key_id = current.key_id if current else ""
        self._protectors = found.protectors if found else ()
        return listed

    async def key(self) -> UserKey:
        """Return the key that encrypts, made first if the machine key may open a new one.

        Raises KeyAwaitedError, which is told once, and KeyFileError.
        """
        public = self._office.public
        key = await self._office.thread.do(lambda: public.current(self.uid))
        if key is None:
            key = await self._make()
        if key.key_id != self._key_id:
            await self.look()
        self._awaited = False
        return key

    async def _make(self) -> UserKey:
        if Protector.MACHINE not in self._office.protectors:
            if not self._awaited:
                self._awaited = True
                self._log.emit(KeyAwaited())
            raise KeyAwaitedError("there is no key yet; it is made with the first passphrase")
        done = await self._machines(Make(number=0))
        if done.made:
            self._log.emit(KeyCreated(key_id=done.key_id, protectors=words(done.protectors)))
        self._refuse_fault(done)
        public = self._office.public
        key = await self._office.thread.do(lambda: public.current(self.uid))
        if key is None:
            raise KeyFileError("the key was removed while it was made", "missing")
        return key

    def _refuse_fault(self, done: Done) -> None:
        """Raise what kept a holder from its work."""
        tell_faults(self._log, done.faults, self._key_id)
        if done.refused:
            first = done.faults[0] if done.faults else None
            raise KeyFileError(
                done.message,
                first.reason if first else "unreadable",  # type: ignore[arg-type] # the holder's KeyFault
                path=first.path if first else "",
                errno=first.errno if first else None,
            )

    # -- identities for a pass -----------------------------------------------------------------

    async def check(self) -> None:
        """Find out once whether the machine key opens the key: that must not show only in need."""
        if not self._checked and self._by_machine:
            self._opened(await self._machines(Lend(number=0)))

    async def lend(self) -> int | None:
        """Return the end of a pipe with the identities, None where they are locked; the caller closes it."""
        if not self._living and (self._locked or Protector.MACHINE not in self._protectors):
            return None
        ours, theirs = os.pipe2(os.O_CLOEXEC)
        try:
            done = await (
                self._living.do(Lend(number=0), theirs)
                if self._living
                else self._machines(Lend(number=0), theirs)
            )
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        self._opened(done)
        if done.identities:
            return ours
        os.close(ours)
        return None

    def _opened(self, done: Done) -> None:
        """Take note of whether a holder had the key at hand."""
        tell_faults(self._log, done.faults, self._key_id)
        self._checked = True
        if not self._living:
            self._fails = not done.opened

    async def _machines(self, request: Make | Lend | Serve, descriptor: int | None = None) -> Done:
        """Have something done by a holder that the machine key opens. Raises HolderLostError."""
        holder = self._spare if self._spare and not self._spare.over else None
        if holder is None:
            holder = self._spare = await self._office.holder(self.uid)
        self._timers.start("spare", _LINGERS, self._let_spare_go)
        try:
            return await holder.do(request, descriptor)
        finally:
            if self._spare is not holder:  # locked meanwhile, or another one has come
                holder.end()

    def _let_spare_go(self) -> None:
        """End it, but not while it is at work: making a key may wait for a logon that makes it, too."""
        if self._spare and self._spare.busy:
            self._timers.start("spare", _LINGERS, self._let_spare_go)
        else:
            self._end_spare()

    def _end_spare(self) -> None:
        self._timers.cancel("spare")
        spare, self._spare = self._spare, None
        if spare:
            spare.end()

    # -- questions -----------------------------------------------------------------------------

    async def unwrap(self, connection: socket.socket, stanzas: tuple[Shown, ...]) -> Done:
        """Have a holder open a file for the client. Raises Refused."""
        passphrase_alone = self._key_id and Protector.MACHINE not in self._protectors
        if not self._living and (self._locked or passphrase_alone):
            raise Refused("locked", "your key is locked; unlock it with `cscd keys unlock`")
        request = Serve(number=0, duty="unwrap", stanzas=stanzas)
        if self._living:
            return await self._living.do(request, connection.fileno())
        return await self._machines(request, connection.fileno())

    async def serve(
        self,
        duty: Duty,
        connection: socket.socket,
        *,
        by_root: bool,
        for_another: bool = False,
        taken: Callable[[], None] = _nothing,
    ) -> Done:
        """Have a holder do what a client asks for, and take note of what came of it.

        Args:
            duty: what.
            connection: the client's.
            by_root: whether root asks.
            for_another: whether root asks for this user.
            taken: called once the client has sent its secrets.

        Raises Refused where the client has to come back later, and HolderLostError.
        """
        if by_root in self._serving:
            raise Refused("busy", "these keys are at work for another question; try again in a moment")
        now = asyncio.get_running_loop().time()
        may_try = duty in _BY_LOGON or self._tries.allowed(now)
        request = Serve(number=0, duty=duty, may_try=may_try, for_another=for_another)
        self._serving.add(by_root)
        try:
            if duty == "logon_password" and self._living:
                done = await self._living.do(request, connection.fileno(), taken)
                self._settle(duty, done, None)
                return done
            return await self._serve_alone(request, connection, taken)
        finally:
            self._serving.discard(by_root)

    async def _serve_alone(
        self, request: Serve, connection: socket.socket, taken: Callable[[], None]
    ) -> Done:
        holder = await self._office.holder(self.uid, self._check_living)
        try:
            done = await holder.do(request, connection.fileno(), taken)
            self._settle(request.duty, done, holder)
        finally:
            if holder is not self._living:
                holder.end()
        return done

    def _settle(self, duty: Duty, done: Done, holder: Holder | None) -> None:
        """Take note of what came of a question; the holder that did it is kept if it has to be."""
        now = asyncio.get_running_loop().time()
        tell(self._log, duty, done)
        if done.refused == "wrong_passphrase" and duty not in _BY_LOGON:
            self._tries.wrong(now)
        elif done.tried and not done.refused and not done.stale:
            self._tries.right()
        if done.key_id:
            self._key_id, self._protectors = done.key_id, done.protectors
        if done.refused:
            return
        self._stale = done.stale and not done.changed if duty in (*_BY_LOGON, "passphrase") else self._stale
        if done.made or duty in ("rotate", "import"):
            self._end_spare()  # it does not know the new key
            self._awaited = False
        if duty in _KEPT_FOR and done.opened:
            self._unlocked(duty, done, holder)
        if done.made:
            self._office.changed(self.uid, "key_created")

    def _unlocked(self, duty: Duty, done: Done, holder: Holder | None) -> None:
        """Have the key at hand from now on: in that holder, or whenever the machine key opens it."""
        before = self.standing.state
        if done.opened_by == Protector.MACHINE:
            self._fails = False
        machine = Protector.MACHINE in done.protectors and not self._fails
        if duty in ("unlock", "logon_auth"):
            self._locked = False
        if machine:
            self._end_living()
        elif holder:
            former, self._living = self._living, holder
            if former:
                former.end()
            if not self.present:
                self._timers.start("session", SESSION_WITHIN, lambda: self.lock("no_session"))
        if self.standing.state == "unlocked" and (before == "locked" or (done.made and not machine)):
            reason = "logon" if duty in _BY_LOGON else "command"
            self._log.emit(KeyUnlocked(key_id=self._key_id, protector=done.opened_by, reason=reason))
            self._office.changed(self.uid, "key_unlocked")

    async def of_use(self, stage: str) -> bool:
        """Whether the logon password is of use: it opens something, or a wrapping under it is to be made.

        While one is tried already, another one is not: it is the same, and a logon does not wait for it.
        """
        listed = await self.look()
        current = next((key for key in listed if key.current), None)
        configured = Protector.PASSPHRASE in self._office.protectors
        if current is None:
            return stage == "auth" and configured
        if not configured and Protector.PASSPHRASE not in current.protectors:
            return False
        machine = Protector.MACHINE in current.protectors
        if stage == "password":
            at_hand = bool(self._living) or machine
            if not at_hand and Protector.PASSPHRASE in current.protectors:
                self._outdated()
            return at_hand
        if _AS_ROOT in self._serving:
            return False
        at_hand = bool(self._living) or (self.present and self._by_machine)
        return not at_hand and (machine or Protector.PASSPHRASE in current.protectors)

    def _outdated(self) -> None:
        """Take note that the logon password was changed, and the wrapping could not be."""
        if not self._stale:
            self._stale = True
            self._log.emit(KeyWrappingStale(key_id=self._key_id, healed=False))

    # -- locking -------------------------------------------------------------------------------

    def lock(self, reason: str) -> None:
        """Forget the identities; said with `lock`, the machine key opens them only when somebody asks for it.

        What is under way is ended by its holder's end.
        """
        self._timers.cancel("session")
        self._end_spare()
        was_unlocked = self.standing.state == "unlocked"
        had_one = self._end_living()
        if reason == "command":
            self._locked = True
        if had_one or (was_unlocked and reason == "command"):
            self._log.emit(KeyLocked(key_id=self._key_id, reason=reason))
            self._office.changed(self.uid, "key_locked")

    def arrive(self) -> None:
        """Take note that the user is there; a logon opens what the machine key opens."""
        self._timers.cancel("session")
        if not self.present:
            self._locked = False
        self.present = True

    def leave(self) -> None:
        """Take note that nothing is left to do for the user."""
        self.present = self._awaited = False
        self.lock("logoff")

    def _end_living(self) -> bool:
        living, self._living = self._living, None
        if living:
            living.end()
        return living is not None

    def _check_living(self) -> None:
        """Take note that a holder has ended that nobody asked to: the user has to unlock again."""
        if self._living and self._living.over:
            self.lock("holder_failed")

    @property
    def idle(self) -> bool:
        """Whether nothing would be lost if this was forgotten."""
        now = asyncio.get_running_loop().time()
        in_use = self.present or self._living or self._spare or self._serving or self._locked
        return not in_use and self._tries.unused(now)
