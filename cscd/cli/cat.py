"""``cscd cat``: the plaintext of age files on standard output.

Every chunk is proven genuine before it is printed. A file that fails in the middle has printed a genuine
beginning, and the exit code says so.
"""

import argparse
import contextlib
import os
import stat
from collections.abc import Sequence
from typing import Final

from cscd.age import AgeReader, Identity, decrypt_stream, looks_like_age
from cscd.age.armor import is_armored
from cscd.age.intake import Intake, Source
from cscd.cli import keyring, tty
from cscd.cli.agent import KeptByService, protectors
from cscd.cli.byterange import ByteRange
from cscd.cli.conversation import Conversation
from cscd.cli.exitcodes import ExitCode, gravest
from cscd.cli.failure import explain
from cscd.cli.passphrase import AskedPassphrase
from cscd.cli.prompt import AtTerminal
from cscd.cli.service import Service
from cscd.cli.terminal import Terminal
from cscd.errors import (
    CancelledError,
    CscdError,
    NoMatchError,
    NotEncryptedError,
    OutputError,
    PassphraseError,
    ServiceRefusedError,
)

STDIN: Final = "-"
_LOOK: Final = 32
"""Bytes that tell an age file: the version line has 22."""


def define(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.description = (
        "Prints the plaintext of age files, armored or not, whoever encrypted them. Nothing is printed that"
        " is not proven genuine."
    )
    parser.add_argument("files", metavar="FILE", nargs="+", help="a file, or - for standard input")
    keyring.add_identity_option(parser, "the identity to decrypt with")
    parser.add_argument(
        "--range",
        type=ByteRange.parse,
        default=ByteRange(),
        metavar="START-END",
        help="only these bytes of each plaintext, counted from 0: 0-99 (both included), 100-, 100+50",
    )


def run(arguments: argparse.Namespace, terminal: Terminal) -> ExitCode:
    """Print one file after the other; one that fails does not stop the next."""
    own, kept_at = keyring.for_opening(arguments)
    service = None if arguments.identity else KeptByService(os.environ, _unlock)
    identities: tuple[Identity, ...] = (*own, service) if service else tuple(own)
    codes = []
    for path in arguments.files:
        try:
            _Printer(path, identities, arguments.range, terminal).print()
            codes.append(ExitCode.OK)
        except OutputError:
            raise  # nothing more can be printed
        except (CscdError, OSError) as error:
            terminal.say(_told(path, error, kept_at, service))
            codes.append(explain(error).code)
    return gravest(codes)


def _told(path: str, error: CscdError | OSError, kept_at: str, service: KeptByService | None) -> str:
    """Say what is wrong with a file, and what to do."""
    if isinstance(error, OSError):
        return explain(error).message if error.filename else f"{path}: {explain(error).message}"
    hint = ""
    if isinstance(error, NoMatchError) and not isinstance(error, PassphraseError):
        hint += f"; {service.why}" if service and service.why else ""
        neither = " and there is no service that could keep one" if service and service.missing else ""
        hint += f"; no identity is kept in {kept_at}{neither}; give one: --identity FILE" if kept_at else ""
    return f"{path}: {explain(error).message}{hint}"


def _unlock(service: Service) -> None:
    """Ask for the passphrase that unlocks the key, if there is one and somebody to ask.

    A key that opens without asking was locked by somebody who meant it.
    """
    if protectors(service) != ("passphrase",):
        raise ServiceRefusedError("locked", "your key is locked")
    if not tty.there():
        raise ServiceRefusedError("locked", "your key is locked, and there is no terminal to ask at")
    Conversation(service, AtTerminal()).put({"ask": "unlock"})


class _Printer:
    """Prints the plaintext of one file."""

    def __init__(
        self, path: str, identities: Sequence[Identity], wanted: ByteRange, terminal: Terminal
    ) -> None:
        self._path = path
        self._identities = (*identities, AskedPassphrase(path))
        self._wanted = wanted
        self._terminal = terminal
        self._at = 0
        """Bytes of plaintext seen so far."""

    def print(self) -> None:
        """Do it. Raises AgeError, NotEncryptedError, OutputError and OSError."""
        if self._path == STDIN:
            with open(0, "rb", buffering=0, closefd=False) as stdin:
                self._print_stream(stdin)
            return
        # A link is followed, as cat(1) does: nothing is ever created or changed here.
        with open(self._path, "rb", buffering=0) as file:
            status = os.fstat(file.fileno())
            if stat.S_ISREG(status.st_mode) and looks_like_age(os.pread(file.fileno(), _LOOK, 0)):
                self._print_file(file.fileno(), status.st_size)
            else:
                self._print_stream(file)

    def _print_file(self, fd: int, size: int) -> None:
        """Print a binary age file: only the part that is wanted is read."""
        reader = AgeReader(fd, size, self._identities)
        for chunk in reader.chunks(self._wanted.start, self._wanted.stop):
            self._terminal.write(chunk)

    def _print_stream(self, file: Source) -> None:
        """Print what comes through a pipe, or in armor."""
        intake = Intake(file)
        if not intake.peek(1):
            return  # a pass leaves what is empty as it is, so that there is nothing to decrypt
        if not looks_like_age(intake.peek(_LOOK)) and not is_armored(intake):
            raise NotEncryptedError("not an age file: nothing to decrypt (cat(1) prints it as it is)")
        with contextlib.suppress(CancelledError):
            decrypt_stream(_Rest(intake), self, self._identities, keep_going=self._wants_more)

    def _wants_more(self) -> bool:
        """Whether the end of the range is still to come."""
        return self._wanted.stop is None or self._at < self._wanted.stop

    def write(self, data: memoryview, /) -> int:
        """Print the wanted part of the next piece of plaintext."""
        self._terminal.write(self._wanted.part_of(data, self._at))
        self._at += len(data)
        return len(data)


class _Rest:
    """What an intake has not handed out yet, as a source to read from."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    def read(self, size: int, /) -> bytes:
        """Return `size` bytes, fewer only at the end."""
        return self._intake.take(size)
