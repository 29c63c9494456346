"""The two services there are: one for all users of a machine, and one for the user who starts it."""

from collections.abc import Mapping

from cscd.config import Settings
from cscd.daemon.keys.keyring import Keyring
from cscd.daemon.keys.own import OwnKeys
from cscd.daemon.keys.service import ServiceKeys
from cscd.daemon.logon.account import Accounts
from cscd.daemon.logon.own import OwnSession
from cscd.daemon.logon.sessions import Sessions
from cscd.daemon.service import Parts
from cscd.daemon.work import places
from cscd.daemon.work.forkserver import ForkServer
from cscd.events.log import Log
from cscd.keys import StateDirectory
from cscd.keys.directory import default_path


def for_machine(environment: Mapping[str, str]) -> Parts:
    """Return the parts of the service for all users; for root."""
    where = places.of_service(environment)
    credentials = environment.get("CREDENTIALS_DIRECTORY")
    callers = Accounts()

    async def keyring(settings: Settings, log: Log, server: ForkServer) -> Keyring:
        keys = ServiceKeys(where.keys, credentials, settings, log, server, callers)
        await keys.start()
        return keys

    return Parts(
        where,
        Accounts(),
        callers,
        keyring,
        lambda settings, log, accounts, listener: Sessions(settings.sessions, log, accounts, listener),
        on_bus=True,
    )


def for_user(environment: Mapping[str, str]) -> Parts:
    """Return the parts of the service for the user who runs it. Raises KeyFileError without a home."""
    directory = StateDirectory.make(default_path(environment))

    async def keyring(_settings: Settings, log: Log, _server: ForkServer) -> Keyring:
        return OwnKeys(directory, log)

    return Parts(
        places.of_user(directory.path, environment),
        Accounts(),
        Accounts(),
        keyring,
        lambda _settings, log, accounts, listener: OwnSession(log, accounts, listener),
        on_bus=False,
    )
