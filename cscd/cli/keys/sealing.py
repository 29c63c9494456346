"""The machine key on its way from its file into a credential of systemd's, never in neither.

Each step is on the medium before the next begins, and looks first whether it was done before: whoever is
killed, or has no time now, begins again and goes on. The file is removed last, when a service that was
started with the credential runs.
"""

from dataclasses import dataclass

from cscd.cli.systemd import Credential, Unit
from cscd.errors import KeyFileError
from cscd.keys import MachineKey
from cscd.keys.keyfile import identity_text
from cscd.keys.machine import from_text, in_credential, in_file, remove


@dataclass(frozen=True, slots=True)
class Sealing:
    """What is to be moved, where to, and who uses it."""

    file: str
    """The path of the file."""
    credential: Credential
    unit: Unit

    def key(self) -> MachineKey | None:
        """Return the key in the file, None if there is no file. Raises KeyFileError."""
        return in_file(self.file)

    def seal(self, key: MachineKey) -> None:
        """Have the credential be there, hold the key, and be what the service gets when it starts.

        Raises KeyFileError, `ambiguous`, where it is there already and holds another key, and ServiceError.
        """
        if not self.credential.is_there():
            self.credential.put(identity_text(key.identity))
        sealed = from_text(self.credential.decrypted(), self.credential.path)
        if sealed.identity.recipient != key.identity.recipient:
            raise KeyFileError(
                f"{self.credential.path} holds another key than {self.file}; move away the one that opens"
                " nothing, and do this again",
                "ambiguous",
                path=self.credential.path,
            )
        self.unit.load(self.credential)

    def in_use(self, key: MachineKey | None) -> bool:
        """Whether the service runs and was given the credential with this key, or with any if it is None.

        Raises KeyFileError where it was given another one, and ServiceError.
        """
        if not self.unit.is_active():
            return False
        try:
            given = in_credential(self.unit.credentials(), self.credential.name)
        except KeyFileError as error:
            if error.reason == "missing":
                return False
            raise
        if given is None:
            return False
        if key and given.identity.recipient != key.identity.recipient:
            raise KeyFileError(
                f"the service runs with another machine key than the one in {self.file}",
                "ambiguous",
                path=self.file,
            )
        return True

    def finish(self, key: MachineKey) -> None:
        """Remove the file, now that the service was seen to run with the credential. Raises KeyFileError."""
        remove(key)
