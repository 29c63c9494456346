"""What a refusal of the service means to the person at the terminal: an exit code, and what to do."""

from types import MappingProxyType
from typing import Final

from cscd.cli.exitcodes import ExitCode

CODES: Final = MappingProxyType(
    {
        "locked": ExitCode.LOCKED,
        "wrong_passphrase": ExitCode.KEY,
        "no_key": ExitCode.KEY,
        "does_not_fit": ExitCode.KEY,
        "unusable": ExitCode.KEY,
        "not_allowed": ExitCode.PERMISSION,
    }
)
"""For a reason its exit code; other reasons have that of a service that refused."""

ADVICE: Final = MappingProxyType(
    {
        "locked": ("unlock it: ", "cscd keys unlock"),
        "last_protector": (
            "something else is added by ",
            "cscd keys protect machine or cscd keys passphrase",
        ),
        "no_key": ("one is made when you log on, or by: ", "cscd keys passphrase"),
        "not_allowed": ("as root: ", "sudo cscd …"),
        "unusable": ("the log has more: ", "cscd logs --event key_file_refused"),
    }
)
"""For a reason what to do next, and the command for it, where there is one thing to say."""


def advised(reason: str, message: str) -> str:
    """Return a message with what to do next, unless it says so itself."""
    advice, command = ADVICE.get(reason, ("", ""))
    return message if command in message else f"{message}; {advice}{command}"
