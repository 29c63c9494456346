"""``cscd keys``: the key that this user's files are encrypted to, and one to recover everybody's with.

==============  ======================================================================================
`show`          ``show``
`unlocking`     ``unlock`` and ``lock``
`protection`    ``passphrase``, ``protect`` and ``unprotect``: what opens the key
`rotation`      ``rotate``: another key from now on
`exporting`     ``export``: a copy of the key, as a file
`importing`     ``import``: a key that was made elsewhere
`agent`         ``agent``: asks for passphrases on a desktop
`machine`       ``machine seal``: the machine key, into a credential of systemd's
`recovery`      ``recovery-init``; ``recovery-drill`` is `cscd.cli.drill`
==============  ======================================================================================

Behind them:

==============  ======================================================================================
`asking`        how the service is asked, for whom, and where a passphrase comes from
`answers`       what it says of a user's keys
`change`        what is printed after a change
`newfile`       a file for a secret key
`sealing`       the steps of ``machine seal``
==============  ======================================================================================
"""

import argparse
from typing import Final

from cscd.cli import drill
from cscd.cli.exitcodes import ExitCode
from cscd.cli.keys import (
    agent,
    exporting,
    importing,
    machine,
    protection,
    recovery,
    rotation,
    show,
    unlocking,
)
from cscd.cli.terminal import Terminal

_COMMANDS: Final = (
    ("show", "say which keys you have, and what opens them", show.define, show.run),
    ("unlock", "have the service use your key", unlocking.define_unlock, unlocking.unlock),
    ("lock", "have it forget the key, until it is unlocked again", unlocking.define_lock, unlocking.lock),
    ("passphrase", "set or change the passphrase", protection.define_passphrase, protection.passphrase),
    ("protect", "add something that opens the key", protection.define_protect, protection.protect),
    ("unprotect", "take it away", protection.define_unprotect, protection.unprotect),
    ("rotate", "encrypt to a new key from now on", rotation.define, rotation.run),
    ("export", "write a copy of the key to a file", exporting.define, exporting.run),
    ("import", "use a key from a file from now on", importing.define, importing.run),
    ("agent", "ask for the passphrase in the desktop's dialog, when it is needed", agent.define, agent.run),
    ("machine", "seal the key of the machine, with the TPM where there is one", machine.define, machine.run),
    (
        "recovery-init",
        "make a key that can read every user's files, to keep offline",
        recovery.define,
        recovery.run,
    ),
    ("recovery-drill", "try the recovery key on a sample of encrypted files", drill.define, drill.run),
)
"""Name, purpose, what adds the arguments, and what does it."""


def define(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands and their arguments."""
    parser.description = (
        "Shows the key that your files are encrypted to, and changes what opens it; makes and tries one for"
        " recovery."
    )
    commands = parser.add_subparsers(dest="keys_command", metavar="COMMAND", required=True, title="commands")
    for name, purpose, define_arguments, run_keys in _COMMANDS:
        command = commands.add_parser(name, help=purpose, allow_abbrev=False)
        define_arguments(command)
        command.set_defaults(run_keys=run_keys)


def run(arguments: argparse.Namespace, terminal: Terminal) -> ExitCode:
    """Do what the sub-command says."""
    code: ExitCode = arguments.run_keys(arguments, terminal)
    return code
