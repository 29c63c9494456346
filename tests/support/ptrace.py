"""Attaching to a process as a debugger does."""

import ctypes
import os
from typing import Final

_PTRACE_SEIZE: Final = 0x4206
"""linux/ptrace.h; like PTRACE_ATTACH, but does not stop the process."""


def seize(pid: int) -> None:
    """Become the debugger of a process. Raises PermissionError where that is not allowed."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
    libc.ptrace.restype = ctypes.c_long
    if libc.ptrace(_PTRACE_SEIZE, pid, None, None) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
