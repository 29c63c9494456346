"""All that a worker needs is there before it is forked."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cscd.worker import channel
from cscd.worker.channel import encoded
from cscd.worker.messages import PassEnded, Ping, Pong
from cscd.worker.spawning import Exited, Spawn, Spawned, Warm, reply
from tests.support import importless
from tests.support.openers import holding
from tests.support.passes import ENCRYPTED, UNENCRYPTED
from tests.support.users import ALICE, User
from tests.support.workers import DEADLINE, Worker

CONTENT = b"as an application left it"


def make(path: Path, user: User, *, content: bytes = CONTENT) -> Path:
    """Make a file of the user's."""
    path.write_bytes(content)
    os.chown(path, user.uid, user.gid)
    return path


def live(worker: Worker, root: Path, state: Path) -> None:
    """Have a worker do all that workers do."""
    worker.set_up(root, state=state, io="idle", nice=10, successes=True)
    held = make(root / "held", ALICE)
    make(root / "\udcff", ALICE)
    make(root / "large", ALICE, content=bytes(9 << 20))
    with holding(held):
        ended = worker.run_pass()
        assert (ended.converted, ended.pending) == (2, 1), ended
    worker.grant(ENCRYPTED)
    worker.until(lambda: held.stat().st_size > len(CONTENT), "the one that was held is encrypted")
    new = make(root / "new", ALICE)
    worker.until(lambda: new.stat().st_size > len(CONTENT), "the new one is encrypted")
    worker.grant(None)
    failed = worker.start(recipients=("age1nonsense",))
    assert worker.expect(PassEnded, lambda each: each.pass_id == failed).error == "key"
    assert worker.run_pass(to=UNENCRYPTED).converted == 4
    worker.send(Ping(number=1))
    worker.expect(Pong)
    worker.set_up(root, root.parent / "not there", state=state, exclude=("*.tmp",))


@pytest.mark.root
def test_a_workers_whole_life_imports_nothing(common_path: Path) -> None:
    """Passes in both directions, a conflict, a new item, a failure: with an interpreter out of reach."""
    root, state, asked = common_path / "cache", common_path / "state", common_path / "asked"
    for directory in (root, state):
        directory.mkdir(mode=0o700)
        os.chown(directory, ALICE.uid, ALICE.gid)
    make(asked, ALICE, content=b"")
    ours, theirs = channel.pair()
    ours.settimeout(DEADLINE)
    command = [sys.executable, "-I", importless.__file__, str(asked), str(theirs.fileno())]
    with subprocess.Popen(command, pass_fds=(theirs.fileno(),)), ours:
        theirs.close()
        assert reply(channel.receive(ours)[0]) == Warm()
        talk, workers_end = channel.pair()
        spawn = Spawn(token=1, uid=ALICE.uid, gid=ALICE.gid, groups=(), memory=256 << 20)
        socket.send_fds(ours, [encoded(spawn)], [workers_end.fileno()])
        workers_end.close()
        data, descriptors = channel.receive(ours)
        os.close(descriptors[0])
        spawned = reply(data)
        assert isinstance(spawned, Spawned)
        with talk:
            try:
                live(Worker(spawned.pid, talk), root, state)
            finally:
                print(asked.read_text(encoding="utf-8"))  # noqa: T201 - shown when the worker did not get on
        assert reply(channel.receive(ours)[0]) == Exited(pid=spawned.pid, status=0)
    assert asked.read_text(encoding="utf-8") == ""
