"""A function run in a fork under strace(1), which kills the fork or fails a system call at a chosen point.

strace counts from when it has attached, and the fork begins when that is certain: it asks for a file that
does not exist until strace answers in the kernel's place that it does. Only the forking thread is traced.
"""

import ctypes
import os
import re
import subprocess
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from tests.support import forks
from tests.support.waiting import wait_until

Run = Callable[[Callable[[], None]], None]
"""What is run in the fork: a function that is given one to call when it is ready to be traced."""

_MARKER: Final = "?access,?faccessat,?faccessat2"
_NOWHERE: Final = "/cscd-strace-is-there"
_PR_SET_PTRACER: Final = 0x59616D61
_WAITING: Final = ("access", "faccessat", "faccessat2", "clock_nanosleep", "restart_syscall")
"""Calls made while waiting for strace: how often cannot be told, so nothing can be injected into them."""
_CALL: Final = re.compile(r"^(\w+)\(", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Point:
    """The n-th time that a system call is made."""

    call: str
    number: int

    def __str__(self) -> str:
        """Return it as an id for people."""
        return f"{self.call}#{self.number}"


@dataclass(frozen=True, slots=True)
class Ended:
    """How the fork ended."""

    code: int
    """Its exit code, negative for the signal that killed it."""
    trace: str
    """What strace saw."""

    @property
    def hit(self) -> bool:
        """Whether it came as far as the injection."""
        return self.code < 0 or "(INJECTED)" in self.trace


def traced(run: Run, log: Path, inject: str = "") -> Ended:
    """Run a function in a fork under strace.

    Args:
        run: the function.
        log: where strace may write; is overwritten.
        inject: an argument for `strace -e inject=`, such as "renameat2:signal=KILL:when=1".
    """
    reader, writer = os.pipe()
    pid = forks.fork()
    if pid == 0:
        _be_traced(run, writer)
    os.close(writer)
    os.read(reader, 1)
    os.close(reader)
    command = ["strace", "-q", "-o", str(log), "-p", str(pid), "-e", f"inject={_MARKER}:retval=0"]
    if inject:
        command += ["-e", f"inject={inject}"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as strace:
        _, status = os.waitpid(pid, 0)
        _, complaint = strace.communicate()
    text = log.read_text(encoding="utf-8", errors="replace")
    assert "= 0 (INJECTED)" in text, f"strace did not attach: {complaint!r} {text}"
    _, _, after = text.partition("= 0 (INJECTED)")
    return Ended(os.waitstatus_to_exitcode(status), after)


def _be_traced(run: Run, writer: int) -> NoReturn:
    """In the fork: run it once strace is there."""
    code = 1
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PTRACER, ctypes.c_ulong(-1))  # no harm where Yama is not there
        run(lambda: _wait_for_strace(writer))
        code = 0
    except BaseException:  # noqa: BLE001 - nothing may get out of the fork into the test runner's code
        traceback.print_exc(file=sys.__stderr__)
    finally:
        os._exit(code)


def _wait_for_strace(writer: int) -> None:
    os.write(writer, b".")
    wait_until(lambda: os.access(_NOWHERE, os.F_OK), "strace has attached")


def points(trace: str) -> list[Point]:
    """Return every system call of a dry run, each with how many of its name came before, from 1."""
    counts: Counter[str] = Counter()
    found = []
    for call in _CALL.findall(trace):
        counts[call] += 1
        found.append(Point(call, counts[call]))
    return [point for point in found if point.call not in _WAITING]
