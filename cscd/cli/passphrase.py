"""Asking for a passphrase at the terminal, only when a file turns out to need one."""

import contextlib
import errno
import getpass
import os
from collections.abc import Sequence

from cscd.age import ScryptIdentity, Stanza
from cscd.age.scrypt import STANZA
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
        identity = ScryptIdentity(self._ask())
        file_key = identity.unwrap(stanzas)
        if file_key is None:
            raise PassphraseError("the passphrase is wrong")
        return file_key

    def _ask(self) -> bytes:
        try:
            os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
        except OSError as error:
            if error.errno not in (errno.ENXIO, errno.ENOENT, errno.ENOTTY, errno.EACCES, errno.EIO):
                raise
            raise PassphraseError("it takes a passphrase, and there is no terminal to ask for it") from None
        prompt = f"Passphrase for {shown(self._path)}: "
        try:
            return getpass.getpass(prompt).encode("utf-8", "surrogateescape")
        except KeyboardInterrupt:
            _end_line()
            raise
        except EOFError:
            _end_line()
            raise PassphraseError("it takes a passphrase, and none was given") from None


def _end_line() -> None:
    """End the line of a prompt that was not answered, so that the next message begins on its own."""
    with contextlib.suppress(OSError), open("/dev/tty", "wb", buffering=0) as tty:
        tty.write(b"\n")
