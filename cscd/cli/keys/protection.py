"""``cscd keys passphrase``, ``protect`` and ``unprotect``: what opens the key, each of it alone."""

import argparse
from types import MappingProxyType
from typing import Final

from cscd.cli.exitcodes import ExitCode
from cscd.cli.keys import asking, change
from cscd.cli.terminal import Terminal

MACHINE: Final = "machine"
PASSWORD: Final = "passphrase"  # noqa: S105 - a word of the command line
_PROTECTORS: Final = (MACHINE, PASSWORD)

_NOW: Final = MappingProxyType(
    {
        MACHINE: "The machine key opens it from now on: at every logon, without asking.",
        PASSWORD: "The passphrase opens it from now on.",
    }
)
_NO_MORE: Final = MappingProxyType(
    {
        MACHINE: "The machine key does not open it any more: your passphrase does, at logon if it is your"
        " password.",
        PASSWORD: "No passphrase opens it any more; the machine key does.",
    }
)


def define_passphrase(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``passphrase``."""
    parser.description = (
        "Sets the passphrase that opens your key, or changes it; then the present one is asked for, too."
        " Whatever else opens the key goes on doing so. If it is the password that you log on with, logging"
        " on unlocks the key."
    )
    asking.add_passphrase_option(parser)
    change.add_json_option(parser)


def passphrase(arguments: argparse.Namespace, terminal: Terminal) -> ExitCode:
    """Set the passphrase. Raises ServiceError, PassphraseError and CancelledError."""
    _set(arguments, terminal, "keys passphrase")
    return ExitCode.OK


def define_protect(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``protect``."""
    parser.description = (
        "Adds something that opens your key: the machine key, so that it is unlocked without asking; or a"
        " passphrase, as cscd keys passphrase does. One of them is enough to open it."
    )
    _define(parser, "what shall open the key, too")


def protect(arguments: argparse.Namespace, terminal: Terminal) -> ExitCode:
    """Add a protector. Raises ServiceError, PassphraseError and CancelledError."""
    if arguments.protector == PASSWORD:
        _set(arguments, terminal, "keys protect")
        return ExitCode.OK
    asked = asking.question("protect", arguments, protector=arguments.protector)
    key_id = asking.key_id(asking.conversation(arguments).put(asked))
    now = _NOW[arguments.protector]
    change.tell(terminal, arguments, "keys protect", key_id, f"Key {key_id} is changed. {now}")
    return ExitCode.OK


def define_unprotect(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``unprotect``."""
    parser.description = (
        "Takes away something that opens your key. What is left is tried before; the last of them stays."
    )
    _define(parser, "what shall not open the key any more")


def unprotect(arguments: argparse.Namespace, terminal: Terminal) -> ExitCode:
    """Take a protector away. Raises ServiceError, PassphraseError and CancelledError."""
    asked = asking.question("unprotect", arguments, protector=arguments.protector)
    key_id = asking.key_id(asking.conversation(arguments).put(asked))
    gone = _NO_MORE[arguments.protector]
    change.tell(terminal, arguments, "keys unprotect", key_id, f"Key {key_id} is changed. {gone}")
    return ExitCode.OK


def _define(parser: argparse.ArgumentParser, purpose: str) -> None:
    parser.add_argument("protector", metavar="PROTECTOR", choices=_PROTECTORS, help=purpose)
    asking.add_passphrase_option(parser)
    change.add_json_option(parser)


def _set(arguments: argparse.Namespace, terminal: Terminal, command: change.Command) -> None:
    key_id = asking.key_id(asking.conversation(arguments).put(asking.question("passphrase", arguments)))
    change.tell(terminal, arguments, command, key_id, f"Key {key_id} is changed. {_NOW[PASSWORD]}")
