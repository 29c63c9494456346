"""``cscd inspect``: what files are, without changing or printing what they hold."""

import argparse
import os
from collections.abc import Iterator
from typing import Literal

from cscd.age import Identity, key_id
from cscd.age.hybrid import STANZA as POST_QUANTUM
from cscd.age.scrypt import STANZA as SCRYPT
from cscd.cli import keyring
from cscd.cli.agent import KeptByService
from cscd.cli.exitcodes import ExitCode, gravest
from cscd.cli.failure import explain
from cscd.cli.inspection import NO_IDENTITY, FileReport, Keys, inspect
from cscd.cli.names import harmless, shown
from cscd.cli.passphrase import AskedPassphrase
from cscd.cli.report import Count, Model
from cscd.cli.terminal import Style, Terminal
from cscd.errors import CscdError
from cscd.files.name import Name

_STATES = {
    "empty": "empty: holds nothing to protect",
    "plain": "plain: not encrypted",
    "encrypted": "encrypted by cscd",
    "age": "an age file that cscd did not write",
    "damaged": "damaged",
    None: "cannot be read",
}


class InspectReport(Model):
    """What ``cscd inspect --json`` prints."""

    format: Literal[1]
    """The version of this object."""
    command: Literal["inspect"]
    """What it is the report of."""
    exit_code: Count
    """What the command exits with."""
    outcome: str
    """The name of the exit code, in lower case."""
    files: tuple[FileReport, ...]
    """One for each file given, in that order."""


def define(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.description = "Says what files are: plain, encrypted or damaged, for whom, and how large."
    parser.add_argument("files", metavar="FILE", nargs="+", help="a file")
    keyring.add_identity_option(parser, "the identity to try on the files")
    parser.add_argument("--verify", action="store_true", help="check that every chunk is genuine")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace, terminal: Terminal) -> ExitCode:
    """Look at one file after the other; one that cannot be read does not stop the next."""
    own, _ = keyring.for_opening(arguments)
    key_ids = frozenset(key_id(identity.recipient) for identity in own)
    identities: tuple[Identity, ...] = tuple(own)
    service = KeptByService(os.environ)
    if not arguments.identity and (kept_there := service.key_id()):
        identities, key_ids = (*own, service), key_ids | {kept_there}
    reports, codes = [], []
    for path in arguments.files:
        keys = Keys(identities, key_ids, AskedPassphrase(path))
        try:
            report = inspect(path, keys, verify=arguments.verify)
            code = _code(report, verify=arguments.verify)
        except (CscdError, OSError) as error:
            failure = explain(error)
            report = FileReport(path=Name.of(path), state=None, error=harmless(failure.message))
            code = failure.code
        reports.append(report)
        codes.append(code)
        if not arguments.json:
            _print(path, report, terminal)
    code = gravest(codes)
    if arguments.json:
        whole = InspectReport(
            format=1,
            command="inspect",
            exit_code=code.value,
            outcome=code.name.lower(),
            files=tuple(reports),
        )
        terminal.print(whole.model_dump_json(indent=2))
    return code


def _code(report: FileReport, *, verify: bool) -> ExitCode:
    if report.state == "damaged":
        return ExitCode.DAMAGED
    unchecked = verify and report.state in ("encrypted", "age") and not report.verified
    return ExitCode.KEY if unchecked else ExitCode.OK


def _print(path: str, report: FileReport, terminal: Terminal) -> None:
    terminal.print(terminal.styled(shown(path), Style.BOLD))
    bad = report.state in ("damaged", None)
    terminal.print(f"  {terminal.styled(_STATES[report.state], *([Style.RED] if bad else []))}")
    for line in _lines(report):
        terminal.print(f"  {line}")


def _lines(report: FileReport) -> Iterator[str]:
    """Yield what else there is to say of a file."""
    if report.error:
        yield harmless(report.error)
    if report.recipients:
        armored = ", in ASCII armor" if report.armored else ""
        yield f"for {', '.join(map(_recipient, report.recipients))}{armored}"
    if report.key_id:
        whose = {True: ", which is yours", False: ", which is not yours", None: ""}[report.own_key]
        yield f"key {report.key_id}{whose}"
    if report.opens is not None:
        yield "your identity opens it" if report.opens else "your identity does not open it"
    elif _untried(report):
        yield NO_IDENTITY
    if report.state is not None:
        yield _sizes(report)
    if report.sparse:
        yield "its content had holes, which unencrypting restores"
    if report.verified:
        yield "verified: every chunk is genuine"


def _recipient(kind: str) -> str:
    """Return how the type of a recipient is shown."""
    return f"{kind} (post-quantum)" if kind == POST_QUANTUM else shown(kind)


def _untried(report: FileReport) -> bool:
    """Whether no identity was tried on a file that could take one; an error tells so itself."""
    takes_one = report.state in ("encrypted", "age") and SCRYPT not in report.recipients
    return takes_one and report.opens is None and not report.error


def _sizes(report: FileReport) -> str:
    if report.content is None or not report.overhead:
        return f"{report.size:,} bytes"
    return f"{report.size:,} bytes: {report.content:,} of content, {report.overhead:,} of overhead"
