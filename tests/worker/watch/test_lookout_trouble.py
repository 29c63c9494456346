"""When events are lost or directories cannot be watched: it is told, and mended without anybody's help."""

import ctypes
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from cscd.worker.passes.selection import Selection
from cscd.worker.watch import lookout
from cscd.worker.watch.intake import Intake
from cscd.worker.watch.noticed import Degraded, Noticed, Watching
from tests.support import forks
from tests.worker.watching import Listener, listen, mentioned

Answer = TypeVar("Answer")

CLONE_NEWUSER = 0x10000000
"""linux/sched.h."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Make a root with ten directories."""
    made = tmp_path / "root"
    for number in range(10):
        (made / f"{number}").mkdir(parents=True)
    return made


def _degraded(told: list[Noticed]) -> list[Degraded]:
    return [each for each in told if isinstance(each, Degraded)]


def test_an_overflow_is_told_and_mended(root: Path) -> None:
    """Where the kernel's queue was full, the root is degraded, watched again, and complete."""
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text(encoding="ascii"))

    def act(listener: Listener) -> tuple[list[Degraded], bool]:
        for number in range(most + 100):
            os.close(os.open(root / f"{number % 10}" / f"{number}", os.O_CREAT | os.O_WRONLY))
        (root / "unheard").mkdir()
        told = listener.until_watching()
        (root / "unheard" / "new").write_bytes(b"content")
        return _degraded(told), mentioned(listener.until_mentioned("unheard/new"), "unheard/new")

    assert listen(root, do=act) == ([Degraded(0, "overflow", 0)], True)


def test_an_instance_that_dies_is_told_and_replaced(root: Path) -> None:
    """What can be read and gives no event is none any more."""

    def act(listener: Listener) -> tuple[list[Degraded], bool]:
        other = os.open("/dev/null", os.O_RDONLY)
        os.dup2(other, listener.lookout.fileno())
        told = listener.until_watching()
        (root / "new").write_bytes(b"content")
        return _degraded(told), mentioned(listener.until_mentioned("new"), "new")

    assert listen(root, do=act) == ([Degraded(0, "died", 0)], True)


def test_a_watch_that_the_kernel_lost_is_told_and_renewed(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel's own list is what counts: here the end of a watch was never heard of."""
    monkeypatch.setattr(Intake, "on_watch_deleted", lambda _intake, _wd: None)
    monkeypatch.setattr(lookout, "_AUDIT_EVERY", 0.0)
    monkeypatch.setattr(lookout, "_AUDIT_AGAIN", 0.1)

    def act(listener: Listener) -> tuple[list[Degraded], bool]:
        (root / "9").rmdir()
        (root / "new").write_bytes(b"content")
        told = listener.until_watching()
        return _degraded(told), Watching(0, 10) in told

    assert listen(root, do=act) == ([Degraded(0, "died", 0)], True)


def _in_user_namespace(function: Callable[[], Answer]) -> Answer:
    """Call in a fork with limits of its own (user_namespaces(7), /proc/sys/user), or skip."""

    def unshare() -> None:
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER):
            raise OSError(ctypes.get_errno(), "unshare")

    try:
        return forks.call(function, first=unshare)
    except PermissionError as error:
        pytest.skip(f"needs user namespaces: {error}")


def _limit(what: str, most: int) -> None:
    Path(f"/proc/sys/user/max_inotify_{what}").write_text(f"{most}", encoding="ascii")


@pytest.mark.parametrize(
    "what, most, degraded",
    [("watches", 5, Degraded(0, "limit", 7)), ("instances", 0, Degraded(0, "limit", 0))],
)
def test_a_limit_is_told_and_watching_goes_on_when_there_is_room(
    root: Path, monkeypatch: pytest.MonkeyPatch, what: str, most: int, degraded: Degraded
) -> None:
    """The root and ten directories with the one above it are twelve watches: seven do not fit."""
    monkeypatch.setattr(lookout, "_ROOM_AFTER", 0.3)
    monkeypatch.setattr(lookout, "_ROOM_AFTER_MOST", 0.3)

    def act() -> tuple[Noticed, bool, bool]:
        _limit(what, most)
        listener = Listener([root], Selection())
        try:
            first = listener.until(bool)[0]
            _limit(what, 1000)
            told = listener.until_watching()
            (root / "9" / "new").write_bytes(b"content")
            again = mentioned(listener.until_mentioned("9/new"), "9/new")
            return first, Watching(0, 11) in told, again
        finally:
            listener.lookout.close()

    assert _in_user_namespace(act) == (degraded, True, True)


def test_a_new_directory_beyond_the_limit_is_told(root: Path) -> None:
    """The directory is told of, and that it is not watched."""

    def act() -> list[Noticed]:
        _limit("watches", 13)
        listener = Listener([root], Selection())
        try:
            listener.until_watching()
            (root / "a" / "b").mkdir(parents=True)
            return listener.until(lambda told: _degraded(told) and mentioned(told, "a/b/c"))
        finally:
            listener.lookout.close()

    assert Degraded(0, "limit", 1) in _in_user_namespace(act)
