"""``cscd keys unlock`` and ``cscd keys lock``: whether the service uses the key."""

import argparse

from cscd.cli.exitcodes import ExitCode
from cscd.cli.keys import asking, change
from cscd.cli.terminal import Terminal


def define_unlock(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``unlock``."""
    parser.description = (
        "Has the service use your key: files that waited for it are decrypted, and cscd cat prints them. The"
        " passphrase is asked for unless the machine key opens it. It is forgotten when you have logged off."
    )
    asking.add_passphrase_option(parser)
    parser.add_argument(
        "--dialog", action="store_true", help="ask in a dialog of the desktop (pinentry), not here"
    )
    change.add_json_option(parser)


def unlock(arguments: argparse.Namespace, terminal: Terminal) -> ExitCode:
    """Unlock the key. Raises ServiceError, PassphraseError and CancelledError."""
    key_id = asking.key_id(asking.conversation(arguments).put(asking.question("unlock", arguments)))
    change.tell(terminal, arguments, "keys unlock", key_id, f"Key {key_id} is unlocked.")
    return ExitCode.OK


def define_lock(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``lock``."""
    parser.description = (
        "Has the service forget your key, until it is unlocked again or you log on anew. New files are"
        " encrypted all the same."
    )
    asking.add_user_option(parser)
    change.add_json_option(parser)


def lock(arguments: argparse.Namespace, terminal: Terminal) -> ExitCode:
    """Lock the key. Raises ServiceError."""
    answer = asking.service().ask(asking.question("lock", arguments))
    key_id = asking.key_id(answer)
    sentences = [f"Key {key_id} is locked. To unlock it: cscd keys unlock"]
    if answer.get("opens_without_asking"):
        sentences.append("The machine key opens it, so that no passphrase is asked for then.")
    change.tell(terminal, arguments, "keys lock", key_id, *sentences)
    return ExitCode.OK
