"""What systemd does for the machine key: it encrypts credentials, and hands them to the service's unit.

Its programs are run with no shell, and what is secret goes through pipes: never in arguments, nor in files of
our own making.
"""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cscd.errors import ServiceError
from cscd.keys.place import Place, replace, told_as_unwritable

UNIT: Final = "cscd.service"
STORE: Final = "/etc/credstore.encrypted"
"""Where encrypted credentials are kept, systemd.exec(5)."""

_BOOTED: Final = "/run/systemd/system"
"""Is there where systemd is the first process, sd_booted(3)."""
_DROP_IN: Final = "50-machine-key.conf"
_DEADLINE: Final = 120.0
"""Seconds for one of systemd's programs; a TPM takes some, a restart of the service a few."""


@dataclass(frozen=True, slots=True)
class Credential:
    """An encrypted credential, which may not be there yet."""

    name: str
    store: str = STORE

    @property
    def path(self) -> str:
        """Of its file."""
        return os.path.join(self.store, self.name)

    def is_there(self) -> bool:
        """Whether its file is there."""
        return os.path.lexists(self.path)

    def put(self, secret: bytes) -> None:
        """Encrypt a secret, with the TPM where there is one, into a file that was not there; durable.

        Raises KeyFileError where the file cannot be written, ServiceError where systemd cannot encrypt.
        """
        sealed = _run(["systemd-creds", "encrypt", f"--name={self.name}", "-", "-"], secret)
        with told_as_unwritable(self.path):
            fd = _directory(self.store, 0o700)
            try:
                if not Place(self.store, fd, self.name).put(sealed):
                    raise FileExistsError(None, "File exists", self.path)
            finally:
                os.close(fd)

    def decrypted(self) -> bytes:
        """Return the secret. Raises ServiceError where this system cannot decrypt it."""
        return _run(["systemd-creds", "decrypt", f"--name={self.name}", self.path, "-"])


@dataclass(frozen=True, slots=True)
class Unit:
    """The unit of the service."""

    name: str = UNIT
    configuration: str = "/etc/systemd/system"
    """Where administrators' additions to units are, systemd.unit(5)."""

    @property
    def drop_in(self) -> str:
        """The path of the addition that names the credential."""
        return os.path.join(self.configuration, f"{self.name}.d", _DROP_IN)

    def load(self, credential: Credential) -> None:
        """Have systemd hand a credential to the service from its next start on; durable.

        Raises KeyFileError where that cannot be written, ServiceError where systemd does not take it.
        """
        text = f"[Service]\nLoadCredentialEncrypted={credential.name}:{credential.path}\n"
        directory, name = os.path.split(self.drop_in)
        with told_as_unwritable(self.drop_in):
            fd = _directory(directory, 0o755)
            try:
                replace(directory, fd, {name: text.encode()})
                os.chmod(name, 0o644, dir_fd=fd)  # as systemd wants it: it holds no secret
            finally:
                os.close(fd)
        self.reread()

    def reread(self) -> None:
        """Have systemd read its units again. Raises ServiceError."""
        _run(["systemctl", "daemon-reload"])

    def is_active(self) -> bool:
        """Whether the service runs."""
        return self._property("ActiveState") == "active"

    def restart(self) -> None:
        """End the service and start it again; returns when it is ready. Raises ServiceError."""
        _run(["systemctl", "restart", self.name])

    def credentials(self) -> str:
        """Return the path of the credentials that the running service was given, as it sees them itself."""
        return f"/proc/{self._property('MainPID')}/root/run/credentials/{self.name}"

    def _property(self, name: str) -> str:
        shown = _run(["systemctl", "show", f"--property={name}", "--value", self.name])
        return shown.decode("ascii", "replace").strip()


def has_tpm() -> bool:
    """Whether there is a TPM that systemd can seal credentials with."""
    try:
        _run(["systemd-creds", "has-tpm2", "--quiet"])
    except ServiceError:
        return False
    return True


def require_booted() -> None:
    """Raise ServiceError where systemd is not what starts the services."""
    if not os.path.isdir(_BOOTED):
        raise ServiceError("systemd does not run this system, so there is nothing that could keep the key")


def _directory(path: str, mode: int) -> int:
    """Open a directory, made with those above it where they are missing, and durable. Raises OSError."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    try:
        return os.open(path, flags)
    except FileNotFoundError:
        above = _directory(os.path.dirname(path), 0o755)
    try:
        os.mkdir(path, mode)
        os.fsync(above)
    finally:
        os.close(above)
    return os.open(path, flags)


def _run(command: Sequence[str], secret: bytes = b"") -> bytes:
    """Run a program of systemd's and return what it printed. Raises ServiceError with its complaint."""
    try:
        done = subprocess.run(command, input=secret, capture_output=True, check=False, timeout=_DEADLINE)  # noqa: S603 - no shell; the only words that are not ours are a checked name and paths
    except FileNotFoundError:
        raise ServiceError(f"{command[0]} is not there; it is part of systemd 250 and later") from None
    except subprocess.TimeoutExpired:
        raise ServiceError(f"{command[0]} {command[1]} takes too long") from None
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        why = lines[-1] if lines else f"it ended with {done.returncode}"
        raise ServiceError(f"{command[0]} {command[1]}: {why}")
    return done.stdout
