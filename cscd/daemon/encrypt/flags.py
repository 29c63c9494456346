"""The flags of Encrypt: what each bit asks for (OfflineFilesEncryptionControlFlag…)."""

from enum import IntFlag
from typing import Final


class Flag(IntFlag):
    """A bit of the parameter `Flags`."""

    LOW_PRIORITY = 0x0000_0200
    """Reserved: accepted, and changes nothing."""
    ASYNC_PROGRESS = 0x0000_0400
    """Progress is told without waiting for the sink's answers."""
    INTERACTIVE = 0x0000_0800
    """The call may ask the user for something: an administrator's password, a passphrase."""
    CONSOLE = 0x0000_1000
    """With INTERACTIVE, on the terminal of the calling process; without it, nothing."""
    BACKGROUND = 0x0001_0000
    """An item that a program has open, or opens meanwhile, is left alone at once and tried again later."""

    @property
    def words(self) -> tuple[str, ...]:
        """The names of the bits as the reference has them: ``AsyncProgress``."""
        return tuple(_WORDS[flag] for flag in Flag if flag in self)


_WORDS: Final = {flag: "".join(word.capitalize() for word in str(flag.name).split("_")) for flag in Flag}
_ALL: Final = sum(Flag)


def flags_of(bits: int) -> Flag | None:
    """Return the flags that bits stand for, None where one of them is undefined."""
    return None if bits & ~_ALL else Flag(bits)
