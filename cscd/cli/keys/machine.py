"""``cscd keys machine seal``: the machine key, out of a file and into a credential that systemd keeps."""

import argparse
import os
from contextlib import suppress
from typing import Final, Literal

from cscd.cli import systemd, tty
from cscd.cli.config import checks
from cscd.cli.exitcodes import ExitCode
from cscd.cli.keys import newfile
from cscd.cli.keys.sealing import Sealing
from cscd.cli.names import shown, wrapped
from cscd.cli.report import Model
from cscd.cli.systemd import Credential, Unit
from cscd.cli.terminal import Terminal
from cscd.config import Settings, load, source
from cscd.errors import CancelledError, KeyFileError, ServiceError
from cscd.events.journal import Journal
from cscd.events.level import Level
from cscd.events.log import Log
from cscd.events.logfile import LogFile
from cscd.events.machine import MachineKeySealed
from cscd.events.output import Destination
from cscd.files.name import Name
from cscd.keys import MachineKey, read_identities
from cscd.keys.keyfile import identity_text

_AGREED: Final = (b"y", b"yes")


class MachineReport(Model):
    """What ``cscd keys machine seal --json`` prints."""

    format: Literal[1]
    """The version of this object."""
    command: Literal["keys machine seal"]
    """What it is the report of."""
    credential: Name
    """The file of the credential, which systemd alone can decrypt."""
    tpm: bool
    """Whether there is a TPM here that credentials are sealed with."""
    copy_file: Name | None
    """Where the copy was put that was asked for."""


def define(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.description = (
        "As root: moves the machine key from its file into a credential that systemd encrypts, with the TPM"
        " where there is one, and hands to the service. The file is removed when the service has been"
        " started with the credential and runs; whenever this ends early, doing it again goes on."
    )
    parser.add_argument("action", choices=["seal"], help="what to do with it")
    parser.add_argument(
        "--copy",
        metavar="FILE",
        type=_new_file,
        help="write a copy of the key first, to be kept off this computer; nothing is replaced",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask before the service is restarted")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace, terminal: Terminal) -> ExitCode:
    """Do it. Raises KeyFileError, ServiceError, ConfigError, CancelledError and OSError."""
    if os.geteuid() != 0:
        terminal.say("the machine key is root's; as root: sudo cscd keys machine seal")
        return ExitCode.PERMISSION
    if not arguments.yes and not tty.there():
        terminal.say("there is no terminal to ask whether the service may be restarted; say so: --yes")
        return ExitCode.USAGE
    systemd.require_booted()
    settings = load(source(None), checks()).settings
    keys = settings.keys
    sealing = Sealing(keys.machine_key_file, Credential(keys.machine_credential), Unit())
    key = sealing.key()
    if key is None:
        return _already(sealing, arguments, terminal)
    _move(sealing, key, arguments)
    _log(settings, keys.machine_credential)
    _tell(sealing, arguments, terminal)
    return ExitCode.OK


def _move(sealing: Sealing, key: MachineKey, arguments: argparse.Namespace) -> None:
    if arguments.copy:
        _copy(os.path.abspath(arguments.copy), key)
    sealing.seal(key)
    if not sealing.in_use(key):
        _restart(sealing, arguments)
    if not sealing.in_use(key):
        raise ServiceError(
            f"the service was not given the credential {sealing.credential.path}; see: systemctl status"
            f" {sealing.unit.name}. The key is still in {sealing.file}"
        )
    sealing.finish(key)


def _copy(path: str, key: MachineKey) -> None:
    """Write a copy, unless the same command did so before. Raises KeyFileError and OSError."""
    if os.path.lexists(path):
        _, found = read_identities(path)
        if [each.recipient for each in found] != [key.identity.recipient]:
            raise KeyFileError(
                f"{path} is there already and holds something else; name another file: --copy FILE"
            )
        return
    newfile.put(path, identity_text(key.identity))


def _restart(sealing: Sealing, arguments: argparse.Namespace) -> None:
    """Have the service run with the credential. Raises ServiceError and CancelledError."""
    if not sealing.unit.is_active():
        raise ServiceError(
            "the service does not run, so that the credential is not proved to work. Start it (systemctl"
            f" start cscd), and do this again; until then the key stays in {sealing.file}, too"
        )
    if not arguments.yes:
        given = tty.ask(
            "The service has to be restarted to use the credential. Restart it now? (yes/no) ", hidden=False
        )
        if given is None or given.reveal().strip().lower() not in _AGREED:
            raise CancelledError(
                f"the key is in the credential and still in {sealing.file}; after a restart of the service,"
                " do this again"
            )
    sealing.unit.restart()


def _already(sealing: Sealing, arguments: argparse.Namespace, terminal: Terminal) -> ExitCode:
    """Say that there is nothing to move. Raises KeyFileError where there is no key either."""
    if not sealing.in_use(None):
        raise KeyFileError(
            f"there is no machine key in {sealing.file}, and none that the service uses"
            "; it makes one when it starts for the first time",
            "missing",
            path=sealing.file,
        )
    if arguments.copy:
        terminal.say("the key is in its credential already, and no copy was made: the service has it alone")
    _tell(sealing, arguments, terminal)
    return ExitCode.OK


def _log(settings: Settings, credential: str) -> None:
    """Write it where the log of the service is; that it cannot be written there undoes nothing."""
    to_file = Destination(settings.logging.destination) is Destination.FILE
    with suppress(OSError):
        sink = LogFile(settings.logging.file) if to_file else Journal()
        Log([sink], level=Level.INFO).emit(MachineKeySealed(credential=credential))
        sink.close()


def _tell(sealing: Sealing, arguments: argparse.Namespace, terminal: Terminal) -> None:
    tpm = systemd.has_tpm()
    if arguments.json:
        report = MachineReport(
            format=1,
            command="keys machine seal",
            credential=Name.of(sealing.credential.path),
            tpm=tpm,
            copy_file=Name.of(os.path.abspath(arguments.copy)) if arguments.copy else None,
        )
        terminal.print(report.model_dump_json(indent=2))
        return
    for sentence in _sentences(sealing, arguments, tpm=tpm):
        for line in wrapped(sentence, terminal.columns()):
            terminal.print(line)


def _sentences(sealing: Sealing, arguments: argparse.Namespace, *, tpm: bool) -> tuple[str, ...]:
    """Return what was done, what it is good for, and what is left to do."""
    by = (
        "by the TPM of this computer: the disk alone opens nothing."
        if tpm
        else "by a key of this system in /var/lib/systemd/credential.secret, for there is no TPM: whoever has"
        " the whole disk can open it."
    )
    kept = (
        f"The copy is in {shown(os.path.abspath(arguments.copy))}: move it off this computer."
        if arguments.copy
        else "There is no other copy: if this computer is lost, recovery keys and passphrases are what opens."
    )
    gone = (
        f"The service runs with it, and {sealing.file} is gone. What was in that file may still be in"
        " backups, in snapshots, and in unused blocks of the disk."
    )
    return (f"The machine key is the credential {sealing.credential.path}, sealed {by}", gone, kept)


def _new_file(text: str) -> str:
    if text == "-" or not os.path.basename(text):
        raise argparse.ArgumentTypeError("expected the name of a new file; the key is not printed")
    return text
