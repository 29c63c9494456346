"""A program started by a benchmark: run to its end, and nothing left behind if we are interrupted.

Each program gets a session of its own, so that an interrupted benchmark can end it together with whatever
it started (xargs and its children), without relying on the terminal to deliver the signal to all of them.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path


class CommandError(Exception):
    """A program failed: the message names it, its exit status and the end of what it said."""


def run(argv: Sequence[str | Path], *, env: Mapping[str, str] | None = None, stdin: bytes = b"") -> str:
    """Run `argv` to its end and return what it printed.

    Args:
        argv: the program and its arguments.
        env: variables to set on top of the inherited ones.
        stdin: what the program reads from its standard input.

    Raises:
        CommandError: the program is missing, or ended with anything but 0.
    """
    with started(argv, env=env) as process:
        out, _ = process.communicate(stdin)
    text = out.decode(errors="replace")
    if process.returncode != 0:
        raise CommandError(
            f"{' '.join(map(str, argv))}: exit status {process.returncode}: {text.strip()[-2000:]}"
        )
    return text


@contextlib.contextmanager
def started(
    argv: Sequence[str | Path], *, env: Mapping[str, str] | None = None, quiet: bool = False
) -> Iterator[subprocess.Popen[bytes]]:
    """Start `argv`; at the end of the block it is gone, killed if need be.

    Args:
        argv: the program and its arguments.
        env: variables to set on top of the inherited ones.
        quiet: throw the output away instead of piping it.

    Raises:
        CommandError: there is no such program.
    """
    pipe = subprocess.DEVNULL if quiet else subprocess.PIPE
    try:
        process = subprocess.Popen(
            [os.fspath(word) for word in argv],
            stdin=pipe,
            stdout=pipe,
            stderr=subprocess.DEVNULL if quiet else subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise CommandError(f"{argv[0]}: not installed") from error
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)


def timed(action: Callable[[], object]) -> float:
    """Wall-clock seconds that `action` takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start
