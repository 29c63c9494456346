"""What the service answers to those who ask over its control socket."""

import os
import socket
from collections.abc import Awaitable, Callable

from cscd.daemon.keys.keyring import Keyring
from cscd.daemon.logon.account import Account, Accounts
from cscd.daemon.telling.keyrequests import KeyQuestion
from cscd.daemon.telling.requests import AskDrill
from cscd.daemon.telling.status import ROOT, Status
from cscd.errors import KeyFileError
from cscd.worker.holder.reply import Refused


class ServiceAnswers:
    """The answers of the running service."""

    def __init__(
        self,
        status: Callable[[int], Status],
        keyring: Keyring,
        accounts: Accounts,
        recovery: Callable[[], tuple[str, ...]],
        drilled: Callable[[AskDrill], Awaitable[bool]],
    ) -> None:
        """Take where status, keys, accounts and recovery recipients come from, and where drills go."""
        self._recovery = recovery
        self._drilled = drilled
        self._status = status
        self._keyring = keyring
        self._accounts = accounts

    async def status(self, uid: int) -> Status:
        """Return how the service is, as far as this uid may see it."""
        return self._status(uid)

    async def recipients(self, uid: int) -> tuple[str, ...]:
        """Return to whom the user's items are encrypted, the user first. Raises `Refused`."""
        account = await self._account(uid)
        try:
            own = await self._keyring.recipient(account)
        except KeyFileError as error:
            raise Refused("unusable", str(error)) from None
        if own is None:
            raise Refused("unknown_user", "the service keeps no key for you yet; it makes one at your logon")
        return own, *self._recovery()

    async def drilled(self, uid: int, drill: AskDrill) -> bool:
        """Log a recovery drill, which root has held, or who runs the service; and remember it.

        Returns whether it was of a recovery key in force, and is remembered. Raises `Refused`.
        """
        if uid not in (ROOT, os.geteuid()):
            raise Refused(
                "not_allowed", "a recovery drill is root's to hold; it was neither logged nor remembered"
            )
        return await self._drilled(drill)

    async def keys(self, uid: int, asked: KeyQuestion, connection: socket.socket) -> bytes | None:
        """Return the answer to a question about keys, None if it has been given. Raises `Refused`."""
        return await self._keyring.answer(uid, asked, connection)

    async def _account(self, uid: int) -> Account:
        account = await self._accounts.find(uid)
        if account is None:
            raise Refused("unknown_user", f"the user database knows no user with the number {uid}")
        return account
