"""Where the passphrase of a key comes from: a person at the terminal, or a descriptor that a script fills.

`cscd.cli.pinentry` has the third one, the desktop's dialog. None of them takes one from the command line or
from the environment, where other processes see it.
"""

import os
from typing import Final, Protocol

from cscd.cli import tty
from cscd.cli.secret import LONGEST_PASSPHRASE, Secret
from cscd.errors import CancelledError, PassphraseError

TRIES: Final = 3
"""How often a person may err."""
OLD: Final = "Passphrase of your key: "
NEW: Final = "New passphrase: "
AGAIN: Final = "The same again: "
WRONG: Final = "That was not it."
DIFFERENT: Final = "The two differ."
_MOST: Final = 64 << 10
"""Bytes that are read from a descriptor."""


class Prompt(Protocol):
    """Somebody to ask."""

    tries: int
    """How often it is worth to ask for the same."""

    def passphrase(self, problem: str = "") -> Secret:
        """Ask for the passphrase that the key has; `problem` says what was wrong with the one before.

        Raises PassphraseError where none can be had, and CancelledError where the person says no.
        """

    def new_passphrase(self) -> Secret:
        """Ask for one that the key shall have, so that a slip of the finger is noticed. Raises the same."""


class AtTerminal:
    """The person at the terminal of this process."""

    tries = TRIES

    def __init__(self, old: str = OLD) -> None:
        """Take how to ask for the passphrase that the key has."""
        self._old = old

    def passphrase(self, problem: str = "") -> Secret:
        """See `Prompt`."""
        return _asked(f"{problem} {self._old}" if problem else self._old)

    def new_passphrase(self) -> Secret:
        """See `Prompt`."""
        problem = ""
        for _ in range(TRIES):
            new = _asked(f"{problem}{NEW}")
            if _asked(AGAIN) == new:
                return new
            problem = f"{DIFFERENT} "
        raise PassphraseError("the new passphrase was not typed twice alike; nothing was changed")


class FromDescriptor:
    """Lines of a descriptor, one for each secret in the order in which a person would be asked."""

    tries = 1

    def __init__(self, fd: int) -> None:
        """Take its number; nothing is read before it is needed."""
        self._fd = fd
        self._lines: list[bytes] | None = None

    def passphrase(self, problem: str = "") -> Secret:
        """See `Prompt`; a script is not asked twice."""
        del problem
        return self._next()

    def new_passphrase(self) -> Secret:
        """See `Prompt`; a script makes no slips."""
        return self._next()

    def _next(self) -> Secret:
        if self._lines is None:
            self._lines = self._read().split(b"\n")
        if not self._lines or self._lines == [b""]:
            raise PassphraseError(f"descriptor {self._fd} has no further line with a passphrase")
        return fit(Secret(self._lines.pop(0)))

    def _read(self) -> bytes:
        """Return all that is there."""
        data = b""
        while piece := os.read(self._fd, _MOST):
            data += piece
            if len(data) > _MOST:
                raise PassphraseError(f"descriptor {self._fd} has more than {_MOST} bytes")
        return data


def fit(given: Secret) -> Secret:
    """Return what was given, if it can be a passphrase. Raises PassphraseError."""
    length = len(given.reveal())
    if not length:
        raise PassphraseError("an empty passphrase protects nothing; nothing was changed")
    if length > LONGEST_PASSPHRASE:
        raise PassphraseError(f"a passphrase has at most {LONGEST_PASSPHRASE} bytes; nothing was changed")
    return given


def _asked(prompt: str) -> Secret:
    if not tty.there():
        raise PassphraseError(
            "it takes a passphrase, and there is no terminal to ask for it; scripts use --passphrase-fd"
        )
    given = tty.ask(prompt)
    if given is None:
        raise CancelledError("no passphrase was given; nothing was changed")
    return fit(given)
