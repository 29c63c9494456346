"""How the commands about keys ask the service: for whom, and where a passphrase comes from."""

import argparse
import os
from typing import Any

from cscd.cli import account
from cscd.cli.conversation import Conversation
from cscd.cli.pinentry import AtDesktop
from cscd.cli.prompt import AtTerminal, FromDescriptor, Prompt
from cscd.cli.service import Service
from cscd.errors import ServiceError


def add_user_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--user``."""
    parser.add_argument(
        "--user", metavar="USER", type=_uid, help="this user's keys, by name or uid; root may"
    )


def add_passphrase_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--passphrase-fd``."""
    parser.add_argument(
        "--passphrase-fd",
        metavar="N",
        type=_descriptor,
        help="read passphrases from this descriptor, a line for each that would be asked for",
    )


def service() -> Service:
    """Return the service that this user would ask."""
    return Service(os.environ)


def conversation(arguments: argparse.Namespace) -> Conversation:
    """Return one in which passphrases come from where the arguments say."""
    return Conversation(service(), _prompt(arguments))


def question(ask: str, arguments: argparse.Namespace, **details: str) -> dict[str, Any]:
    """Return a question; about another user where the arguments name one."""
    user = getattr(arguments, "user", None)
    return {"ask": ask, **details, **({} if user is None else {"user": user})}


def key_id(answer: Any) -> str:  # noqa: ANN401 - whatever the service said
    """Return the key id in an answer. Raises ServiceError where there is none."""
    found = answer.get("key_id") if isinstance(answer, dict) else None
    if not isinstance(found, str) or not found.isalnum():
        raise ServiceError("the service did not say which key; is it of another version?")
    return found


def _prompt(arguments: argparse.Namespace) -> Prompt:
    if arguments.passphrase_fd is not None:
        return FromDescriptor(arguments.passphrase_fd)
    return AtDesktop(os.environ) if getattr(arguments, "dialog", False) else AtTerminal()


def _uid(text: str) -> int:
    found = account.find(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"there is no user {text}")
    return found.pw_uid


def _descriptor(text: str) -> int:
    """Take the number of a descriptor that is open."""
    try:
        fd = int(text) if text.isascii() and text.isdigit() else -1
        os.fstat(fd)
    except (OSError, OverflowError):
        raise argparse.ArgumentTypeError(f"{text} is not the number of an open descriptor") from None
    return fd
