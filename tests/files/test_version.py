"""Which versions of a file may be remembered."""

import os
import time
from pathlib import Path

from cscd.files.outcome import Seen
from cscd.files.version import found_right, made_right, version
from tests.support.waiting import wait_until

OLD_NS = 1_600_000_000_000_000_001
TICK_NS = 10_000_000


def aged(path: Path) -> os.stat_result:
    """Return the status of a file whose last change lies a tick back."""
    status = path.stat()
    wait_until(lambda: time.time_ns() - status.st_ctime_ns > TICK_NS, "a tick has passed")
    return status


def test_any_change_makes_another_version(tmp_path: Path) -> None:
    """Content, mode, links: each of them moves something that is looked at."""
    path = tmp_path / "file"
    path.write_bytes(b"one")
    versions = {version(path.stat())}
    for change in (
        lambda: path.write_bytes(b"two"),
        lambda: path.chmod(0o600),
        lambda: os.link(path, tmp_path / "b"),
    ):
        change()
        versions.add(version(path.stat()))
    assert len(versions) == 4


def test_a_version_is_remembered_when_it_has_aged(tmp_path: Path) -> None:
    """Within the tick of its last change a later one could look the same; then it is not remembered."""
    path = tmp_path / "file"
    path.write_bytes(b"one")
    status = aged(path)
    assert found_right(status) == Seen(status.st_ino, status.st_ctime_ns, 3)
    future = os.stat_result(status, {"st_ctime_ns": time.time_ns() + 10**9})
    assert found_right(future) is None


def test_whole_seconds_need_longer(tmp_path: Path) -> None:
    """A filesystem that keeps whole seconds cannot tell changes within two of them."""
    path = tmp_path / "file"
    path.touch()
    second = time.time_ns() // 10**9 * 10**9
    assert found_right(os.stat_result(path.stat(), {"st_ctime_ns": second})) is None
    assert found_right(os.stat_result(path.stat(), {"st_ctime_ns": second - 3 * 10**9})) is not None


def test_what_we_made_is_remembered_unless_written_to(tmp_path: Path) -> None:
    """A write moves the mtime from where we had set it, also one that leaves the ctime as it is."""
    path = tmp_path / "file"
    path.write_bytes(b"one")
    os.utime(path, ns=(OLD_NS, OLD_NS))
    status = aged(path)
    assert made_right(status, OLD_NS) == Seen(status.st_ino, status.st_ctime_ns, 3)
    path.write_bytes(b"two")
    assert made_right(aged(path), OLD_NS) is None
