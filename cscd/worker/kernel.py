"""The Linux calls about processes that Python does not wrap, typed, each raising OSError with its errno.

Those about files are in `cscd.files.kernel`. Everything that goes through ctypes is in these two modules.
"""

import ctypes
import os
from typing import Final

# linux/prctl.h
_PR_SET_PDEATHSIG: Final = 1

_libc: Final = ctypes.CDLL(None, use_errno=True)
_libc.prctl.argtypes = (ctypes.c_int, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong)


def _raise_errno() -> None:
    number = ctypes.get_errno()
    raise OSError(number, os.strerror(number))


def _prctl(option: int, *arguments: int) -> int:
    """Call prctl(2); what is not given is zero, as the options that check it demand."""
    answer: int = _libc.prctl(option, *arguments, *(0,) * (4 - len(arguments)))
    if answer < 0:
        _raise_errno()
    return answer


def die_with_parent(signal_number: int) -> None:
    """Have the kernel send this process a signal when the thread that forked it ends (PR_SET_PDEATHSIG)."""
    _prctl(_PR_SET_PDEATHSIG, signal_number)
