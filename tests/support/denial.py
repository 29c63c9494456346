"""System calls that the kernel refuses to one process, as a filesystem without the feature would.

A seccomp filter (seccomp(2)) answers with an errno instead of running the call. It cannot be taken back, so
install it in a fork: `forks.call(function, first=denial.deny_leases)`. It needs no root, and nothing else on
the machine notices.
"""

import ctypes
import errno
import fcntl
import os
import platform
import struct
from dataclasses import dataclass

PR_SET_NO_NEW_PRIVS = 38
PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2
SECCOMP_RET_ERRNO = 0x00050000
SECCOMP_RET_ALLOW = 0x7FFF0000
"""linux/prctl.h and linux/seccomp.h."""

LOAD_WORD, JUMP_IF_EQUAL, JUMP_IF_ANY, RETURN = 0x20, 0x15, 0x45, 0x06
"""BPF_LD+BPF_W+BPF_ABS, BPF_JMP+BPF_JEQ+BPF_K, BPF_JMP+BPF_JSET+BPF_K, BPF_RET+BPF_K: linux/bpf_common.h."""

TMPFILE_ALONE = os.O_TMPFILE & ~os.O_DIRECTORY
"""The bit of O_TMPFILE that no other flag has."""

NUMBER_AT, SECOND_ARGUMENT_AT, THIRD_ARGUMENT_AT = 0, 24, 32
"""Offsets in struct seccomp_data, for the low word on a little-endian machine."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers of the system calls that can be refused here."""

    fcntl: int
    renameat2: int
    openat: int
    pwritev2: int
    fsync: int
    syncfs: int


NUMBERS = {
    "x86_64": Numbers(fcntl=72, renameat2=316, openat=257, pwritev2=328, fsync=74, syncfs=306),
    "aarch64": Numbers(fcntl=25, renameat2=276, openat=56, pwritev2=287, fsync=82, syncfs=267),
}
"""By platform.machine(): arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h."""


def deny_leases() -> None:
    """Refuse leases with EINVAL, as fcntl(2) does where the filesystem has none."""
    number = NUMBERS[platform.machine()].fcntl
    _install(
        (LOAD_WORD, 0, 0, NUMBER_AT),
        (JUMP_IF_EQUAL, 0, 3, number),
        (LOAD_WORD, 0, 0, SECOND_ARGUMENT_AT),
        (JUMP_IF_EQUAL, 0, 1, fcntl.F_SETLEASE),
        (RETURN, 0, 0, SECCOMP_RET_ERRNO | errno.EINVAL),
        (RETURN, 0, 0, SECCOMP_RET_ALLOW),
    )


def deny_exchange() -> None:
    """Refuse renameat2(2) with EINVAL, as filesystems without RENAME_EXCHANGE do."""
    _install(
        (LOAD_WORD, 0, 0, NUMBER_AT),
        (JUMP_IF_EQUAL, 0, 1, NUMBERS[platform.machine()].renameat2),
        (RETURN, 0, 0, SECCOMP_RET_ERRNO | errno.EINVAL),
        (RETURN, 0, 0, SECCOMP_RET_ALLOW),
    )


def deny_syncing() -> None:
    """Refuse syncfs(2) and fsync(2) with EIO, as a disk does that has lost what was written."""
    numbers = NUMBERS[platform.machine()]
    _install(
        (LOAD_WORD, 0, 0, NUMBER_AT),
        (JUMP_IF_EQUAL, 1, 0, numbers.syncfs),
        (JUMP_IF_EQUAL, 0, 1, numbers.fsync),
        (RETURN, 0, 0, SECCOMP_RET_ERRNO | errno.EIO),
        (RETURN, 0, 0, SECCOMP_RET_ALLOW),
    )


def deny_writing() -> None:
    """Refuse pwritev2(2), with which a new version begins, with EIO, as a broken disk does."""
    _install(
        (LOAD_WORD, 0, 0, NUMBER_AT),
        (JUMP_IF_EQUAL, 0, 1, NUMBERS[platform.machine()].pwritev2),
        (RETURN, 0, 0, SECCOMP_RET_ERRNO | errno.EIO),
        (RETURN, 0, 0, SECCOMP_RET_ALLOW),
    )


def deny_unnamed_files() -> None:
    """Refuse O_TMPFILE with EOPNOTSUPP, as openat(2) does where the filesystem has no unnamed files."""
    _install(
        (LOAD_WORD, 0, 0, NUMBER_AT),
        (JUMP_IF_EQUAL, 0, 3, NUMBERS[platform.machine()].openat),
        (LOAD_WORD, 0, 0, THIRD_ARGUMENT_AT),
        (JUMP_IF_ANY, 0, 1, TMPFILE_ALONE),
        (RETURN, 0, 0, SECCOMP_RET_ERRNO | errno.EOPNOTSUPP),
        (RETURN, 0, 0, SECCOMP_RET_ALLOW),
    )


def _install(*program: tuple[int, int, int, int]) -> None:
    """Install a filter of (code, jump if true, jump if false, constant) for the rest of this process."""
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in program))
    header = ctypes.create_string_buffer(struct.pack("@HP", len(program), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    none = ctypes.c_ulong(0)
    for arguments in (
        (PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), none, none, none),
        (PR_SET_SECCOMP, ctypes.c_ulong(SECCOMP_MODE_FILTER), header, none, none),
    ):
        if libc.prctl(*arguments) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
