"""``cscd keys import``: a key that was made elsewhere, or exported once, as one's own from now on."""

import argparse

from cscd.age import X25519Identity, key_id
from cscd.cli.exitcodes import ExitCode
from cscd.cli.keys import asking, change
from cscd.cli.names import shown
from cscd.cli.secret import Secret
from cscd.cli.terminal import Terminal
from cscd.errors import KeyFormatError
from cscd.keys import read_identities


def define(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.description = (
        "Gives the service the key in FILE, to which your files are encrypted from now on. It takes an age"
        " identity file with one X25519 identity, closed to others. The keys that you have are kept, for the"
        " files that are encrypted to them; cscd unencrypt and cscd encrypt bring those to this one."
    )
    parser.add_argument("file", metavar="FILE", help="an age identity file")
    asking.add_passphrase_option(parser)
    change.add_json_option(parser)


def run(arguments: argparse.Namespace, terminal: Terminal) -> ExitCode:
    """Give it. Raises ServiceError, PassphraseError, CancelledError, KeyFileError and KeyFormatError."""
    file, identities = read_identities(arguments.file)
    if len(identities) > 1:
        raise KeyFormatError(
            f"{shown(file.path)} holds {len(identities)} identities; put the one that you mean into a file of"
            " its own"
        )
    if not isinstance(identities[0], X25519Identity):
        raise KeyFormatError(f"{shown(file.path)} holds no X25519 identity; age-keygen makes one")
    conversation = asking.conversation(arguments)
    conversation.put(asking.question("import", arguments), identity=Secret(file.content))
    imported = key_id(identities[0].recipient)
    change.tell(
        terminal,
        arguments,
        "keys import",
        imported,
        f"Files are encrypted to key {imported} from now on. Those that are there stay encrypted to the one"
        " before, which is kept. To bring them to this one: cscd unencrypt, cscd encrypt",
    )
    return ExitCode.OK
