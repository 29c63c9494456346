"""``cscd keys``: the key that this user's files are encrypted to, and one to recover everybody's with."""

import argparse
import errno
import os
import shlex
from typing import Final, Literal

from cscd.age import HybridIdentity, HybridRecipient, KeyRecipient, X25519Identity, key_id
from cscd.cli import drill, keyring
from cscd.cli.agent import KeptByService
from cscd.cli.exitcodes import ExitCode
from cscd.cli.names import shown
from cscd.cli.report import Model
from cscd.cli.terminal import Terminal
from cscd.errors import KeyFileError
from cscd.files.name import Name
from cscd.keys import KeptIdentity
from cscd.keys.keyfile import identity_text
from cscd.keys.place import Place

RECOVERY_FILE: Final = "cscd-recovery.key"
"""Where a recovery identity is put unless told otherwise, in the working directory."""

_NO_LINKS: Final = (errno.EPERM, errno.EOPNOTSUPP)
"""What a filesystem without modes or hard links, such as FAT, answers (link(2), chmod(2))."""


class KeyReport(Model):
    """One key pair."""

    recipient: str
    """The public half: age1…"""
    key_id: str
    """Names it in the files that are encrypted to it."""


class KeysReport(Model):
    """What ``cscd keys show --json`` prints."""

    format: Literal[1]
    """The version of this object."""
    command: Literal["keys show"]
    """What it is the report of."""
    identity_file: Name | None
    """Where the secret halves are kept; null where the service keeps them."""
    keys: tuple[KeyReport, ...]
    """The first names the user in the files; all of them can read those."""


class RecoveryReport(Model):
    """What ``cscd keys recovery-init --json`` prints."""

    format: Literal[1]
    """The version of this object."""
    command: Literal["keys recovery-init"]
    """What it is the report of."""
    identity_file: Name
    """Where the secret half is; to be moved off this computer."""
    recipient: str
    """The public half, for `encryption.recovery_recipients`: age1…, or age1pq1… if it is post-quantum"""
    key_id: str
    """Names it, as key ids name the users' keys."""


def define(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands and their arguments."""
    parser.description = "Shows the key that your files are encrypted to; makes and tries one for recovery."
    commands = parser.add_subparsers(dest="keys_command", metavar="COMMAND", required=True, title="commands")
    show = commands.add_parser("show", help="print the recipient, which is public", allow_abbrev=False)
    show.description = (
        "Prints the recipient of the kept identity: whoever has it can encrypt files that you can read."
        " Where the identity is kept goes to standard error."
    )
    show.add_argument("--json", action="store_true", help="print one JSON object")
    show.set_defaults(run_keys=_show)
    recovery = commands.add_parser(
        "recovery-init",
        help="make a key that can read every user's files, to keep offline",
        allow_abbrev=False,
    )
    recovery.description = (
        "Makes a recovery identity, a plain age identity file, and prints its recipient: with that among"
        " encryption.recovery_recipients in the configuration, the identity opens every file that is"
        " encrypted from then on. It is not needed on this computer and should not stay on it."
    )
    recovery.add_argument(
        "--output",
        metavar="FILE",
        type=_new_file,
        default=RECOVERY_FILE,
        help="where to put the identity; nothing is replaced (default: ./%(default)s)",
    )
    recovery.add_argument(
        "--post-quantum",
        action="store_true",
        help="make one of the post-quantum type (age1pq1…), which takes 1.6 KiB more in every file",
    )
    recovery.add_argument("--json", action="store_true", help="print one JSON object")
    recovery.set_defaults(run_keys=_recovery_init)
    tried = commands.add_parser(
        "recovery-drill",
        help="try the recovery key on a sample of encrypted files",
        allow_abbrev=False,
    )
    drill.define(tried)
    tried.set_defaults(run_keys=drill.run)


def run(arguments: argparse.Namespace, terminal: Terminal) -> ExitCode:
    """Do what the sub-command says."""
    code: ExitCode = arguments.run_keys(arguments, terminal)
    return code


def _show(arguments: argparse.Namespace, terminal: Terminal) -> ExitCode:
    found, recipients = _known()
    if arguments.json:
        report = KeysReport(
            format=1,
            command="keys show",
            identity_file=Name.of(found.file.path) if found else None,
            keys=tuple(KeyReport(recipient=str(each), key_id=key_id(each)) for each in recipients),
        )
        terminal.print(report.model_dump_json(indent=2))
        return ExitCode.OK
    for recipient in recipients:
        terminal.print(str(recipient))
    if found:
        terminal.say(f"the identity is kept in {shown(found.file.path)}; keep a copy in a safe place")
    else:
        terminal.say("the service keeps the identity; it is used by `cscd cat`, and never leaves it")
    return ExitCode.OK


def _known() -> tuple[KeptIdentity | None, list[KeyRecipient]]:
    """Return the kept identity and its recipients; or None, and the user's recipient as the service has it.

    Raises KeyFileError where there is neither yet.
    """
    found, path = keyring.look_for_kept()
    if found:
        return found, [identity.recipient for identity in found.identities]
    known = KeptByService(os.environ).recipients()
    if not known:
        raise KeyFileError(f"no identity is kept in {path} yet; the first `cscd recheck DIR` makes one")
    return None, known[:1]


def _recovery_init(arguments: argparse.Namespace, terminal: Terminal) -> ExitCode:
    identity = HybridIdentity.generate() if arguments.post_quantum else X25519Identity.generate()
    path = os.path.abspath(arguments.output)
    _put(path, identity_text(identity))
    if arguments.json:
        report = RecoveryReport(
            format=1,
            command="keys recovery-init",
            identity_file=Name.of(path),
            recipient=str(identity.recipient),
            key_id=key_id(identity.recipient),
        )
        terminal.print(report.model_dump_json(indent=2))
    else:
        terminal.print(str(identity.recipient))
    for line in _advice(path, identity.recipient):
        terminal.say(line)
    return ExitCode.OK


def _put(path: str, content: bytes) -> None:
    """Write a new file, whole and durable. Raises KeyFileError, and OSError for its directory."""
    directory, name = os.path.split(path)
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        made = Place(directory, fd, name).put(content)
    except KeyFileError as error:
        if error.errno not in _NO_LINKS:
            raise
        raise KeyFileError(
            f"{error}; this filesystem may not keep a file closed to others:"
            " give a place on another one, and copy it from there",
            "unwritable",
        ) from error
    finally:
        os.close(fd)
    if not made:
        raise KeyFileError(f"{path} is there already and was left as it is; name another file: --output FILE")


def _advice(path: str, recipient: KeyRecipient) -> tuple[str, ...]:
    """Return what to do next, line by line."""
    newer = " (age 1.3 or later)" if isinstance(recipient, HybridRecipient) else ""
    name = shown(shlex.quote(os.path.basename(path)))
    return (
        f"the recovery identity is in {shown(path)}",
        "1. Name its recipient in /etc/cscd/cscd.yaml, and reload the service (systemctl reload cscd):",
        "       encryption:",
        "         recovery_recipients:",
        f"           - {recipient}",
        "2. Move the file off this computer, onto two media in two safe places.",
        "   Whoever has it can read every user's files; without it, what a lost key encrypted is lost.",
        "3. Test it on items that were encrypted after the reload, and again every year: on this computer,",
        f"       cscd keys recovery-drill --identity {name}",
        f"   or where it is kept, with a copy of an item{newer}:",
        f"       age --decrypt --identity {name} --output copy-of-item item",
    )


def _new_file(text: str) -> str:
    """Take the name of a file; the identity is secret, so it is not printed for a pipe or a log to keep."""
    if text == "-" or not os.path.basename(text):
        raise argparse.ArgumentTypeError("expected the name of a new file; the identity is not printed")
    return text
