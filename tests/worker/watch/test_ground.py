"""The watcher's process: whose it is, what it holds, and how it ends."""

import os
import signal
import sys
from pathlib import Path

import pytest

from cscd.worker.passes.selection import Selection
from cscd.worker.watch.noticed import Watching
from tests.support import forks, users
from tests.support.users import User
from tests.support.waiting import wait_until
from tests.worker.watching import Listener, listen, mentioned


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Make a root."""
    made = tmp_path / "root"
    made.mkdir()
    return made


@pytest.mark.root
def test_it_imports_nothing(common_path: Path, alice: User) -> None:
    """It works as a user who cannot read the interpreter's files."""
    root = common_path / "root"
    root.mkdir()
    os.chown(root, alice.uid, alice.gid)

    def run() -> bool:
        listener = Listener([root], Selection(exclude=["*.tmp"]))
        try:
            listener.until_watching()
            (root / "directory").mkdir()
            listener.until_mentioned("directory")
            (root / "directory" / "\udcff").write_bytes(b"content")
            told = listener.until_mentioned("directory/\udcff")
            return mentioned(told, "directory/\udcff")
        finally:
            listener.watcher.close()

    def become_confined() -> None:
        users.become(alice)
        sys.meta_path.clear()  # what is not there by now does not come

    assert forks.call(run, first=become_confined)


def test_it_ends_with_the_resident(root: Path) -> None:
    """Killed, the resident leaves no process behind."""
    reader, writer = os.pipe()

    def die() -> None:
        listener = Listener([root], Selection())
        listener.until_watching()
        os.write(writer, f"{listener.watcher.pid}".encode())
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(ChildProcessError):
        forks.call(die, first=lambda: None)
    pid = int(os.read(reader, 16))
    wait_until(lambda: not _runs(pid), "the watcher has ended")


def _runs(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] not in "ZX"


def test_it_is_closed_and_reaped(root: Path) -> None:
    """Afterwards there is no child, and a second close is no error."""

    def act(listener: Listener) -> bool:
        listener.watcher.close()
        listener.watcher.close()
        with pytest.raises(ChildProcessError):
            os.waitpid(-1, 0)
        return listener.watcher.alive

    assert not listen(root, do=act)


def test_it_holds_nothing_that_it_does_not_need(root: Path) -> None:
    """Nothing that the resident has open is kept open by it."""
    reader, writer = os.pipe()

    def act(listener: Listener) -> list[str]:
        links = [os.readlink(entry) for entry in Path(f"/proc/{listener.watcher.pid}/fd").iterdir()]
        return [
            link for link in links if link in {f"pipe:[{os.fstat(fd).st_ino}]" for fd in (reader, writer)}
        ]

    assert listen(root, do=act) == []
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGTSTP])
def test_signals_of_the_terminal_do_not_end_it(root: Path, number: int) -> None:
    """They are for the resident to decide upon."""

    def act(listener: Listener) -> bool:
        os.kill(listener.watcher.pid, number)
        (root / "new").write_bytes(b"content")
        return mentioned(listener.until_mentioned("new"), "new")

    assert listen(root, do=act)


def test_two_roots_may_lie_within_each_other(root: Path) -> None:
    """Each is told of what concerns it."""
    inner = root / "inner"
    inner.mkdir()

    def act(listener: Listener) -> bool:
        (inner / "new").write_bytes(b"content")
        listener.until(lambda told: mentioned(told, "inner/new", root=0) and mentioned(told, "new", root=1))
        return Watching(0, 2) in listener.told and Watching(1, 1) in listener.told

    assert listen(root, inner, do=act)
