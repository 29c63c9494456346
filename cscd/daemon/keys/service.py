"""The keys that the service keeps for all users."""

import asyncio
import socket
from typing import Final

from cscd.config.settings import Settings
from cscd.daemon.keys.custody import Custody
from cscd.daemon.keys.holder import Holder, HolderLostError, HolderSpawner
from cscd.daemon.keys.keyring import Changed, PassKeys, Standing
from cscd.daemon.keys.office import Office
from cscd.daemon.keys.questions import Questions
from cscd.daemon.logon.account import Account, Accounts
from cscd.daemon.telling.keyrequests import KeyQuestion
from cscd.errors import KeyFileError
from cscd.events.log import Log
from cscd.events.machine import MachineKeyCreated, MachineKeyMissing
from cscd.files.goal import State
from cscd.worker.holder.messages import Done, Prepare

_MOST_KNOWN: Final = 4096
"""Users whose keys are remembered though nothing is under way for them; everybody may ask, for themselves."""
_ROOT: Final = 0
_AMBIGUOUS: Final = "ambiguous"
"""The fault of a credential and a file that hold different machine keys: the service does not choose."""


class ServiceKeys:
    """See `Keyring`."""

    def __init__(
        self,
        directory: str,
        credentials: str | None,
        settings: Settings,
        log: Log,
        spawner: HolderSpawner,
        accounts: Accounts,
    ) -> None:
        """Take where keys and credentials are, and where holders come from.

        `accounts` are those of whoever asks: they take no place from who logs on.
        """
        self._office = Office(directory, credentials, settings.keys, log, spawner)
        self._log = log
        self._custodies: dict[int, Custody] = {}
        self._questions = Questions(self._office, self.of, accounts, settings.sessions)

    async def start(self) -> None:
        """Find the machine key, made if there is none. Without one keys encrypt on, and that is told.

        Raises KeyFileError where there are two that do not agree.
        """
        done = await self._prepared()
        if done.made:
            self._log.emit(MachineKeyCreated(path=done.source))
        for fault in done.faults[:1]:
            if fault.reason == _AMBIGUOUS:
                raise KeyFileError(done.message, _AMBIGUOUS, path=fault.path)
            source = fault.path or self._office.settings.machine_key_file
            self._log.emit(MachineKeyMissing(source=source, reason=fault.reason))

    async def _prepared(self) -> Done:
        holder: Holder | None = None
        try:
            holder = await self._office.holder(_ROOT)
            return await holder.do(Prepare(number=0))
        except HolderLostError as error:
            raise KeyFileError(str(error)) from error
        finally:
            if holder:
                holder.end()

    def of(self, uid: int) -> Custody:
        """Return the custody of a user's keys."""
        custody = self._custodies.get(uid)
        if custody is None:
            if len(self._custodies) >= _MOST_KNOWN:
                self._forget_some()
            custody = self._custodies[uid] = Custody(uid, self._office)
        return custody

    def _forget_some(self) -> None:
        for uid in [uid for uid, custody in self._custodies.items() if custody.idle]:
            del self._custodies[uid]

    async def for_pass(self, account: Account, goal: State) -> PassKeys:
        """See `Keyring`."""
        custody = self.of(account.uid)
        custody.named(account.name)
        try:
            key = await custody.key()
            recipients = (str(key.recipient),)
            if goal is State.UNENCRYPTED:
                return PassKeys(recipients, await custody.lend())
            await custody.check()
        except HolderLostError as error:
            raise KeyFileError(str(error)) from error
        return PassKeys(recipients)

    async def recipient(self, account: Account) -> str | None:
        """See `Keyring`."""
        public = self._office.public
        key = await self._office.thread.do(lambda: public.current(account.uid))
        return str(key.recipient) if key else None

    def standing(self, uid: int) -> Standing | None:
        """See `Keyring`."""
        custody = self._custodies.get(uid)
        return custody.standing if custody else None

    async def answer(self, uid: int, asked: KeyQuestion, connection: socket.socket) -> bytes | None:
        """See `Keyring`."""
        return await self._questions.answer(uid, asked, connection)

    def on_change(self, changed: Changed) -> None:
        """See `Keyring`."""
        self._office.changed = changed

    def arrived(self, uid: int) -> None:
        """See `Keyring`."""
        self.of(uid).arrive()

    def left(self, uid: int) -> None:
        """See `Keyring`."""
        self.of(uid).leave()

    def sleep(self) -> None:
        """See `Keyring`: forget everything, if that is configured."""
        if self._office.settings.lock_on_suspend:
            self._lock_all("suspend")

    def reconfigure(self, settings: Settings) -> None:
        """See `Keyring`."""
        self._office.settings = settings.keys
        self._questions.sessions = settings.sessions

    async def stop(self) -> None:
        """See `Keyring`."""
        self._lock_all("service_stopping")
        await self._questions.stop()
        await asyncio.sleep(0)

    def _lock_all(self, reason: str) -> None:
        for custody in self._custodies.values():
            custody.lock(reason)
