"""Becoming a user, for good: what a worker does before it touches anything, and how it makes sure of it.

The kernel's own permission checks keep a worker inside its user's files, so everything rests on this: that
the process is that user, holds no privilege, can get none back, and is out of reach of the user's other
processes. It is done once, right after the fork, by a process with one thread. Then the process looks at what
it has become, and tries what must fail; one that is not what it was to be ends before it has read a byte.

The limits are for each process of the user's worker, as setrlimit(2) has them:

memory       RLIMIT_DATA: all that is private and writable, stacks of threads included, at its full size from
             the start. Beyond it, an allocation fails and the process ends; it is replaced.
files        RLIMIT_NOFILE.
processes    RLIMIT_NPROC. The kernel compares it with all threads of that user on the machine, those of the
             session included; so it is a bound for a worker that has gone mad, far above what a user runs.

A user who logs on as root gets no worker: files of uid 0 are the machine's own, and no loss of capabilities
would confine their owner.
"""

import contextlib
import functools
import os
import resource
import signal
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from cscd.errors import AccountError, ConfinementError
from cscd.worker import kernel

MOST_GROUPS: Final = 8192
"""Groups of a user. Linux has room for 65,536; a logon of Windows brings 1,015 at most (MaxTokenSize)."""

_LAST_ID: Final = 0xFFFF_FFFD
"""The highest uid and gid: the two above it, -1 and -2 as 32 bits, mean "unchanged" and "none" to many."""
_OOM_SCORE: Final = 500
"""What is added to the rank of those to be killed for want of memory, of 1000: a worker is soon replaced."""
_STACK: Final = 512 << 10
"""Bytes for the stack of a thread: the default of 8 MiB would eat up the memory allowed."""
STANDARD_ERROR: Final = 2
_STATUS: Final = 128 << 10
"""Bytes of /proc/self/status at most: it has a line with all groups."""
_OWN_SETS: Final = (b"CapInh", b"CapPrm", b"CapEff", b"CapAmb")
HANDLED: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGCHLD)
"""Signals that are the fork server's to ignore or to hear; a worker has them as by default."""
_ERRORS: Final = frozenset({signal.SIGPIPE, signal.SIGXFSZ})
"""Signals that say what the failing call says, too. Ignored, as in every Python program."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What each process of a worker may have."""

    memory: int
    """Bytes for itself."""
    files: int = 4096
    """Open descriptors: those of a batch of items, their directories, and the watches."""
    processes: int = 4096
    """Threads that its user may have on the whole machine for it to start another one."""
    locked: int = 64 << 10
    """Bytes that it may keep out of swap: what any program may."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Whose rights a process has (credentials(7))."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    """Supplementary groups; the primary one may be among them.

    Group 0 is taken like any other: what root's group may read, this user may read anyway.
    """

    def check(self) -> None:
        """Raise `AccountError` for ids that no worker is given."""
        if not self.uid:
            raise AccountError("root gets no worker: its files are the machine's own, whatever is cached")
        for number in (self.uid, self.gid, *self.groups):
            if not 0 <= number <= _LAST_ID:
                raise AccountError(f"{number} is the id of no user and no group")
        if len(self.groups) > MOST_GROUPS:
            raise AccountError(f"a member of {len(self.groups)} groups; more than {MOST_GROUPS} are refused")


def become(user: Credentials, limits: Limits, parent: int, keep: Collection[int]) -> None:
    """Make this process the user's for good, and make sure of it.

    Without root's rights the user must be the one that it is already; the rest is done all the same.

    Args:
        user: whose process it shall be.
        limits: of this process, and of each that it forks.
        parent: the process that forked it and with which it ends.
        keep: the descriptors that stay open, besides standard input, output and error.

    Raises `AccountError` or `ConfinementError`, after which the process must end.
    """
    user.check()
    try:
        _become(user, limits, parent, keep)
    except OSError as error:
        raise ConfinementError(f"{error}") from error


def _become(user: Credentials, limits: Limits, parent: int, keep: Collection[int]) -> None:
    leave_surroundings(keep)
    secret = _root_only_file() if not os.geteuid() else None
    limit(limits)
    bounded = _change_user(user)
    kernel.no_new_privileges()
    kernel.not_dumpable()
    # Last: the kernel forgets this one with a change of credentials.
    kernel.die_with_parent(signal.SIGKILL)
    if os.getppid() != parent:
        raise ConfinementError("the fork server ended before its worker was ready")
    verify(user, secret, bounded=bounded)
    if secret is not None:
        os.close(secret)


def _root_only_file() -> int:
    """Return a new file in memory that is root's, to try the lock with."""
    fd = os.memfd_create("cscd-root-only")
    os.fchmod(fd, 0o600)
    return fd


def reset_signals() -> None:
    """Have signals do what they do in a program just started, whatever those who started it ignore or block.

    For the fork server, once: a worker then has only `HANDLED` to reset.
    """
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_IGN if number in _ERRORS else signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def leave_surroundings(keep: Collection[int]) -> None:
    """Let go of what the fork server has: session, directory, signal handlers, descriptors but `keep`."""
    os.setsid()
    os.umask(0o077)
    os.chdir("/")
    signal.set_wakeup_fd(-1)
    for number in HANDLED:
        signal.signal(number, signal.SIG_DFL)
    first = STANDARD_ERROR + 1
    for kept in sorted(keep):
        os.closerange(first, kept)
        first = max(first, kept + 1)
    os.closerange(first, resource.getrlimit(resource.RLIMIT_NOFILE)[1])


def limit(limits: Limits) -> None:
    """Set the limits of this process, for good, and have it be among the first to go for want of memory."""
    # Where /proc is not ours to write to, the rank stays as it is: it decides who is replaced first, no more.
    with contextlib.suppress(OSError):
        rank = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        os.write(rank, b"%d" % _OOM_SCORE)
        os.close(rank)
    _lower(resource.RLIMIT_CORE, 0)  # keys and plaintext are in this memory
    _lower(resource.RLIMIT_MEMLOCK, limits.locked)
    _lower(resource.RLIMIT_DATA, limits.memory)
    _lower(resource.RLIMIT_NOFILE, limits.files)
    _lower(resource.RLIMIT_NPROC, limits.processes)
    threading.stack_size(_STACK)


def _lower(limit: int, most: int) -> None:
    """Set a limit for good; one that is lower already stays."""
    hard = resource.getrlimit(limit)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(limit, (most, most))


def _change_user(user: Credentials) -> bool:
    """Take the user's ids, and return whether the bounding set could be emptied before."""
    bounded = False
    kernel.keep_no_capabilities()
    if not os.geteuid():
        # The service's unit has not this right: no_new_privs does what is needed, and these do it once more.
        with contextlib.suppress(PermissionError):
            kernel.clear_bounding_set()
            kernel.lock_securebits()
            bounded = True
        os.setgroups(user.groups)
    kernel.clear_ambient()
    os.setresgid(user.gid, user.gid, user.gid)
    os.setresuid(user.uid, user.uid, user.uid)
    # From root they are gone by now, and the unit's filter of system calls has no capset(2) to give.
    if any_capability():
        kernel.clear_capabilities()
    return bounded


# -- making sure -----------------------------------------------------------------------------------------


def _status() -> dict[bytes, int]:
    """Return what the kernel says of this process's privileges (/proc/PID/status in proc(5)).

    Read and taken apart with as little as can be: each object that a worker touches is memory of its own.
    """
    file = os.open("/proc/self/status", os.O_RDONLY)
    try:
        lines = os.read(file, _STATUS).splitlines()
    finally:
        os.close(file)
    return {line[:6]: int(line.split()[1], 16) for line in lines if line.startswith((b"Cap", b"NoNewP"))}


def any_capability() -> bool:
    """Whether this process has a capability, or could take one up."""
    status = _status()
    return any(status[name] for name in _OWN_SETS)


def verify(user: Credentials, secret: int | None, *, bounded: bool) -> None:
    """Raise `ConfinementError` unless this process is what it was to be made.

    Args:
        user: whose it is.
        secret: a descriptor of a file that root alone may open; None if it was not root's to change users.
        bounded: whether the bounding set was emptied.
    """
    if os.getresuid() != (user.uid,) * 3 or os.getresgid() != (user.gid,) * 3:
        raise ConfinementError(f"the ids are {os.getresuid()} and {os.getresgid()}")
    if secret is not None and set(os.getgroups()) != set(user.groups):
        raise ConfinementError("the groups are not the user's")
    status = _status()
    for name in (*_OWN_SETS, b"CapBnd") if bounded else _OWN_SETS:
        if status[name]:
            raise ConfinementError(f"{name.decode()} is {status[name]:016x}")
    if status[b"NoNewP"] != 1:
        raise ConfinementError("new privileges are possible")
    _must_fail("uid 0", lambda: os.setresuid(0, 0, 0))
    if user.gid:
        _must_fail("gid 0", lambda: os.setresgid(0, 0, 0))
    if secret is not None:
        for flag in (os.O_RDONLY, os.O_WRONLY):
            _must_fail("a file of root's", functools.partial(os.open, f"/proc/self/fd/{secret}", flag))


def _must_fail(what: str, attempt: Callable[[], object]) -> None:
    try:
        attempt()
    except PermissionError:
        return
    raise ConfinementError(f"{what} is within reach")
