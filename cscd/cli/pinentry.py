"""pinentry, the desktop's dialog for a passphrase: the program that GnuPG uses, whichever is installed.

It is spoken to over a pair of pipes, in lines (the Assuan protocol of GnuPG, and the manual of pinentry):
commands that are answered with ``OK`` or ``ERR code text``, before which ``D`` lines may have data. The
dialog keeps what is typed in memory that is not swapped; here it is for as long as it takes to hand it on.
"""

import contextlib
import signal
import subprocess
import urllib.parse
from collections.abc import Mapping
from types import TracebackType
from typing import IO, Final, Self

from cscd.cli import tty
from cscd.cli.prompt import DIFFERENT, TRIES, fit
from cscd.cli.secret import Secret
from cscd.errors import CancelledError, PassphraseError
from cscd.worker.kernel import die_with_parent

PROGRAMS: Final = ("pinentry", "pinentry-gnome3", "pinentry-qt", "pinentry-gtk-2", "pinentry-fltk")
"""The first that is there: the name that the system chooses for, then those that need a desktop."""
DISPLAYS: Final = ("WAYLAND_DISPLAY", "DISPLAY")
"""Variables of which a desktop's programs have one."""

_TITLE: Final = "cscd: encrypted files"
_WHAT: Final = "The passphrase of your key is needed to read your encrypted files."
_NEW: Final = "Choose a passphrase for the key of your encrypted files."
_AGAIN: Final = "Type the new passphrase once more."
_SECONDS: Final = 240
"""After which a dialog closes that nobody answers; whoever waits for it waits a little longer."""
_END_SECONDS: Final = 2.0
"""For the program to end."""
_LONGEST: Final = 4096
"""Bytes of a line; the protocol has 1000."""
_CODE: Final = 0xFFFF
"""The part of an error's number that says what; the rest says whose it is (gpg-error)."""
_CANCELLED: Final = frozenset({62, 99, 198})
"""Of these: GPG_ERR_TIMEOUT, GPG_ERR_CANCELED, GPG_ERR_FULLY_CANCELED."""


def has_display(environment: Mapping[str, str]) -> bool:
    """Whether a dialog could be shown on a desktop."""
    return any(environment.get(name) for name in DISPLAYS)


class AtDesktop:
    """The person at the desktop that an environment belongs to; see `cscd.cli.prompt.Prompt`."""

    tries = TRIES

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Take the environment, which says where the desktop is."""
        self._environment = environment

    def passphrase(self, problem: str = "") -> Secret:
        """Ask for the passphrase that the key has."""
        with Pinentry(self._environment) as pinentry:
            return fit(pinentry.ask(_WHAT, problem))

    def new_passphrase(self) -> Secret:
        """Ask for one that it shall have, twice."""
        problem = ""
        with Pinentry(self._environment) as pinentry:
            for _ in range(TRIES):
                new = fit(pinentry.ask(_NEW, problem))
                if pinentry.ask(_AGAIN) == new:
                    return new
                problem = DIFFERENT
        raise PassphraseError("the new passphrase was not typed twice alike; nothing was changed")


class Pinentry:
    """The program, while the ``with`` block lasts. It raises PassphraseError where it cannot ask."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Take the environment that it gets."""
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start it, and tell it where to show itself."""
        self._process = _started(self._environment)
        try:
            self._answer()
            for option in self._options():
                # One that does not know an option does without.
                with contextlib.suppress(PassphraseError):
                    self._say("OPTION", option)
            with contextlib.suppress(PassphraseError):
                self._say("SETTIMEOUT", str(_SECONDS))
            self._say("SETTITLE", _TITLE)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it, and with it a dialog that is open."""
        self._end()

    def ask(self, description: str, problem: str = "") -> Secret:
        """Show the dialog and return what was typed. Raises CancelledError where the person says no."""
        self._say("SETDESC", description)
        self._say("SETPROMPT", "Passphrase:")
        if problem:
            self._say("SETERROR", problem)
        return Secret(self._say("GETPIN"))

    def _options(self) -> list[str]:
        """Return what tells a dialog in text where the terminal is; one of the desktop needs none of it."""
        options = [f"ttytype={self._environment['TERM']}"] if self._environment.get("TERM") else []
        if name := tty.name():
            options.append(f"ttyname={name}")
        if language := self._environment.get("LC_ALL") or self._environment.get("LANG"):
            options.append(f"lc-ctype={language}")
        return options

    def _say(self, command: str, argument: str = "") -> bytes:
        """Give a command, and return the data of its answer."""
        line = f"{command} {_escaped(argument)}" if argument else command
        try:
            self._pipe("stdin").write(line.encode("utf-8", "replace") + b"\n")
        except OSError:
            raise _gone() from None
        return self._answer()

    def _answer(self) -> bytes:
        """Read until it says that it is done. Raises PassphraseError and CancelledError."""
        data = b""
        while True:
            line = self._pipe("stdout").readline(_LONGEST)
            if not line.endswith(b"\n"):
                raise _gone()
            kind, _, rest = line[:-1].partition(b" ")
            if kind == b"OK":
                return urllib.parse.unquote_to_bytes(data)
            if kind == b"D":
                data += rest
            elif kind == b"ERR":
                raise _error(rest.decode("utf-8", "replace"))
            if len(data) > _LONGEST:
                raise PassphraseError("the dialog answered with far more than a passphrase")

    def _pipe(self, name: str) -> IO[bytes]:
        pipe: IO[bytes] | None = getattr(self._process, name)
        if pipe is None:
            raise AssertionError("both are pipes, while it runs")
        return pipe

    def _end(self) -> None:
        if self._process is None:
            return
        process, self._process = self._process, None
        with process:
            process.terminate()
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _started(environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    """Start the first program that is there. Raises PassphraseError if none is."""
    for program in PROGRAMS:
        try:
            return subprocess.Popen(  # noqa: S603 - none of it is given
                [program],
                bufsize=0,
                env=dict(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                preexec_fn=_end_with_us,  # noqa: PLW1509 - there is no other thread
            )
        except OSError:
            continue
    raise PassphraseError("there is no program for the dialog (Debian: pinentry-gnome3 or pinentry-qt)")


def _end_with_us() -> None:
    die_with_parent(signal.SIGTERM)


def _escaped(text: str) -> str:
    """Return text as it stands in a command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _error(said: str) -> PassphraseError | CancelledError:
    number, _, text = said.partition(" ")
    if number.isascii() and number.isdigit() and int(number) & _CODE in _CANCELLED:
        return CancelledError("the dialog was closed without a passphrase; nothing was changed")
    return PassphraseError(f"the dialog cannot ask for a passphrase: {text or said}")


def _gone() -> PassphraseError:
    return PassphraseError("the dialog ended before a passphrase was typed")
