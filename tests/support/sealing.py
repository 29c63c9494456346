"""The machine key between a file and a credential: systemd-creds(1) is real, no systemd runs."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cscd.cli.keys.sealing import Sealing
from cscd.cli.systemd import Credential, Unit
from cscd.keys import MachineKey, machine_key
from tests.support import requires

NAME: Final = "cscd.machine-key"
_SECRET: Final = "SYSTEMD_CREDENTIAL_SECRET"  # noqa: S105 - the name of a variable, for systemd's ENVIRONMENT.md


@dataclass(frozen=True, slots=True)
class Started(Unit):
    """The unit, started here as systemd would: with the credentials of its drop-in, decrypted."""

    running: bool = True

    @property
    def given(self) -> Path:
        """What its process was given."""
        return Path(self.configuration, "given")

    def reread(self) -> None:
        """Nothing holds an older one."""

    def is_active(self) -> bool:
        """Whether it was started."""
        return self.running

    def restart(self) -> None:
        """Decrypt what the drop-in names, for root alone."""
        self.given.mkdir(0o700, exist_ok=True)
        line = Path(self.drop_in).read_text().splitlines()[1]
        name, path = line.removeprefix("LoadCredentialEncrypted=").split(":")
        (self.given / name).unlink(missing_ok=True)
        command = ["systemd-creds", "decrypt", path, str(self.given / name)]
        subprocess.run(command, check=True, capture_output=True, umask=0o277)

    def credentials(self) -> str:
        """As the process sees it."""
        return str(self.given)


@contextmanager
def system(path: Path) -> Iterator[Sealing]:
    """Have a directory be a system with a machine key in a file, and a secret of its own for credentials."""
    requires.root()
    requires.command("systemd-creds")
    before = os.environ.get(_SECRET)
    os.environ[_SECRET] = str(path / "host.secret")
    try:
        yield prepared(path)
    finally:
        if before is None:
            del os.environ[_SECRET]
        else:
            os.environ[_SECRET] = before


def prepared(path: Path) -> Sealing:
    """Make the directory, and the key in its file."""
    path.mkdir(mode=0o700, exist_ok=True)
    file = path / "machine.key"
    machine_key(None, NAME, str(file))
    unit = Started("cscd.service", str(path / "system"))
    return Sealing(str(file), Credential(NAME, str(path / "store")), unit)


def start(sealing: Sealing) -> MachineKey:
    """Return the machine key as a service finds it that is started now; it must find one, and make none."""
    unit = sealing.unit
    assert isinstance(unit, Started)
    if Path(unit.drop_in).exists():
        unit.restart()
    directory = str(unit.given) if unit.given.exists() else None
    return machine_key(directory, NAME, sealing.file, may_make=False)
