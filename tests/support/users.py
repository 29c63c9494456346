"""Code run as somebody else: a fork that gives up root for good, as a worker does.

Commands need none of this: `subprocess.run(..., user=alice.uid, group=alice.gid, extra_groups=[])`. Mind
that the interpreter and the packages must be readable to that user; a fork has them already, and only
modules first imported inside it are at risk.
"""

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tests.support import forks

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class User:
    """A user that owns nothing on this machine; it needs no entry in passwd."""

    uid: int
    gid: int


ALICE = User(60_801, 60_801)
"""Within 60,706 to 61,183, which neither Debian nor systemd gives to anybody (systemd's UIDS-GIDS)."""

MALLORY = User(60_802, 60_802)
"""Another one, who has no business with the first one's files."""

DAEMON = User(1, 1)
BIN = User(2, 2)
"""Two that every Debian has in passwd, for programs such as dbus-daemon that look there."""


def become(user: User) -> None:
    """Irreversibly become that user; only in a process made for it."""
    os.setgroups([])
    os.setresgid(user.gid, user.gid, user.gid)
    os.setresuid(user.uid, user.uid, user.uid)
    os.umask(0o022)


def call_as(user: User, function: Callable[[], Answer]) -> Answer:
    """Call the function in a fork that is that user; see `forks.call` for what comes back."""
    return forks.call(function, first=functools.partial(become, user))
