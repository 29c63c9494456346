"""Who holds the demonstration when root asks for it: somebody else.

As root, `cscd run` is the service of the whole machine, and no worker touches files of root's: neither is to
be shown on a machine that is in use. So the process becomes another user for good: whoever called sudo, else
nobody. setpriv(1) of util-linux does that, before the interpreter is started anew.

An interpreter below /root is out of that user's reach. Then it keeps one capability, to read what it cannot
reach; the workers let go of it as of everything else (`cscd.worker.confinement`).
"""

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Final, NoReturn

from cscd.cli.terminal import Terminal
from cscd.errors import TargetError

_NOBODY: Final = 65534
"""The uid and gid that Linux itself takes for nobody's (/proc/sys/kernel/overflowuid)."""
_ALL_OF_IT: Final = "import os, sys, cscd.cli.run; os.execv(sys.executable, [sys.executable, '-c', ''])"
"""What an interpreter has to be able to do: setpriv starts it while it can still reach everything itself."""
_READING: Final = ((2, "dac_read_search"), (1, "dac_override"))
"""The capabilities that let a process read everything, by their numbers, the smaller one first."""


def take_over(place: str, environment: Mapping[str, str], terminal: Terminal) -> NoReturn:
    """Have the demonstration held in `place` by another user, in this process.

    Raises TargetError where that cannot be done.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise TargetError(
            "the demonstration is not held as root, and setpriv (util-linux) is not there to become another"
            " user; run it as an ordinary user"
        )
    uid, gid = _user(environment)
    become = [setpriv, f"--reuid={uid}", f"--regid={gid}", "--clear-groups"]
    if not _works([*become, "test", "-w", place, "-a", "-x", place]):
        raise TargetError(
            f"{_name(uid)}, who holds the demonstration for root, cannot write to {place}; name a directory"
            " where everybody can: cscd demo --in DIR"
        )
    if not _works([*become, sys.executable, "-c", _ALL_OF_IT]):
        become += _capability()
        if not _works([*become, sys.executable, "-c", _ALL_OF_IT]):
            raise TargetError(
                f"{_name(uid)}, who holds the demonstration for root, cannot run {sys.executable}; run it as"
                " an ordinary user"
            )
    terminal.print(f"Held by {_name(uid)}, for root's `cscd run` is the service of the whole machine.")
    os.chdir("/")
    os.execv(setpriv, [*become, sys.executable, "-m", "cscd", "demo", "--in", place])  # noqa: S606 - no shell


def _user(environment: Mapping[str, str]) -> tuple[int, int]:
    """Return the uid and gid of who called sudo, else nobody's."""
    try:
        account = pwd.getpwuid(int(environment["SUDO_UID"]))
    except (KeyError, ValueError, OverflowError):
        return _NOBODY, _NOBODY
    return (account.pw_uid, account.pw_gid) if account.pw_uid else (_NOBODY, _NOBODY)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _works(argv: Sequence[str]) -> bool:
    return not subprocess.run(argv, cwd="/", capture_output=True, check=False).returncode  # noqa: S603 - ours


def _capability() -> list[str]:
    """Return the options that keep the right to read everything, as far as we have it ourselves."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        held = next(int(line.split()[1], 16) for line in file if line.startswith("CapEff:"))
    name = next((name for number, name in _READING if held >> number & 1), None)
    return [f"--inh-caps=+{name}", f"--ambient-caps=+{name}"] if name else []
