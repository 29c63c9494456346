"""A small worker, for tests of what workers stand on.

Run as a program it is a fork server like the real one, with this worker instead.
"""

import os
import sys

from cscd.worker.channel import Channel
from cscd.worker.forkserver import main
from cscd.worker.messages import Ping, Pong, Ready


def run(channel: Channel) -> int:
    """Say that it is ready, answer pings, and end with the channel."""
    channel.send(Ready())
    while True:
        try:
            message, _ = channel.receive()
        except EOFError:
            return 0
        if isinstance(message, Ping):
            channel.send(Pong(number=message.number))


if __name__ == "__main__":
    os._exit(main(sys.argv[1:], run))
