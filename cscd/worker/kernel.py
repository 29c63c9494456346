"""The Linux calls about processes that Python does not wrap, typed, each raising OSError with its errno.

Those about files are in `cscd.files.kernel`. Everything that goes through ctypes is in these two modules.
"""

import ctypes
import os
from collections.abc import Mapping
from errno import EINVAL, ENOSYS
from types import MappingProxyType
from typing import Final

# linux/prctl.h
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_SET_KEEPCAPS: Final = 8
_PR_CAPBSET_READ: Final = 23
_PR_CAPBSET_DROP: Final = 24
_PR_SET_SECUREBITS: Final = 28
_PR_SET_CHILD_SUBREAPER: Final = 36
_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_CAP_AMBIENT: Final = 47
_PR_CAP_AMBIENT_CLEAR_ALL: Final = 4

# linux/mman.h: what is in memory now, what comes later, and only what is really used of both
_MCL_ALL: Final = 0x1 | 0x2 | 0x4

# linux/securebits.h: what belongs to uid 0 is worth nothing (NOROOT), changing uid takes capabilities away
# (NO_SETUID_FIXUP stays off), none is kept (KEEP_CAPS stays off), none becomes ambient; all that locked.
_SECBITS: Final = 0x01 | 0x02 | 0x08 | 0x20 | 0x40 | 0x80

# linux/capability.h: version 3 of the call, with two words of 32 bits for each set
_CAPABILITY_VERSION_3: Final = 0x20080522

# linux/ioprio.h
_IOPRIO_WHO_PROCESS: Final = 1
_IOPRIO_CLASS_SHIFT: Final = 13
IO_BEST_EFFORT: Final = 2
IO_IDLE: Final = 3

_IOPRIO_SET: Final[Mapping[str, int]] = MappingProxyType(
    {
        "x86_64": 251,
        "aarch64": 30,
        "riscv64": 30,
        "loongarch64": 30,
        "armv7l": 314,
        "i686": 289,
        "ppc64le": 273,
        "s390x": 282,
    }
)
"""The number of ioprio_set(2), which no C library wraps, by machine (asm/unistd.h)."""

# sys/inotify.h
_IN_ATTRIB: Final = 0x4
_IN_MOVED_TO: Final = 0x80
_IN_CREATE: Final = 0x100
_IN_ONLYDIR: Final = 0x0100_0000
_IN_DONT_FOLLOW: Final = 0x0200_0000
_IN_ONESHOT: Final = 0x8000_0000

_libc: Final = ctypes.CDLL(None, use_errno=True)
_libc.prctl.argtypes = (ctypes.c_int, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong)
_libc.capset.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
_libc.mlockall.argtypes = (ctypes.c_int,)
_libc.inotify_init1.argtypes = (ctypes.c_int,)
_libc.inotify_add_watch.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32)
_libc.syscall.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_long, ctypes.c_long)
_libc.syscall.restype = ctypes.c_long


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
    """Have the kernel send this process a signal when the thread that forked it ends (PR_SET_PDEATHSIG).

    A change of credentials cancels it.
    """
    _prctl(_PR_SET_PDEATHSIG, signal_number)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends (PR_SET_CHILD_SUBREAPER)."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def not_dumpable() -> None:
    """Close this process's memory, environment and descriptors to others of the same user (PR_SET_DUMPABLE).

    No core file, no ptrace(2), and what is in /proc of it belongs to root. A change of credentials or
    execve(2) may undo it.
    """
    _prctl(_PR_SET_DUMPABLE, 0)


def lock_memory() -> None:
    """Keep all of this process's memory out of swap, now and from now on (mlockall(2)).

    Raises OSError, and nothing is locked, where RLIMIT_MEMLOCK is too low.
    """
    if _libc.mlockall(_MCL_ALL):
        _raise_errno()


def no_new_privileges() -> None:
    """Have execve(2) grant nothing any more: no set-user-ID, no file capabilities (PR_SET_NO_NEW_PRIVS)."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def keep_no_capabilities() -> None:
    """Have the change from uid 0 to another take all capabilities away (capabilities(7), PR_SET_KEEPCAPS)."""
    _prctl(_PR_SET_KEEPCAPS, 0)


def lock_securebits() -> None:
    """Take from uid 0 what it means, and lock that (capabilities(7)); needs CAP_SETPCAP."""
    _prctl(_PR_SET_SECUREBITS, _SECBITS)


def clear_ambient() -> None:
    """Have no capability pass through execve(2) by itself (PR_CAP_AMBIENT)."""
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)


def clear_bounding_set() -> None:
    """Have no program file grant a capability (PR_CAPBSET_DROP); needs CAP_SETPCAP."""
    capability = 0
    while True:
        try:
            present = _prctl(_PR_CAPBSET_READ, capability)
        except OSError as error:
            if error.errno == EINVAL:  # beyond the last that this kernel knows
                return
            raise
        if present:
            _prctl(_PR_CAPBSET_DROP, capability)
        capability += 1


def clear_capabilities() -> None:
    """Give up all capabilities: effective, permitted and inheritable (capset(2))."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    if _libc.capset(header, (ctypes.c_uint32 * 6)()):
        _raise_errno()


def set_io_priority(scheduling: int, level: int = 0) -> None:
    """Set how this process's I/O ranks (ioprio_set(2)): a class, and within it 0 (first) to 7 (last).

    Raises OSError with ENOSYS on a machine whose number of the call is not known here.
    """
    number = _IOPRIO_SET.get(os.uname().machine)
    if number is None:
        raise OSError(ENOSYS, os.strerror(ENOSYS))
    if _libc.syscall(number, _IOPRIO_WHO_PROCESS, 0, scheduling << _IOPRIO_CLASS_SHIFT | level) < 0:
        _raise_errno()


def inotify() -> int:
    """Return a descriptor of a new inotify instance (inotify(7)); reading from it does not wait."""
    fd: int = _libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
    if fd < 0:
        _raise_errno()
    return fd


def watch_entries(instance: int, path: str) -> None:
    """Be told once, by an inotify instance, when a directory gets an entry, or is changed itself."""
    events = _IN_CREATE | _IN_MOVED_TO | _IN_ATTRIB | _IN_ONLYDIR | _IN_DONT_FOLLOW | _IN_ONESHOT
    if _libc.inotify_add_watch(instance, os.fsencode(path), events) < 0:
        _raise_errno()
