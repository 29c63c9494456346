"""What the service answers to those who ask over its control socket."""

from collections.abc import Callable

from cscd.age import Stanza
from cscd.daemon.account import Accounts
from cscd.daemon.keyring import Keyring
from cscd.daemon.requests import Refused
from cscd.daemon.status import Status
from cscd.errors import KeyFileError


class ServiceAnswers:
    """The answers of the running service."""

    def __init__(self, status: Callable[[int], Status], keyring: Keyring, accounts: Accounts) -> None:
        """Take where the status, the keys and the accounts come from."""
        self._status = status
        self._keyring = keyring
        self._accounts = accounts

    async def status(self, uid: int) -> Status:
        """Return how the service is, as far as this uid may see it."""
        return self._status(uid)

    async def unwrap(self, uid: int, stanzas: tuple[Stanza, ...]) -> bytes:
        """Return the file key that one of the user's kept identities finds. Raises `Refused`, HeaderError."""
        account = await self._accounts.find(uid)
        if account is None:
            raise Refused("unknown_user", f"the user database knows no user with the number {uid}")
        try:
            found = await self._keyring.unwrap(account, stanzas)
        except KeyFileError as error:
            raise Refused("locked", str(error)) from None
        if found is None:
            raise Refused("no_match", "none of your keys that the service keeps opens this file")
        return found
