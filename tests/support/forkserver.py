"""A fork server in a fork of the test, whose workers do what each test has them do."""

import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from cscd.worker import channel, forkserver, preload
from cscd.worker.channel import LONGEST, encoded, from_worker, receive
from cscd.worker.forkserver import Run
from cscd.worker.spawning import Spawn, Spawned, Warm, reply
from tests.support import forks, residents
from tests.support.users import ALICE, User

DEADLINE = 20.0
MEMORY = 1 << 30


@dataclass(slots=True)
class Worker:
    """A worker, and the daemon's end of its channel."""

    pid: int
    pidfd: int
    channel: socket.socket

    def hear(self) -> Any:  # noqa: ANN401 - a message of a worker's
        """Wait for what it says; None at the end."""
        data = self.channel.recv(LONGEST)
        return from_worker(data) if data else None


@dataclass(slots=True)
class Server:
    """A fork server, and the daemon's end of its connection."""

    pid: int
    connection: socket.socket
    held: list[Worker] = field(default_factory=list)

    def hear(self) -> Any:  # noqa: ANN401 - a reply
        """Wait for what it says; None at the end."""
        data, descriptors = receive(self.connection)
        for descriptor in descriptors:
            os.close(descriptor)
        return reply(data) if data else None

    def ask(self, user: User, token: int = 1, memory: int = MEMORY) -> socket.socket:
        """Ask for a worker, and return our end of its channel."""
        ours, theirs = channel.pair()
        ours.settimeout(DEADLINE)
        spawn = Spawn(token=token, uid=user.uid, gid=user.gid, groups=(), memory=memory)
        with theirs:
            socket.send_fds(self.connection, [encoded(spawn)], [theirs.fileno()])
        return ours

    def spawn(self, user: User = ALICE, memory: int = MEMORY) -> Worker:
        """Start a worker."""
        ours = self.ask(user, memory=memory)
        data, descriptors = receive(self.connection)
        spawned = reply(data)
        assert isinstance(spawned, Spawned)
        self.held.append(Worker(spawned.pid, descriptors[0], ours))
        return self.held[-1]


@contextmanager
def serving(run: Run = residents.run, first: Callable[[], None] = lambda: None) -> Iterator[Server]:
    """Run a fork server in a fork, until the block ends."""
    preload.warm()  # here, where everything can be read; what `first` makes of the fork may not
    ours, theirs = channel.pair()
    ours.settimeout(DEADLINE)
    pid = forks.fork()
    if not pid:
        code = 1
        try:
            ours.close()
            sys.stderr = sys.__stderr__
            first()
            code = forkserver.main([str(theirs.fileno())], run)
        finally:
            os._exit(code)
    theirs.close()
    server = Server(pid, ours)
    try:
        assert server.hear() == Warm()
        yield server
    finally:
        ours.close()
        os.waitpid(pid, 0)
        for worker in server.held:
            os.close(worker.pidfd)
            worker.channel.close()
