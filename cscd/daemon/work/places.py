"""Where the service has its files: the machine's places, or a user's own for one who runs it alone.

systemd makes the directories of the service and names them in the environment (systemd.exec(5),
StateDirectory= and RuntimeDirectory=). What is the users' in there is made here, by the only code of the
daemon that hands something over to a user.
"""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cscd.daemon.logon.account import Account

STATE: Final = "/var/lib/cscd"
RUNTIME: Final = "/run/cscd"
_PRIVATE: Final = 0o700
_PASSED: Final = 0o711
"""Of the state: users pass through it to what is theirs."""
_SEEN: Final = 0o755
_OPEN: Final = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
"""Only to look at it: root has no right to read what is a user's (the unit grants no CAP_DAC_OVERRIDE)."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are."""

    state: str
    runtime: str
    own: bool
    """Whether they are the places of the one user who runs cscd without the service."""

    @property
    def database(self) -> str:
        """The path of what is remembered."""
        return os.path.join(self.state, "state.db")

    @property
    def keys(self) -> str:
        """The directory of the users' wrapped identities."""
        return os.path.join(self.state, "keys")

    @property
    def control(self) -> str:
        """The path of the socket that commands speak to."""
        return os.path.join(self.runtime, "control")

    def prepare(self) -> None:
        """Make the directories that are not there, as systemd would have. Raises OSError."""
        for path, mode in ((self.state, _PASSED), (self.runtime, _SEEN)):
            if not os.path.isdir(path):
                os.makedirs(path, _PRIVATE)
                os.chmod(path, _PRIVATE if self.own else mode)

    def of_user(self, account: Account) -> str:
        """Return a user's own directory for indexes and locks, made if need be.

        Raises OSError; PermissionError where it belongs to somebody else, as after a number was given anew.
        """
        if self.own:
            return self.state
        above = os.path.join(self.state, "users")
        _make(above, _PASSED)
        path = os.path.join(above, str(account.uid))
        if _make(path, _PRIVATE):
            os.chown(path, account.uid, account.gid, follow_symlinks=False)
        fd = os.open(path, _OPEN)
        try:
            status = os.fstat(fd)
            if status.st_uid == 0 and account.uid:  # a start that was killed in between
                os.chown(path, account.uid, account.gid, follow_symlinks=False)
            elif status.st_uid != account.uid or stat.S_IMODE(status.st_mode) != _PRIVATE:
                raise PermissionError(f"{path} is not user {account.name}'s alone")
        finally:
            os.close(fd)
        return path


def of_service(environment: Mapping[str, str]) -> Places:
    """Return the places of the service."""
    return Places(
        environment.get("STATE_DIRECTORY", STATE), environment.get("RUNTIME_DIRECTORY", RUNTIME), own=False
    )


def of_user(state_directory: str, environment: Mapping[str, str]) -> Places:
    """Return the places of one user, with the state directory that `cscd recheck` uses, too."""
    runtime = environment.get("XDG_RUNTIME_DIR", "")
    return Places(
        state_directory,
        os.path.join(runtime, "cscd") if os.path.isabs(runtime) else state_directory,
        own=True,
    )


def _make(path: str, mode: int) -> bool:
    """Make a directory; False if it is there."""
    try:
        os.mkdir(path, _PRIVATE)
    except FileExistsError:
        return False
    os.chmod(path, mode)
    return True
