"""``cscd keys``: the key that this user's files are encrypted to."""

import argparse
from typing import Literal

from cscd.age import key_id
from cscd.cli import keyring
from cscd.cli.exitcodes import ExitCode
from cscd.cli.names import shown
from cscd.cli.report import Model
from cscd.cli.terminal import Terminal
from cscd.errors import KeyFileError
from cscd.files.name import Name
from cscd.keys import KeptIdentity


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
    identity_file: Name
    """Where the secret halves are kept."""
    keys: tuple[KeyReport, ...]
    """The first names the user in the files; all of them can read those."""


def define(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands and their arguments."""
    parser.description = "Shows the key that your files are encrypted to."
    commands = parser.add_subparsers(dest="keys_command", metavar="COMMAND", required=True, title="commands")
    show = commands.add_parser("show", help="print the recipient, which is public", allow_abbrev=False)
    show.description = (
        "Prints the recipient of the kept identity: whoever has it can encrypt files that you can read."
        " Where the identity is kept goes to standard error."
    )
    show.add_argument("--json", action="store_true", help="print one JSON object")
    show.set_defaults(run_keys=_show)


def run(arguments: argparse.Namespace, terminal: Terminal) -> ExitCode:
    """Do what the sub-command says."""
    code: ExitCode = arguments.run_keys(arguments, terminal)
    return code


def _show(arguments: argparse.Namespace, terminal: Terminal) -> ExitCode:
    found = _kept()
    recipients = [identity.recipient for identity in found.identities]
    if arguments.json:
        report = KeysReport(
            format=1,
            command="keys show",
            identity_file=Name.of(found.file.path),
            keys=tuple(KeyReport(recipient=str(each), key_id=key_id(each)) for each in recipients),
        )
        terminal.print(report.model_dump_json(indent=2))
        return ExitCode.OK
    for recipient in recipients:
        terminal.print(str(recipient))
    terminal.say(f"the identity is kept in {shown(found.file.path)}; keep a copy in a safe place")
    return ExitCode.OK


def _kept() -> KeptIdentity:
    """Return the kept identity; KeyFileError where there is none yet."""
    found, path = keyring.look_for_kept()
    if found is None:
        raise KeyFileError(f"no identity is kept in {path} yet; the first `cscd recheck DIR` makes one")
    return found
