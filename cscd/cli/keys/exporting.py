"""``cscd keys export``: a copy of the key that the service keeps, as a plain age identity file.

Whoever has that file has the key. So the person says again what they mean, the file is closed to others, and
nothing of it is ever shown on a screen.
"""

import argparse
import os
import stat
from typing import Any, Final

from cscd.age import KeyIdentity, key_id
from cscd.age.keys import parse_identities
from cscd.cli import tty
from cscd.cli.exitcodes import ExitCode
from cscd.cli.keys import answers, asking, change, newfile
from cscd.cli.names import shown, wrapped
from cscd.cli.terminal import OUT, Terminal
from cscd.errors import CancelledError, KeyFormatError, ServiceError, ServiceRefusedError

FILE: Final = "cscd-identity.key"
"""Where the identity is put unless told otherwise, in the working directory."""
STDOUT: Final = "-"


def define(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.description = (
        "Writes a copy of your key, and of the older ones that are kept, to a plain age identity file:"
        " whoever has it can read all your encrypted files, on any computer. It asks whether you mean it."
    )
    parser.add_argument(
        "--output",
        metavar="FILE",
        default=FILE,
        help="where to put it; nothing is replaced; - is standard output, if that is a pipe"
        " (default: ./%(default)s)",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask whether that is meant")
    asking.add_passphrase_option(parser)
    change.add_json_option(parser)


def run(arguments: argparse.Namespace, terminal: Terminal) -> ExitCode:
    """Write it. Raises ServiceError, PassphraseError, CancelledError, KeyFileError and OSError."""
    if problem := _problem(arguments):
        terminal.say(problem)
        return ExitCode.USAGE
    conversation = asking.conversation(arguments)
    current = answers.kept_keys(asking.service(), asking.question("keys", arguments)).current
    if current is None:
        raise ServiceRefusedError("no_key", "the service keeps no key for you yet")
    if not arguments.yes:
        _confirm(current.key_id, terminal)
    text, identities = _identities(conversation.put(asking.question("export", arguments)))
    if arguments.output == STDOUT:
        terminal.write(text)
        return ExitCode.OK
    path = os.path.abspath(arguments.output)
    newfile.put(path, text)
    exported = key_id(identities[0].recipient)
    change.tell(
        terminal,
        arguments,
        "keys export",
        exported,
        f"Key {exported}{_older(identities)} is in {shown(path)}, a plain age identity file. Move it off"
        " this computer: whoever has it can read your files.",
    )
    return ExitCode.OK


def _problem(arguments: argparse.Namespace) -> str:
    """Say what is wrong with the arguments, "" if nothing is."""
    if arguments.output == STDOUT:
        if not _is_pipe():
            return "the key is written to standard output only if that is a pipe to another program"
        if arguments.json:
            return "--json has nothing to say with --output -, which prints the key itself"
    elif not os.path.basename(arguments.output):
        return "--output takes the name of a new file"
    if not arguments.yes and not tty.there():
        return "there is no terminal to ask whether you mean it; say so: --yes"
    return ""


def _is_pipe() -> bool:
    mode = os.fstat(OUT).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _confirm(expected: str, terminal: Terminal) -> None:
    """Have the person type which key is meant. Raises CancelledError."""
    warning = "This writes your key without any protection: whoever gets the file can read all your files."
    prompt = "\n".join([*wrapped(warning, terminal.columns()), f"To go on, type {expected}: "])
    given = tty.ask(prompt, hidden=False)
    if given is None or given.reveal().strip() != expected.encode():
        raise CancelledError("that is not the key id; nothing was written")


def _identities(answer: Any) -> tuple[bytes, list[KeyIdentity]]:  # noqa: ANN401 - whatever the service said
    """Return the text of the file, and what is in it. Raises ServiceError, without any of it."""
    try:
        text = answer["identities"].encode("ascii")
        return text, parse_identities(text)
    except (KeyError, TypeError, AttributeError, UnicodeError, KeyFormatError):
        raise ServiceError(
            "the service answered with what is no identity; is it of another version?"
        ) from None


def _older(identities: list[KeyIdentity]) -> str:
    older = len(identities) - 1
    return f", with {older} older key{'' if older == 1 else 's'}," if older else ""
