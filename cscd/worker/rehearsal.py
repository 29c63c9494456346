"""A worker's first steps, done in the fork server, and its memory put in order before the first fork.

A worker has for itself each page that it, or the fork server after the fork, has written to. In CPython 3.11
almost everything writes: whoever calls a function counts a reference to it, the interpreter adapts a
function's code when it runs for the first times, and a method that is looked up takes the place of another in
a cache, which counts one reference down and another up, each in a page of its own. What was done often enough
before the fork is adapted and cached, and leaves those pages shared: an idle session took 6.4 MiB instead of
7.9 when it was two processes (`python -m bench service --scene cost`).

What is made anew, in the worker, goes into gaps between objects that are shared, each in a page that
becomes the worker's own. So the gaps are filled: then it goes into pages that hold nothing else.
"""

import gc
import socket
import sys
from contextlib import closing, suppress
from typing import Final

from cscd.worker import channel
from cscd.worker.channel import Channel
from cscd.worker.keeping.resident import Resident
from cscd.worker.messages import Ping, Setup

_TIMES: Final = 10
"""Calls after which CPython 3.11 has adapted a function: eight, and one more for each of its caches."""

_POOL: Final = 16 << 10
_POOL_HEADER: Final = 48
_ALIGNED: Final = 16
_LARGEST: Final = 512
"""Bytes: how CPython lays out small objects, those of one size in one pool (Objects/obmalloc.c)."""
_MOST_FILLED: Final = 4096
"""Objects of one size that fill gaps at most, should the layout be another one day."""

_EMPTY: Final = sys.getsizeof(b"")
_NOWHERE: Final = "/proc/self/nowhere"
"""A root that never is: nothing of the filesystem is touched."""


def settle() -> list[bytes]:
    """Rehearse, and put the memory in order; what is returned fills the gaps, and has to be kept."""
    sys._clear_type_cache()  # noqa: SLF001 - there is no other name for it
    for _ in range(_TIMES):
        _rehearse()
    gc.collect()
    fillings = _fill()
    gc.freeze()
    return fillings


def _rehearse() -> None:
    """Be a worker that is set up, finds no root, answers, and ends."""
    setup = Setup(
        roots=(_NOWHERE,), state_directory=_NOWHERE, retry_first=1.0, retry_longest=1.0, io="idle", nice=0
    )
    ours, theirs = channel.pair()
    with closing(theirs), closing(ours):
        for message in (setup, Ping(number=1), Ping(number=2)):
            ours.send(channel.encoded(message))
        ours.shutdown(socket.SHUT_WR)
        worker = Resident(Channel(theirs))
        with suppress(EOFError):
            worker.work()
        worker.end()


def _fill() -> list[bytes]:
    """Make objects of every size until each has had a whole pool to itself, which then had no gaps."""
    made = []
    for size in range(_EMPTY + _ALIGNED - _EMPTY % _ALIGNED, _LARGEST + 1, _ALIGNED):
        row = last = 0
        for _ in range(_MOST_FILLED):
            made.append(bytes(size - _EMPTY))
            at = id(made[-1])
            row = row + 1 if at == last + size and at // _POOL == last // _POOL else 1
            last = at
            if row >= (_POOL - _POOL_HEADER) // size:
                break
    return made
