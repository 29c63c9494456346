"""What is asked of users' keys over the control socket, and answered: by a holder where it takes secrets."""

import asyncio
import json
import socket
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from cscd.config.settings import SessionSettings
from cscd.daemon.keys.custody import Custody
from cscd.daemon.keys.holder import HolderLostError
from cscd.daemon.keys.listing import described, listing
from cscd.daemon.keys.office import Office
from cscd.daemon.keys.told import words
from cscd.daemon.logon.account import Account, Accounts
from cscd.daemon.logon.rules import against_account
from cscd.daemon.telling.keyrequests import (
    AskExport,
    AskImport,
    AskKeys,
    AskLock,
    AskLogon,
    AskPassphrase,
    AskProtect,
    AskRotate,
    AskUnlock,
    AskUnprotect,
    AskUnwrap,
    KeyQuestion,
)
from cscd.errors import KeyFileError
from cscd.keys import ListedKey, Protector
from cscd.worker.holder.messages import Done, Duty
from cscd.worker.holder.reply import Refused, answer

_ROOT: Final = 0
_DUTIES: Final[Mapping[type, Duty]] = MappingProxyType(
    {
        AskUnlock: "unlock",
        AskPassphrase: "passphrase",
        AskProtect: "protect_machine",
        AskRotate: "rotate",
        AskExport: "export",
        AskImport: "import",
    }
)
_ANSWERS: Final[Mapping[Duty, tuple[str, ...]]] = MappingProxyType(
    {
        "passphrase": ("key_id", "protectors", "work_factor", "left", "made"),
        "protect_machine": ("key_id", "protectors", "work_factor", "left"),
        "unprotect_machine": ("key_id", "protectors"),
        "unprotect_passphrase": ("key_id", "protectors"),
        "rotate": ("key_id", "before", "protectors"),
        "import": ("key_id", "before", "protectors"),
    }
)
"""Which fields of what came of it the client is told."""
_TOLD: Final[Mapping[tuple[str, bool], str]] = MappingProxyType(
    {
        ("auth", True): "Your password did not open the key of your cached files last time: cscd keys show",
        ("auth", False): "",
        ("password", True): "",
        ("password", False): "The key of the cached files still has the old password: cscd keys passphrase",
    }
)
"""What the person hears where the wrapping is stale, by the stage and whether the password is of use."""


class Questions:
    """The answers, to whom they are due."""

    def __init__(
        self,
        office: Office,
        custody: Callable[[int], Custody],
        accounts: Accounts,
        sessions: SessionSettings,
    ) -> None:
        """Take where a user's keys are in custody, the user database, and which users are served."""
        self._office = office
        self._custody = custody
        self._accounts = accounts
        self.sessions = sessions
        self._tasks: set[asyncio.Task[Done]] = set()
        """What goes on though nobody waits for it any more."""

    async def answer(self, uid: int, asked: KeyQuestion, connection: socket.socket) -> bytes | None:
        """Return the answer to a question of a user's, None if it has been given. Raises Refused."""
        try:
            if isinstance(asked, AskLogon):
                return await self._logon(uid, asked, connection)
            owner = uid if asked.user is None else asked.user
            if uid not in (owner, _ROOT):
                raise Refused("not_allowed", "another user's keys are root's to ask about")
            custody = await self._known(owner)
            if isinstance(asked, AskKeys):
                return await self._listed(custody)
            if isinstance(asked, AskLock):
                return await _locked(custody)
            if isinstance(asked, AskUnwrap):
                done = await custody.unwrap(connection, tuple(each.shown() for each in asked.stanzas))
                return _answered("unwrap", done)
            return await self._served(uid, custody, asked, connection)
        except KeyFileError as error:
            raise Refused("unusable", str(error)) from None
        except HolderLostError as error:
            raise Refused("internal", str(error)) from None

    async def stop(self) -> None:
        """End what goes on."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _known(self, uid: int) -> Custody:
        account = await self._accounts.find(uid)
        if account is None:
            raise Refused("unknown_user", f"the user database knows no user with the number {uid}")
        custody = self._custody(uid)
        custody.named(account.name)
        return custody

    async def _listed(self, custody: Custody) -> bytes:
        listed = await custody.look()
        return listing(custody.uid, custody.standing, [_described(key) for key in listed])

    async def _served(
        self, uid: int, custody: Custody, asked: KeyQuestion, connection: socket.socket
    ) -> bytes | None:
        duty = _duty(asked)
        work = custody.serve(
            duty, connection, by_root=uid == _ROOT, for_another=uid == _ROOT and custody.uid != _ROOT
        )
        # Whoever asked may leave: a change that has begun is not cut off for that.
        return _answered(duty, await asyncio.shield(self._go_on(work)))

    def _go_on(self, work: Any) -> "asyncio.Task[Done]":  # noqa: ANN401 - a coroutine of custody's
        task: asyncio.Task[Done] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[Done]") -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # it was told to whoever waited

    # -- the logon password --------------------------------------------------------------------

    async def _logon(self, uid: int, asked: AskLogon, connection: socket.socket) -> bytes:
        """Say whether the password was taken, as soon as that is known: a logon does not wait for scrypt."""
        if uid != _ROOT:
            raise Refused("not_allowed", "a logon is PAM's to tell, which is root")
        custody = await self._of_name(asked.name)
        if custody is None:
            return _handed(taken=False)
        of_use = await custody.of_use(asked.stage)
        message = _TOLD[asked.stage, of_use] if custody.standing.stale else ""
        if not of_use:
            return _handed(taken=False, message=message)
        taken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        duty: Duty = "logon_auth" if asked.stage == "auth" else "logon_password"
        task = self._go_on(
            custody.serve(
                duty,
                connection,
                by_root=True,
                for_another=True,
                taken=lambda: _set(taken),
            )
        )
        await asyncio.wait((task, taken), return_when=asyncio.FIRST_COMPLETED)
        return _handed(taken=taken.done(), message=message)

    async def _of_name(self, name: str) -> Custody | None:
        account = await self._accounts.named(name)
        if account is None or not await self._serves(account):
            return None
        custody = self._custody(account.uid)
        custody.named(account.name)
        return custody

    async def _serves(self, account: Account) -> bool:
        """Whether the service keeps keys for a user: by the rules for logons."""
        settings = self.sessions
        if account.uid == _ROOT or account.uid < settings.min_uid:
            return False
        numbers = await self._accounts.groups(settings.groups)
        return against_account(account, numbers, settings) is None


def _handed(*, taken: bool, message: str = "") -> bytes:
    """Answer cscd-pam, which shows the message to whoever logs on."""
    return answer(json.dumps({"taken": taken, **({"message": message} if message else {})}))


async def _locked(custody: Custody) -> bytes:
    await custody.look()
    standing = custody.standing
    if standing.state == "none":
        raise Refused("no_key", "there is no key yet")
    custody.lock("command")
    by_machine = Protector.MACHINE in standing.protectors
    return answer(json.dumps({"key_id": standing.key_id, "opens_without_asking": by_machine}))


def _duty(asked: KeyQuestion) -> Duty:
    if isinstance(asked, AskUnprotect):
        return "unprotect_machine" if asked.protector == "machine" else "unprotect_passphrase"
    return _DUTIES[type(asked)]


def _answered(duty: Duty, done: Done) -> bytes | None:
    """Return the answer that says what came of a question. Raises Refused."""
    if done.refused:
        raise Refused(done.refused, done.message)
    if done.answered:
        return None
    fields: dict[str, Any] = {name: getattr(done, name) for name in _ANSWERS.get(duty, ("key_id",))}
    if "protectors" in fields:
        fields["protectors"] = words(done.protectors)
    if duty == "unlock":
        fields["protector"] = done.opened_by
    elif duty == "import":
        fields["new"] = done.made
    return answer(json.dumps(fields))


def _described(key: ListedKey) -> dict[str, Any]:
    return described(
        key.key.recipient,
        current=key.current,
        retired=key.retired,
        protectors=key.protectors,
        work_factor=key.work_factor,
    )


def _set(taken: "asyncio.Future[None]") -> None:
    if not taken.done():
        taken.set_result(None)
