"""Encrypt, from the call to the answer: flags, policy, authority, the state made durable, items converted.

What a caller can cause is a code, never an exception. The order is what the reference promises: a call that
is refused changes nothing; the state is on the medium before the first item is touched; from then on new
items follow it, for every user, whatever becomes of the call.
"""

import asyncio
import time
from collections.abc import Callable

from cscd.daemon.encrypt.attendant import Attendant
from cscd.daemon.encrypt.calls import (
    CHANGE_STATE,
    ENCRYPT_USER,
    Asked,
    Authority,
    Caller,
    Decision,
    Facts,
    ItemSink,
    Prompter,
)
from cscd.daemon.encrypt.codes import Code
from cscd.daemon.encrypt.flags import Flag, flags_of
from cscd.daemon.encrypt.operation import Operation
from cscd.daemon.logon.account import Account, Accounts
from cscd.daemon.logon.rules import against_account
from cscd.daemon.state import policy
from cscd.daemon.state.disk import Disk
from cscd.daemon.state.policy import Verdict
from cscd.daemon.telling.status import Status
from cscd.daemon.work.shared import Shared
from cscd.daemon.work.users import Users
from cscd.errors import DatabaseError
from cscd.events.log import UserLog
from cscd.events.state import EncryptCalled, EncryptFinished, EncryptRefused
from cscd.files.goal import State


class Refusal(Exception):  # noqa: N818 - not an error: the answer is no
    """The call is answered with a code, and nothing was changed."""

    def __init__(self, code: Code, reason: str) -> None:
        """Take the code and why, as `encrypt_refused` says it."""
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Encryption:
    """What may be called: the core of the service."""

    def __init__(
        self,
        shared: Shared,
        users: Users,
        accounts: Accounts,
        disk: Disk,
        status: Callable[[int], Status],
    ) -> None:
        """Take the parts of the service that a call concerns, and what it says of itself to a user."""
        self._shared = shared
        self._users = users
        self._accounts = accounts
        self._disk = disk
        self._status = status
        self.authority: Authority | None = None
        """Who says what only an administrator may; without one, nobody but root."""
        self.prompter: Prompter | None = None
        """Who has a person asked for a passphrase; without one, nobody."""
        self._changing = asyncio.Lock()
        """Held from the look at the policy until the state is changed: one change after the other."""

    async def encrypt(
        self,
        caller: Caller,
        goal: State,
        bits: int,
        sink: ItemSink | None = None,
        for_uid: int | None = None,
    ) -> Code:
        """Bring the cache, and the items of the caller or of `for_uid`, into a state; return what came of it.

        Who stops waiting (a task that is cancelled) cancels the operation, unless others wait for it, too.
        """
        log = self._shared.log.for_user(caller.name, caller.uid)
        began = time.monotonic()
        try:
            account, flags = await self._accept(caller, goal, bits, for_uid, log)
            waits = Flag.ASYNC_PROGRESS not in flags
            if sink and not await _begun(sink, waits=waits):
                return Code.CANCELLED
            authorized = await self._authorize(caller, goal, flags)
            await self._unlock(caller, account, goal, flags)
            await self._change(caller, goal, flags, account.uid, authorized=authorized)
        except Refusal as refusal:
            log.emit(
                EncryptRefused(
                    goal=goal.value,
                    code=refusal.code,
                    reason=refusal.reason,
                    policy=self._shared.cache.policy,
                )
            )
            return refusal.code
        attendant = Attendant(sink, waits=waits) if sink else None
        code = await self._convert(caller, account, goal, flags, attendant)
        if sink:
            await _ended(sink, code, waits=waits)
        seconds = time.monotonic() - began
        log.emit(EncryptFinished(goal=goal.value, code=code, result=code.label, seconds=seconds))
        return code

    def cancel(self, caller: Caller) -> Code:
        """Cancel what is under way for the caller's items: SUCCESS, or CANCELLED where nothing is."""
        user = self._users.find(caller.uid)
        operation = user.operation if user else None
        if operation is None or operation.over:
            return Code.CANCELLED
        operation.stop("cancelled")
        return Code.SUCCESS

    def status(self) -> tuple[bool, bool]:
        """Return whether the cache is encrypted, and whether some item is not in its state."""
        return self._shared.cache.state is State.ENCRYPTED, self._shared.cache.partial

    async def report(self, caller: Caller) -> str:
        """Return what the service says of itself, as much of it as the caller may see, as JSON."""
        return self._status(caller.uid).model_dump_json()

    def facts(self) -> Facts:
        """Return the properties as they are now."""
        there = not self._users.stopping
        return Facts(active=there, enabled=there, location=self._shared.settings.cache.roots[0])

    # -- step by step --------------------------------------------------------------------------

    async def _accept(
        self, caller: Caller, goal: State, bits: int, for_uid: int | None, log: UserLog
    ) -> tuple[Account, Flag]:
        """Return whose items are meant, and the flags. Raises `Refusal`."""
        flags = flags_of(bits)
        account = await self._accounts.find(caller.uid if for_uid is None else for_uid)
        other = account.name if account and account.uid != caller.uid else ""
        words = flags.words if flags is not None else ()
        log.emit(EncryptCalled(goal=goal.value, flags=words, flag_bits=bits, for_user=other))
        if flags is None:
            raise Refusal(Code.INVALID_PARAMETER, "bad_flags")
        if account is None:
            raise Refusal(Code.INVALID_PARAMETER, "unknown_user")
        if account.uid != caller.uid:
            await self._require(caller, ENCRYPT_USER, flags)
        if account.uid and not await self._served(account):
            raise Refusal(Code.NOT_READY, "not_served")
        return account, flags

    async def _served(self, account: Account) -> bool:
        """Whether the configuration has a user's items be taken care of at all."""
        rules = self._shared.settings.sessions
        numbers = await self._accounts.groups(rules.groups)
        return account.uid >= rules.min_uid and against_account(account, numbers, rules) is None

    async def _authorize(self, caller: Caller, goal: State, flags: Flag) -> bool:
        """Ask whether the caller may change the state, if that is what it takes. Raises `Refusal`.

        Returns whether it was asked, and the answer was yes.
        """
        if self._verdict(goal) is not Verdict.ADMINISTRATOR:
            return False
        await self._require(caller, CHANGE_STATE, flags)
        return True

    async def _unlock(self, caller: Caller, account: Account, goal: State, flags: Flag) -> None:
        """Have the caller asked for what unlocks their key, where that is needed and allowed.

        Who is not there to be asked leaves items to be done later; who says no wants nothing changed:
        raises `Refusal` then.
        """
        standing = self._shared.keyring.standing(account.uid)
        locked = goal is State.UNENCRYPTED and standing is not None and standing.state == "locked"
        if not locked or Flag.INTERACTIVE not in flags or account.uid != caller.uid or self.prompter is None:
            return
        asked = await self.prompter.unlock(caller, console=Flag.CONSOLE in flags)
        if asked is Asked.DISMISSED:
            raise Refusal(Code.CANCELLED, asked.value)

    async def _change(self, caller: Caller, goal: State, flags: Flag, uid: int, *, authorized: bool) -> None:
        """Change the state of the cache, if it is another one. Raises `Refusal`.

        The dialogs of one caller must not keep others waiting, so the policy is looked at again after them:
        somebody may have changed the state meanwhile, and then this is a change that takes an administrator.
        """
        while not await self._tried(caller, goal, uid, authorized=authorized):
            await self._require(caller, CHANGE_STATE, flags)
            authorized = True

    async def _tried(self, caller: Caller, goal: State, uid: int, *, authorized: bool) -> bool:
        """Change it if that needs no further authority; whether it did not. Raises `Refusal`."""
        changing = asyncio.create_task(self._choose(caller, goal, uid, authorized=authorized), name="change")
        # Who leaves now leaves a change that is not half made: others hear of it all the same.
        changing.add_done_callback(_seen)
        return await asyncio.shield(changing)

    async def _choose(self, caller: Caller, goal: State, uid: int, *, authorized: bool) -> bool:
        """Change the state, and have everybody but the user follow; False where it takes an administrator.

        Raises `Refusal`.
        """
        async with self._changing:
            verdict = self._verdict(goal)
            if verdict is Verdict.CONVERGE:
                return True
            if verdict is Verdict.ADMINISTRATOR and not authorized:
                return False
            try:
                await self._disk.do(lambda: self._shared.cache.choose(goal, caller.name))
            except DatabaseError as error:
                raise Refusal(Code.DISK_FULL, "not_recorded") from error
        self._users.recheck("call", but=uid)
        self._users.judge()
        return True

    async def _convert(
        self, caller: Caller, account: Account, goal: State, flags: Flag, attendant: Attendant | None
    ) -> Code:
        """Have a user's items converted; root has none, for nobody works with root's rights."""
        if account.uid == 0:
            return Code.SUCCESS
        wanted = Operation(goal, background=Flag.BACKGROUND in flags, attendant=attendant)
        return await self._users.operate(account, wanted).answer(caller)

    def _verdict(self, goal: State) -> Verdict:
        """Return what the policy says of a call. Raises `Refusal` where it says no."""
        verdict = policy.verdict(self._shared.cache.policy, self._shared.cache.state, goal)
        if verdict is Verdict.DENIED:
            raise Refusal(Code.ACCESS_DENIED, "policy")
        return verdict

    async def _require(self, caller: Caller, action: str, flags: Flag) -> None:
        """Ask whether a caller may do what only an administrator may. Raises `Refusal`."""
        if self.authority is None:
            decision = Decision.DENIED if caller.uid else Decision.ALLOWED
        else:
            interactive = Flag.INTERACTIVE in flags
            decision = await self.authority.allows(caller, action, interactive=interactive)
        if decision is not Decision.ALLOWED:
            raise Refusal(Code.ACCESS_DENIED, decision.value)


def _seen(done: "asyncio.Task[bool]") -> None:
    """Take note of a refusal that nobody may be left to hear."""
    if not done.cancelled():
        done.exception()


async def _begun(sink: ItemSink, *, waits: bool) -> bool:
    """Tell a sink that it begins; False if it shall not."""
    if waits:
        return await sink.begin()
    sink.tell_begin()
    return True


async def _ended(sink: ItemSink, code: Code, *, waits: bool) -> None:
    """Tell a sink what the call returns."""
    if waits:
        await sink.end(code)
    else:
        sink.tell_end(code)
