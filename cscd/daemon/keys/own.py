"""The identity of the one user who runs cscd without the service, in that user's state directory.

It is the user's own process that reads the user's own file; nothing is kept from it.
"""

import socket
from collections.abc import Sequence

from cscd.age import Stanza, key_id, unwrapped
from cscd.config.settings import Settings
from cscd.daemon.keys.keyring import Changed, PassKeys, Standing
from cscd.daemon.keys.listing import described, listing
from cscd.daemon.logon.account import Account
from cscd.daemon.state.disk import Disk
from cscd.daemon.telling.keyrequests import AskKeys, AskUnwrap, KeyQuestion
from cscd.errors import HeaderError
from cscd.events.keys import KeyCreated
from cscd.events.log import Log
from cscd.files.goal import State
from cscd.keys import StateDirectory, keep, kept
from cscd.worker.holder import lending
from cscd.worker.holder.reply import Refused, file_key_answer


class OwnKeys:
    """See `Keyring`; there is one account."""

    def __init__(self, directory: StateDirectory, log: Log) -> None:
        self._directory = directory
        self._log = log
        self._thread = Disk("keys")
        self._standing: Standing | None = None

    async def for_pass(self, account: Account, goal: State) -> PassKeys:
        """See `Keyring`."""
        found = await self._thread.do(lambda: keep(self._directory))
        recipient = found.identities[0].recipient
        self._standing = Standing(key_id(recipient), "unlocked")
        if found.made:
            event = KeyCreated(key_id=self._standing.key_id, protectors=("file",))
            self._log.for_user(account.name, account.uid).emit(event)
        if goal is State.ENCRYPTED:
            return PassKeys((str(recipient),))
        return PassKeys((str(recipient),), lending.lent(found.identities))

    async def recipient(self, account: Account) -> str | None:  # noqa: ARG002
        """See `Keyring`."""
        found = await self._thread.do(lambda: kept(self._directory))
        return str(found.identities[0].recipient) if found else None

    def standing(self, uid: int) -> Standing | None:  # noqa: ARG002
        """See `Keyring`."""
        return self._standing

    async def answer(self, uid: int, asked: KeyQuestion, connection: socket.socket) -> bytes | None:  # noqa: ARG002
        """Open files, and list the key; it is a file of the user's, for whom there is nothing else to do."""
        if isinstance(asked, AskUnwrap):
            return await self._unwrap([each.shown().stanza() for each in asked.stanzas])
        if isinstance(asked, AskKeys):
            return await self._listed(uid)
        raise Refused(
            "not_allowed", "you run cscd yourself: your key is a file of yours, which nobody locks or wraps"
        )

    async def _unwrap(self, stanzas: Sequence[Stanza]) -> bytes:
        found = await self._thread.do(lambda: kept(self._directory))
        try:
            file_key = unwrapped(stanzas, found.identities if found else ())
        except HeaderError as error:
            raise Refused("malformed", str(error)) from None
        if file_key is None:
            raise Refused("no_match", "your key does not open this file")
        return file_key_answer(file_key)

    async def _listed(self, uid: int) -> bytes:
        found = await self._thread.do(lambda: kept(self._directory))
        recipients = [identity.recipient for identity in (found.identities if found else ())]
        current = key_id(recipients[0]) if recipients else ""
        keys = [described(recipient, current=not number) for number, recipient in enumerate(recipients)]
        return listing(uid, Standing(current, "unlocked" if keys else "none"), keys)

    def on_change(self, changed: Changed) -> None:
        """See `Keyring`; nothing changes."""

    def arrived(self, uid: int) -> None:
        """See `Keyring`."""

    def left(self, uid: int) -> None:
        """See `Keyring`."""

    def sleep(self) -> None:
        """See `Keyring`."""

    def reconfigure(self, settings: Settings) -> None:
        """See `Keyring`."""

    async def stop(self) -> None:
        """See `Keyring`."""
