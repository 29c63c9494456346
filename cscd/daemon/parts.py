"""The two services there are: one for all users of a machine, and one for the user who starts it."""

from collections.abc import Mapping

from cscd.config import Settings
from cscd.daemon.logon.account import Accounts
from cscd.daemon.logon.own import OwnSession
from cscd.daemon.logon.sessions import Sessions
from cscd.daemon.service import Parts
from cscd.daemon.work import places
from cscd.daemon.work.keyring import OwnKeys, ServiceKeys
from cscd.daemon.work.places import Places
from cscd.errors import KeyFileError
from cscd.events.log import Log
from cscd.events.machine import MachineKeyCreated, MachineKeyMissing
from cscd.keys import MachineKey, StateDirectory, any_wrapped, machine_key
from cscd.keys.directory import default_path


def for_machine(environment: Mapping[str, str]) -> Parts:
    """Return the parts of the service for all users; for root."""
    where = places.of_service(environment)
    credentials = environment.get("CREDENTIALS_DIRECTORY")
    return Parts(
        where,
        Accounts(),
        Accounts(),
        lambda settings, log: ServiceKeys(where.keys, _machine_key(where, settings, log, credentials), log),
        lambda settings, log, accounts, listener: Sessions(settings.sessions, log, accounts, listener),
        on_bus=True,
    )


def for_user(environment: Mapping[str, str]) -> Parts:
    """Return the parts of the service for the user who runs it. Raises KeyFileError without a home."""
    directory = StateDirectory.make(default_path(environment))
    return Parts(
        places.of_user(directory.path, environment),
        Accounts(),
        Accounts(),
        lambda _settings, log: OwnKeys(directory, log),
        lambda _settings, log, accounts, listener: OwnSession(log, accounts, listener),
        on_bus=False,
    )


def _machine_key(where: Places, settings: Settings, log: Log, credentials: str | None) -> MachineKey | None:
    """Return the machine key; None where it cannot be used, which is told: what was made encrypts on.

    Raises KeyFileError where there are two that do not agree.
    """
    keys = settings.keys
    try:
        found = machine_key(
            credentials,
            keys.machine_credential,
            keys.machine_key_file,
            may_make=not any_wrapped(where.keys),
        )
    except KeyFileError as error:
        if error.reason == "ambiguous":
            raise
        log.emit(MachineKeyMissing(source=error.path or keys.machine_key_file, reason=error.reason))
        return None
    if found.made:
        log.emit(MachineKeyCreated(path=found.source))
    return found
