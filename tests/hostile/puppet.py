"""A fork server whose workers of one user do not do what workers do; run as a program.

Arguments: what that user's worker does, the user's uid, and the descriptor that the fork server is given.
"""

import contextlib
import functools
import itertools
import os
import random
import signal
import sys
import time
from collections.abc import Callable

from cscd.worker import forkserver
from cscd.worker.channel import Channel, encoded
from cscd.worker.keeping import resident
from cscd.worker.messages import (
    Happened,
    Message,
    PassEnded,
    PassProgress,
    Ping,
    Pong,
    Ready,
    ReasonCount,
    Standing,
    StartPass,
    Stuck,
    WantPass,
)


def garbage(channel: Channel) -> None:
    """Send what is no message."""
    os.write(channel.fileno(), random.randbytes(1000))


def huge(channel: Channel) -> None:
    """Send a number that no machine word holds, where a time is expected."""
    channel.send(Ready())
    text = b'{"kind":"happened","event":"item_resolved","fields":{"path":"/x","outcome":"x","reason":"x",'
    while True:
        os.write(channel.fileno(), text + b'"attempts":1,"seconds":' + b"9" * 4000 + b"}}")


def flood(channel: Channel) -> None:
    """Send as much as goes, of what takes long to check."""
    channel.send(Ready())
    name = "\udcff" * 600
    first = tuple(Stuck(path=f"/{number}{name}", reason="no_space") for number in range(30))
    data = encoded(Standing(roots=(), pending=(), failed=(), first=first))
    while True:
        os.write(channel.fileno(), data)


def waver(channel: Channel) -> None:
    """Have everything right and wrong in turns, as often as is borne."""
    channel.send(Ready())
    for number in itertools.count():
        pending = (ReasonCount(reason=f"r{number}", count=number % 2),)
        channel.send(Standing(roots=(), pending=pending, failed=(), first=()))
        channel.send(Happened(event="item_failed", fields={"path": "/x\n", "reason": f"r{number}"}))
        if not number % 500:
            answer_pings(channel)
        time.sleep(0.002)


def insatiable(channel: Channel) -> None:
    """Want pass after pass, and end each at once, with whatever numbers there are."""
    channel.send(Ready())
    most = 2**63 - 1
    while True:
        channel.send(WantPass(trigger="root_found", scope="all", items=most, bytes=most))
        message = hear(channel)
        if isinstance(message, StartPass):
            reasons = tuple(ReasonCount(reason=f"r{number}", count=most) for number in range(64))
            channel.send(
                PassEnded(
                    pass_id=message.pass_id,
                    complete=True,
                    partial=False,
                    stopped=False,
                    converted=most,
                    converted_bytes=most,
                    reasons=reasons,
                    seconds=1e12,
                )
            )


def clinging(channel: Channel) -> None:
    """Never end a pass, which comes on all the time."""
    channel.send(Ready())
    pass_id = ""
    for number in itertools.count():
        channel.send(WantPass(trigger="root_found", scope="all", items=0))
        while not pass_id:
            message = hear(channel)
            if isinstance(message, StartPass):
                pass_id = message.pass_id
        channel.send(PassProgress(pass_id=pass_id, items=number, found=0, bytes=0, found_bytes=0, waiting=0))
        answer_pings(channel)
        time.sleep(0.05)


def answer_pings(channel: Channel) -> None:
    """Take what has come, without waiting for more."""
    os.set_blocking(channel.fileno(), False)
    with contextlib.suppress(BlockingIOError):
        while True:
            hear(channel)
    os.set_blocking(channel.fileno(), True)


def hear(channel: Channel) -> Message:
    """Wait for a message, and answer a ping."""
    message: Message = channel.receive().message
    if isinstance(message, Ping):
        channel.send(Pong(number=message.number))
    return message


MANNERS: dict[str, Callable[[Channel], None]] = {
    each.__name__: each for each in (garbage, huge, flood, waver, insatiable, clinging)
}


def run(manner: str, uid: int, channel: Channel) -> int:
    """Be a worker."""
    if os.getuid() != uid:
        return resident.run(channel)
    with contextlib.suppress(EOFError, ConnectionError):
        MANNERS[manner](channel)
        signal.pause()
    return 0


if __name__ == "__main__":
    sys.exit(forkserver.main(sys.argv[3:], functools.partial(run, sys.argv[1], int(sys.argv[2]))))
