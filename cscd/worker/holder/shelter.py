"""Staying root, with nothing of what root may do but to be the owner of root's files.

A holder reads and writes the users' key files, which are root's, and no more. So it gives up all
capabilities, cannot get one back, and can be looked into by nobody who is not root in full. Its memory is
kept out of swap where the limit allows that (RLIMIT_MEMLOCK; the unit sets it), out of core files always.
"""

import os
import signal
from typing import Final

from cscd.errors import ConfinementError
from cscd.worker import confinement, kernel
from cscd.worker.confinement import Limits

_FILES: Final = 64
_ROOM: Final = 2
"""How many times its memory a holder may lock: what is mapped counts, used or not."""
_PROCESSES: Final = 4096
"""Threads of root on the whole machine, beyond which this one starts none."""


def withdraw(memory: int, parent: int, channel: int) -> bool:
    """Give up all that a holder does not need; return whether its memory stays out of swap.

    Args:
        memory: bytes that it may have for itself.
        parent: the process that forked it and with which it ends.
        channel: the one descriptor that stays open besides the standard ones.

    Raises ConfinementError, after which the process must end.
    """
    try:
        confinement.leave_surroundings((channel,))
        confinement.limit(Limits(memory, files=_FILES, processes=_PROCESSES, locked=_ROOM * memory))
        kernel.no_new_privileges()
        kernel.not_dumpable()
        if not os.geteuid():
            kernel.clear_capabilities()
            if confinement.any_capability():
                raise ConfinementError("a capability is left")
        kernel.die_with_parent(signal.SIGKILL)
    except OSError as error:
        raise ConfinementError(f"{error}") from error
    if os.getppid() != parent:
        raise ConfinementError("the fork server ended before its holder was ready")
    return _memory_locked()


def _memory_locked() -> bool:
    try:
        kernel.lock_memory()
    except OSError:
        return False
    return True
