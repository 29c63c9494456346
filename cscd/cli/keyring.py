"""The keys that the arguments ask for: files named, recipients spelled out, or the kept identity."""

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from cscd.age import KeyIdentity, KeyRecipient, X25519Identity, key_id, parse_recipient
from cscd.cli.agent import KeptByService
from cscd.cli.terminal import Terminal
from cscd.errors import KeyFileError, KeyFormatError
from cscd.files.goal import Goal, State
from cscd.keys import KeptIdentity, KeyFile, StateDirectory, keep, kept, read_identities, read_recipients
from cscd.keys.directory import default_path


@dataclass(slots=True)
class Keyring:
    """Recipients and identities, and the files that they came from."""

    recipients: list[KeyRecipient] = field(default_factory=list)
    identities: list[KeyIdentity] = field(default_factory=list)
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


def for_encrypting(
    arguments: argparse.Namespace, directory: StateDirectory | None, terminal: Terminal
) -> Keyring:
    """Return the recipients to encrypt to: those given, or else of the kept identity, made if need be.

    Those of identity files come first, so that the first one names the user in the marker. Without a state
    directory, as a dry run may be, the identity is made for this time only.
    """
    keyring = Keyring()
    keyring.add_identities(arguments.identity)
    keyring.recipients += [identity.recipient for identity in keyring.identities]
    keyring.recipients += [_recipient(text) for text in arguments.recipient]
    for path in arguments.recipients_file:
        file, recipients = read_recipients(path)
        keyring.files.append(file)
        keyring.recipients += recipients
    if keyring.recipients:
        return keyring
    if not (directory and kept(directory)) and (known := KeptByService(os.environ).recipients()):
        terminal.say("encrypting to the key that the service keeps for you")
        keyring.recipients += known
        return keyring
    if directory and not arguments.dry_run:
        _use_kept(keyring, directory, terminal)
    elif not (directory and keyring.add_kept(directory)):
        _use_another(keyring, directory, terminal)
    keyring.recipients += [identity.recipient for identity in keyring.identities]
    return keyring


def for_decrypting(arguments: argparse.Namespace, directory: StateDirectory | None) -> Keyring:
    """Return the identities to decrypt with: those given, or else the kept one, if there is one."""
    keyring = Keyring()
    keyring.add_identities(arguments.identity)
    if not arguments.identity and directory:
        keyring.add_kept(directory)
    return keyring


def for_opening(arguments: argparse.Namespace) -> tuple[Sequence[KeyIdentity], str]:
    """Return the identities to open files with, and where one was looked for in vain, else "".

    They are those given, or else the kept one, or none. Raises KeyFileError and KeyFormatError for a file of
    them that cannot be used.
    """
    if arguments.identity:
        return for_decrypting(arguments, None).identities, ""
    found, path = look_for_kept()
    return (found.identities, "") if found else ((), path)


def look_for_kept() -> tuple[KeptIdentity | None, str]:
    """Return the kept identity, if there is one, and the path of the state directory; makes neither."""
    path = default_path(os.environ)
    try:
        directory = StateDirectory.open(path)
    except FileNotFoundError:
        return None, path
    try:
        return kept(directory), path
    finally:
        directory.close()


def require_identity(keyring: Keyring, path: str) -> None:
    """Raise KeyFileError where there is nothing to decrypt with; `path` is the state directory."""
    if not keyring.identities:
        if KeptByService(os.environ).recipients():
            raise KeyFileError(
                "the service keeps your key and does not give it away; use: cscd unencrypt, or give another"
                " identity to decrypt with: --identity FILE"
            )
        raise KeyFileError(f"no identity is kept in {path}; give the one to decrypt with: --identity FILE")


def _use_kept(keyring: Keyring, directory: StateDirectory, terminal: Terminal) -> None:
    knew_trees = directory.knows_trees()
    found = keep(directory)
    keyring.files.append(found.file)
    keyring.identities += found.identities
    if found.made:
        terminal.say(f"your new identity is in {found.file.path}")
        terminal.say("keep a copy in a safe place: without it, nobody can read your encrypted files")
        if knew_trees:
            _warn_of_loss(directory, terminal)


def _use_another(keyring: Keyring, directory: StateDirectory | None, terminal: Terminal) -> None:
    """Take an identity that nobody keeps, for a pass that only looks: it stands for the one to be made."""
    keyring.identities.append(X25519Identity.generate())
    terminal.say("no identity is kept yet; without --dry-run one is made")
    if directory and directory.knows_trees():
        _warn_of_loss(directory, terminal)


def _warn_of_loss(directory: StateDirectory, terminal: Terminal) -> None:
    """Warn where passes were done before and no identity is left of them; they may have been given one."""
    terminal.say(
        f"warning: earlier passes left an index in {directory.path}, but no identity; if one was kept there,"
        " it is gone, and what was encrypted to it needs a copy of it"
    )


def _recipient(text: str) -> KeyRecipient:
    """Return a recipient given as an argument; an identity among them is not shown."""
    try:
        return parse_recipient(text)
    except KeyFormatError as error:
        raise KeyFormatError(f"--recipient: {error}") from None
