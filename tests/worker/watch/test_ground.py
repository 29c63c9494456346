"""What the watch holds and needs of the machine: of a root nothing while nothing happens."""

import os
import sys
from pathlib import Path

import pytest

from cscd.files.tree import Tree
from cscd.worker.passes.selection import Selection
from cscd.worker.watch.ground import Ground
from cscd.worker.watch.noticed import RootGone, Watching
from tests.support import forks, mounts, users
from tests.support.silentmount import silent
from tests.support.users import User
from tests.worker.watching import Listener, listen, listening, mentioned


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Make a root."""
    made = tmp_path / "root"
    made.mkdir()
    return made


def ground_of(root: Path) -> Ground:
    """Return the ground of a root that is there."""
    tree = Tree.open(str(root))
    tree.close()
    return Ground(tree)


def test_a_directory_below_is_reached_until_and_after_a_release(root: Path) -> None:
    """It is opened anew when it is needed again."""
    (root / "directory").mkdir()
    ground = ground_of(root)
    for _ in range(2):
        fd = ground.directory("directory")
        assert os.fstat(fd).st_ino == (root / "directory").stat().st_ino
        os.close(fd)
        ground.release()


def test_another_directory_of_that_name_is_not_the_root(root: Path) -> None:
    """What was put in its place belongs to nobody that we know."""
    ground = ground_of(root)
    root.rename(root.parent / "before")
    root.mkdir()
    with pytest.raises(FileNotFoundError):
        ground.directory("")


def test_a_root_that_is_gone_is_told_by_the_kernels_word(root: Path) -> None:
    """As open(2) has it, so that a want of descriptors is told from a root that is gone."""
    ground = ground_of(root)
    root.rmdir()
    with pytest.raises(FileNotFoundError):
        ground.directory("")


@pytest.mark.root
def test_it_imports_nothing(common_path: Path, alice: User) -> None:
    """It works as a user who cannot read the interpreter's files."""
    root = common_path / "root"
    root.mkdir()
    os.chown(root, alice.uid, alice.gid)

    def run() -> bool:
        listener = Listener([root], Selection(exclude=["*.tmp"]))
        listener.until_watching()
        (root / "directory").mkdir()
        listener.until_mentioned("directory")
        (root / "directory" / "\udcff").write_bytes(b"content")
        told = listener.until_mentioned("directory/\udcff")
        return mentioned(told, "directory/\udcff")

    def become_confined() -> None:
        users.become(alice)
        sys.meta_path.clear()  # what is not there by now does not come

    assert forks.call(run, first=become_confined)


@pytest.mark.root
def test_a_filesystem_can_be_unmounted_while_its_root_is_watched(tmp_path: Path) -> None:
    """As at logoff; the root is gone then."""
    with mounts.tmpfs(tmp_path / "once"), mounts.tmpfs(tmp_path / "once") as mount:

        def act(listener: Listener) -> bool:
            (mount.point / "new").write_bytes(b"content")
            listener.until_mentioned("new")
            listener.until_idle()
            mounts.unmount(mount.point)
            told = listener.until(lambda told: RootGone(0) in told)
            mounts.run("mount", "-t", "tmpfs", "tmpfs", mount.point)  # for the end of the block above
            return RootGone(0) in told

        assert listen(mount.point, do=act)


def test_it_can_be_closed_twice(root: Path) -> None:
    """Afterwards there is no descriptor, and nothing is due."""

    def act(listener: Listener) -> tuple[int, bool]:
        listener.lookout.close()
        listener.lookout.close()
        return listener.lookout.fileno(), any("inotify" in link for link in _open_files())

    assert listen(root, do=act) == (-1, False)


def _open_files() -> list[str]:
    """Return what each descriptor of this process leads to."""
    return [os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")]


def test_two_roots_may_lie_within_each_other(root: Path) -> None:
    """Each is told of what concerns it."""
    inner = root / "inner"
    inner.mkdir()

    def act(listener: Listener) -> bool:
        (inner / "new").write_bytes(b"content")
        listener.until(lambda told: mentioned(told, "inner/new", root=0) and mentioned(told, "new", root=1))
        return Watching(0, 2) in listener.told and Watching(1, 1) in listener.told

    assert listen(root, inner, do=act)


@pytest.mark.root
def test_a_share_that_is_gone_holds_nothing_up(root: Path) -> None:
    """A filesystem below the root whose server never answers is not the watch's concern."""
    with silent(root / "share") as mount:

        def act() -> bool:
            with listening(root) as listener:
                (root / "new").write_bytes(b"content")
                return mentioned(listener.until_mentioned("new"), "new")

        assert forks.call(act, first=mount.leave)
        assert not mount.waited_for
