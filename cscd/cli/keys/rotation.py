"""``cscd keys rotate``: another key from now on."""

import argparse

from cscd.cli.exitcodes import ExitCode
from cscd.cli.keys import asking, change
from cscd.cli.terminal import Terminal


def define(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.description = (
        "Makes a new key, to which files are encrypted from now on. The present one is kept, for the files"
        " that are encrypted to it; cscd unencrypt and cscd encrypt bring them to the new one."
    )
    asking.add_user_option(parser)
    asking.add_passphrase_option(parser)
    change.add_json_option(parser)


def run(arguments: argparse.Namespace, terminal: Terminal) -> ExitCode:
    """Have it made. Raises ServiceError, PassphraseError and CancelledError."""
    key_id = asking.key_id(asking.conversation(arguments).put(asking.question("rotate", arguments)))
    change.tell(
        terminal,
        arguments,
        "keys rotate",
        key_id,
        f"Files are encrypted to the new key {key_id} from now on. Those that are there stay encrypted to the"
        " one before, which is kept. To bring them to the new one: cscd unencrypt, cscd encrypt",
    )
    return ExitCode.OK
