"""The keys that the arguments ask for: files named, recipients spelled out, or the kept identity."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field

from cscd.age import X25519Identity, X25519Recipient, key_id, parse_recipient
from cscd.cli.terminal import Terminal
from cscd.errors import KeyFileError, KeyFormatError
from cscd.files.goal import Goal, State
from cscd.keys import KeyFile, StateDirectory, keep, kept, read_identities, read_recipients


@dataclass(slots=True)
class Keyring:
    """Recipients and identities, and the files that they came from."""

    recipients: list[X25519Recipient] = field(default_factory=list)
    identities: list[X25519Identity] = field(default_factory=list)
    files: list[KeyFile] = field(default_factory=list)

    def add_identities(self, paths: Sequence[str]) -> None:
        """Read files of identities. Raises KeyFileError and KeyFormatError."""
        for path in paths:
            file, identities = read_identities(path)
            self.files.append(file)
            self.identities += identities

    def add_kept(self, directory: StateDirectory) -> bool:
        """Take the kept identity; False if there is none."""
        found = kept(directory)
        if found:
            self.files.append(found.file)
            self.identities += found.identities
        return found is not None

    def goal(self, state: State, *, background: bool, leases_required: bool) -> Goal:
        """Return what a pass with these keys wants every item to be."""
        recipients = tuple(dict.fromkeys(self.recipients))
        return Goal(
            state,
            recipients,
            key_id(recipients[0]) if recipients else "",
            tuple(self.identities),
            background,
            leases_required,
        )


def add_identity_option(parser: argparse.ArgumentParser, purpose: str) -> None:
    """Add ``--identity`` to the arguments of a command."""
    parser.add_argument(
        "-i",
        "--identity",
        metavar="FILE",
        action="append",
        default=[],
        help=f"{purpose} (repeatable; default: the identity kept in the state directory)",
    )


def for_encrypting(arguments: argparse.Namespace, directory: StateDirectory, terminal: Terminal) -> Keyring:
    """Return the recipients to encrypt to: those given, or else of the kept identity, made if need be.

    Those of identity files come first, so that the first one names the user in the marker.
    """
    keyring = Keyring()
    keyring.add_identities(arguments.identity)
    keyring.recipients += [identity.recipient for identity in keyring.identities]
    keyring.recipients += [_recipient(text) for text in arguments.recipient]
    for path in arguments.recipients_file:
        file, recipients = read_recipients(path)
        keyring.files.append(file)
        keyring.recipients += recipients
    if not keyring.recipients:
        _use_kept(keyring, directory, terminal)
    return keyring


def for_decrypting(arguments: argparse.Namespace, directory: StateDirectory | None) -> Keyring:
    """Return the identities to decrypt with: those given, or else the kept one, if there is one."""
    keyring = Keyring()
    keyring.add_identities(arguments.identity)
    if not arguments.identity and directory:
        keyring.add_kept(directory)
    return keyring


def require_identity(keyring: Keyring, path: str) -> None:
    """Raise KeyFileError where there is nothing to decrypt with; `path` is the state directory."""
    if not keyring.identities:
        raise KeyFileError(f"no identity is kept in {path}; give the one to decrypt with: --identity FILE")


def _use_kept(keyring: Keyring, directory: StateDirectory, terminal: Terminal) -> None:
    found = keep(directory)
    keyring.files.append(found.file)
    keyring.identities += found.identities
    keyring.recipients += [identity.recipient for identity in found.identities]
    if found.made:
        terminal.say(f"your new identity is in {found.file.path}")
        terminal.say("keep a copy in a safe place: without it, nobody can read your encrypted files")


def _recipient(text: str) -> X25519Recipient:
    """Return a recipient given as an argument; an identity among them is not shown."""
    try:
        return parse_recipient(text)
    except KeyFormatError as error:
        raise KeyFormatError(f"--recipient: {error}") from None
