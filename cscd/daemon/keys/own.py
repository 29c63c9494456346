"""The identity of the one user who runs cscd without the service, in that user's state directory.

It is the user's own process that reads the user's own file; nothing is kept from it.
"""

import base64
import json
import socket
from typing import Any

from cscd.age import Stanza, key_id
from cscd.config.settings import Settings
from cscd.daemon.keys.keyring import Changed, PassKeys, Standing
from cscd.daemon.logon.account import Account
from cscd.daemon.state.disk import Disk
from cscd.daemon.telling.keyrequests import AskedStanza, AskKeys, AskUnwrap, KeyQuestion
from cscd.errors import HeaderError
from cscd.events.keys import KeyCreated
from cscd.events.log import Log
from cscd.files.goal import State
from cscd.keys import StateDirectory, keep, kept
from cscd.worker.holder import lending
from cscd.worker.holder.reply import Refused, answer


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
            stanzas = tuple(_stanza(each) for each in asked.stanzas)
            return await self._unwrap(stanzas)
        if isinstance(asked, AskKeys):
            return await self._listed(uid)
        raise Refused(
            "not_allowed", "you run cscd yourself: your key is a file of yours, which nobody locks or wraps"
        )

    async def _unwrap(self, stanzas: tuple[Stanza, ...]) -> bytes:
        found = await self._thread.do(lambda: kept(self._directory))
        try:
            keys = (identity.unwrap(stanzas) for identity in (found.identities if found else ()))
            file_key = next(filter(None, keys), None)
        except HeaderError as error:
            raise Refused("malformed", str(error)) from None
        if file_key is None:
            raise Refused("no_match", "your key does not open this file")
        return answer(json.dumps({"file_key": base64.b64encode(file_key).decode("ascii")}))

    async def _listed(self, uid: int) -> bytes:
        found = await self._thread.do(lambda: kept(self._directory))
        recipients = [identity.recipient for identity in (found.identities if found else ())]
        keys: list[dict[str, Any]] = [
            {
                "key_id": key_id(recipient),
                "recipient": str(recipient),
                "current": not number,
                "retired": False,
                "protectors": [],
                "work_factor": None,
                "items": None,
            }
            for number, recipient in enumerate(recipients)
        ]
        state = "unlocked" if keys else "none"
        return answer(
            json.dumps({"uid": uid, "state": state, "stale": False, "awaited": False, "keys": keys})
        )

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


def _stanza(asked: AskedStanza) -> Stanza:
    shown = asked.shown()
    return Stanza(shown.args, base64.b64decode(shown.body))
