"""Which way an item has to go: what it holds, what it is to hold, and the rewrite in between."""

import os
from collections.abc import Callable
from dataclasses import dataclass

from cscd.files.content import LOOK, examine
from cscd.files.goal import Goal, State
from cscd.files.outcome import Outcome
from cscd.files.rekey import Rekeying
from cscd.files.rewrite import Decryption, Encryption, Rewrite


@dataclass(frozen=True, slots=True)
class Direction:
    """What is to be done with one item."""

    outcome: Outcome
    """What it will have been; RIGHT if there is nothing to do."""
    key_id: str = ""
    """Names the key that it is encrypted to now; "" if it is not."""
    key_id_then: str = ""
    """The same for when it is done."""
    other_key: bool = False
    """There is nothing to do, though it is encrypted for other recipients than those asked for."""
    make: Callable[[], Rewrite] | None = None
    """Makes the rewrite; raises `AgeError` where no identity fits or the header is not authentic."""


def direction(goal: Goal, fd: int, status: os.stat_result) -> Direction:
    """Look into an open item of this status and decide.

    Raises `LeftAlone` with DAMAGED for a header of ours that does not parse; OSError from reading.
    """
    size, beginning = status.st_size, os.pread(fd, LOOK, 0)
    encrypted = examine(fd, beginning)
    if encrypted is None:
        if goal.state is State.UNENCRYPTED:
            return Direction(Outcome.RIGHT)
        sparse = status.st_blocks * 512 < size
        return Direction(
            Outcome.ENCRYPTED,
            key_id_then=goal.key_id,
            make=lambda: Encryption(goal, beginning, size, sparse=sparse),
        )
    key_id = encrypted[1].key_id
    if goal.state is State.ENCRYPTED:
        other = not goal.fits(*encrypted)
        if not (other and goal.rekey):
            return Direction(Outcome.RIGHT, key_id, key_id, other)
        return Direction(
            Outcome.REKEYED,
            key_id,
            goal.key_id,
            make=lambda: Rekeying(beginning, *encrypted, goal, size),
        )
    return Direction(
        Outcome.UNENCRYPTED, key_id, make=lambda: Decryption(fd, beginning, *encrypted, goal, size)
    )
