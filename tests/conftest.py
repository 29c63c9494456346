"""Fixtures that every test may ask for, and two rules: root tests need root, and CI skips nothing.

The parts themselves are in `tests/support`; here they only get a name and a lifetime.
"""

import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.support import mounts, requires, users
from tests.support.mounts import Mount
from tests.support.users import User

IN_CI = os.environ.get("CI") == "true"
"""There everything is installed that a test may ask for, so that a skip hides a failure."""


@pytest.fixture
def common_path() -> Iterator[Path]:
    """Give an empty directory that other users can reach, which `tmp_path` is not."""
    path = Path(tempfile.mkdtemp(prefix="cscd-test-"))
    path.chmod(0o755)
    yield path
    # A mount that is still there would be emptied along: then let this fail and leave everything in place.
    assert not any(entry.is_mount() for entry in path.iterdir())
    shutil.rmtree(path)


@pytest.fixture
def alice() -> User:
    """An unprivileged user, whose files the tests work on."""
    requires.root()
    return users.ALICE


@pytest.fixture
def mallory() -> User:
    """Another unprivileged user, who has no business there."""
    requires.root()
    return users.MALLORY


@pytest.fixture
def ext4(common_path: Path) -> Iterator[Mount]:
    """Mount an empty ext4."""
    with mounts.filesystem(mounts.EXT4, common_path) as mount:
        yield mount


@pytest.fixture
def xfs(common_path: Path) -> Iterator[Mount]:
    """Mount an empty XFS with reflinks."""
    with mounts.filesystem(mounts.XFS, common_path) as mount:
        yield mount


@pytest.fixture
def btrfs(common_path: Path) -> Iterator[Mount]:
    """Mount an empty Btrfs."""
    with mounts.filesystem(mounts.BTRFS, common_path) as mount:
        yield mount


@pytest.fixture
def small(common_path: Path) -> Iterator[Mount]:
    """Mount an ext4 of 16 MiB without reserved blocks, to be filled to the brim."""
    with mounts.filesystem(mounts.EXT4, common_path, size=16 * mounts.MIB, mkfs=("-m", "0")) as mount:
        yield mount


@pytest.fixture
def quota(common_path: Path) -> Iterator[Mount]:
    """Mount a Btrfs that grants 4 MiB in all and says EDQUOT beyond, while its disk has space left."""
    requires.command("btrfs")
    with mounts.filesystem(mounts.BTRFS, common_path) as mount:
        mounts.run("btrfs", "quota", "enable", mount.point)
        mounts.run("btrfs", "qgroup", "limit", "4M", mount.point)
        yield mount


@pytest.fixture
def tmpfs(common_path: Path) -> Iterator[Mount]:
    """Mount an empty tmpfs."""
    with mounts.tmpfs(common_path / "tmpfs") as mount:
        yield mount


@pytest.fixture
def fuse(common_path: Path) -> Iterator[Mount]:
    """Mount an empty directory of this machine through FUSE."""
    source = common_path / "source"
    source.mkdir(mode=0o777)
    with mounts.fuse(source, common_path / "fuse") as mount:
        yield mount


def pytest_configure() -> None:
    """Let property tests take their time, for a slow machine is no failure; hypothesis knows CI by itself."""
    if not IN_CI:
        hypothesis.settings.register_profile("patient", deadline=None)
        hypothesis.settings.load_profile("patient")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what is marked as root's where we are not root."""
    if item.get_closest_marker("root") is not None:
        requires.root()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn the skip of a test into its failure in CI."""
    report = yield
    if not hasattr(report, "wasxfail"):
        _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn the skip of a whole module into its failure in CI."""
    report = yield
    _refuse_skip(report)
    return report


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Make a skipped report a failed one, and keep its reason."""
    if IN_CI and report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"nothing may be skipped in CI: {reason}"
