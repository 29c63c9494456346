"""The source `self`: a user who runs cscd alone is logged on from its start to its end."""

import asyncio
import os
from collections.abc import Mapping
from typing import Final

from cscd.config.settings import SessionSettings
from cscd.daemon.logon.account import Accounts
from cscd.daemon.logon.logons import LogonListener, Logons
from cscd.daemon.logon.session import Session
from cscd.events.log import Log
from cscd.events.sessions import SessionSourceChanged

_NAME: Final = "self"


class OwnSession:
    """The one session of the user who runs cscd."""

    source: Final = _NAME

    def __init__(self, log: Log, accounts: Accounts, listener: LogonListener) -> None:
        """Take who is told; the configuration's rules are for those whom cscd serves unasked."""
        self._log = log
        self._logons = Logons(SessionSettings(min_uid=0), log, accounts, listener)

    @property
    def known(self) -> asyncio.Event:
        """Set once it is known who is logged on."""
        return self._logons.known

    @property
    def open(self) -> Mapping[int, int]:
        """How many sessions the user has, by uid: none only while the account is not found."""
        return self._logons.open

    async def run(self) -> None:
        """Be logged on until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._logons.attend(group)
            self._log.emit(SessionSourceChanged(source=_NAME, reason="configured"))
            self._logons.listed([Session(_NAME, os.getuid(), "", "user")], "start")
            await asyncio.get_running_loop().create_future()

    def reconfigure(self, settings: SessionSettings) -> None:
        """Change nothing, as the rules do not apply."""
