"""``cscd keys recovery-init``: a key that opens everybody's files, to be kept off this computer."""

import argparse
import os
import shlex
from typing import Final, Literal

from cscd.age import HybridIdentity, HybridRecipient, KeyRecipient, X25519Identity, key_id
from cscd.cli.exitcodes import ExitCode
from cscd.cli.keys import newfile
from cscd.cli.names import shown
from cscd.cli.report import Model
from cscd.cli.terminal import Terminal
from cscd.files.name import Name
from cscd.keys.keyfile import identity_text

RECOVERY_FILE: Final = "cscd-recovery.key"
"""Where a recovery identity is put unless told otherwise, in the working directory."""


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
    """Add the arguments."""
    parser.description = (
        "Makes a recovery identity, a plain age identity file, and prints its recipient: with that among"
        " encryption.recovery_recipients in the configuration, the identity opens every file that is"
        " encrypted from then on. It is not needed on this computer and should not stay on it."
    )
    parser.add_argument(
        "--output",
        metavar="FILE",
        type=_new_file,
        default=RECOVERY_FILE,
        help="where to put the identity; nothing is replaced (default: ./%(default)s)",
    )
    parser.add_argument(
        "--post-quantum",
        action="store_true",
        help="make one of the post-quantum type (age1pq1…), which takes 1.6 KiB more in every file",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace, terminal: Terminal) -> ExitCode:
    """Make it, and say what to do next. Raises KeyFileError and OSError."""
    identity = HybridIdentity.generate() if arguments.post_quantum else X25519Identity.generate()
    path = os.path.abspath(arguments.output)
    newfile.put(path, identity_text(identity))
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
