"""The passphrase of a file: asked for at the terminal, only when a file turns out to need one."""

from collections.abc import Sequence

from cscd.age import ScryptIdentity, Stanza
from cscd.age.scrypt import STANZA
from cscd.cli import tty
from cscd.cli.names import shown
from cscd.errors import PassphraseError


class AskedPassphrase:
    """An identity that asks for the passphrase when it is shown a file that was encrypted to one."""

    def __init__(self, path: str) -> None:
        """`path` is the file's, for the prompt."""
        self._path = path

    def unwrap(self, stanzas: Sequence[Stanza]) -> bytes | None:
        """Return the file key if the passphrase fits, None if the file takes none.

        Raises PassphraseError where nobody can be asked or the passphrase is wrong, HeaderError for a
        malformed stanza or one that asks for more work than we grant.
        """
        if not stanzas or stanzas[0].type != STANZA:
            return None
        file_key = ScryptIdentity(self._ask()).unwrap(stanzas)
        if file_key is None:
            raise PassphraseError("the passphrase is wrong")
        return file_key

    def _ask(self) -> bytes:
        if not tty.there():
            raise PassphraseError("it takes a passphrase, and there is no terminal to ask for it")
        given = tty.ask(f"Passphrase for {shown(self._path)}: ")
        if given is None:
            raise PassphraseError("it takes a passphrase, and none was given")
        return given.reveal()
