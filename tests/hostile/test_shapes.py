"""Trees of unusual shape: odd names, odd files, great depth, many directories, other filesystems."""

import os
import random
import resource
import socket
import stat
import subprocess
from pathlib import Path

import pytest

from cscd.errors import TargetError
from cscd.files.outcome import Reason
from tests.support import forks, mounts, opens, passes
from tests.support.mounts import Mount
from tests.support.passes import ENCRYPTED, UNENCRYPTED, Plan
from tests.support.waiting import wait_until

CONTENT = b"content"
NAMES = [
    b"not utf-8 \xff\xfe",
    b"two\nlines",
    b"-rf",
    b"--",
    b" ",
    b"*?[!]\\",
    b"\x01\x1b[31m",
    b".cscd-",
    b".cscd-1-2-3-4",
    b".cscd-new-notes",
    "日本語".encode(),
    b"n" * 255,
    "ü".encode() * 127,
]


def test_any_name_will_do(tmp_path: Path) -> None:
    """Items are converted both ways whatever bytes are in their names."""
    tree = tmp_path / "tree"
    for name in NAMES:
        directory = tree / os.fsdecode(name)
        directory.mkdir(parents=True)
        (directory / os.fsdecode(name)).write_bytes(CONTENT)
        (tree / os.fsdecode(name[:254] + b"~")).write_bytes(CONTENT)
    for to in (ENCRYPTED, UNENCRYPTED):
        tally = Plan(tree, passes.goal(to), tmp_path / "state").run()
        assert (tally.converted, tally.partial, tally.cleaned + tally.gone) == (2 * len(NAMES), False, 0)
    files = [path for path in tree.rglob("*") if path.is_file()]
    assert [path.read_bytes() for path in files] == [CONTENT] * 2 * len(NAMES)


@pytest.mark.root
def test_what_is_not_a_file_is_not_opened(tmp_path: Path) -> None:
    """FIFOs, sockets, devices and links are counted and left, and nothing opens them."""
    tree = tmp_path / "tree"
    tree.mkdir()
    os.mkfifo(tree / "fifo")
    os.mknod(tree / "null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    os.mknod(tree / "disk", 0o666 | stat.S_IFBLK, os.makedev(7, 200))
    (tree / "link").symlink_to("item")
    (tree / "dangling").symlink_to("nowhere")
    (tree / "up").symlink_to("..")
    (tree / "item").write_bytes(CONTENT)
    with socket.socket(socket.AF_UNIX) as listening, opens.watching(tree) as watch:
        listening.bind(str(tree / "socket"))
        watch.seen()
        tally = Plan(tree, passes.goal(ENCRYPTED), tmp_path / "state").run()
        touched = {path.name for path in watch.seen() if path != tree}
    assert (tally.converted, tally.left) == (1, {Reason.NOT_REGULAR: 7})
    assert not tally.partial
    assert "item" in touched  # so that the watch is proven to see
    assert touched & {"fifo", "null", "disk", "socket", "link", "dangling", "up"} == set()


def test_a_tree_deeper_than_any_path(tmp_path: Path) -> None:
    """An item whose path is longer than PATH_MAX is converted both ways, and what holds it is found."""
    tree = tmp_path / "tree"
    tree.mkdir()
    at = os.open(tree, os.O_RDONLY)
    for _ in range(40):
        os.mkdir("d" * 200, dir_fd=at)
        below = os.open("d" * 200, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below

    def opener(name: str, flags: int) -> int:
        return os.open(name, flags, 0o600, dir_fd=at)

    with open("item", "xb", opener=opener) as file:
        file.write(CONTENT)
    for to in (ENCRYPTED, UNENCRYPTED):
        tally = Plan(tree, passes.goal(to), tmp_path / "state").run()
        assert (tally.converted, tally.directories, tally.partial) == (1, 41, False)
    with open("item", "rb", opener=opener) as again:
        assert again.read() == CONTENT
    os.close(at)


@pytest.mark.root
@pytest.mark.parametrize("shape", ["wide", "deep"])
def test_many_directories_take_little_memory(tmpfs: Mount, tmp_path: Path, shape: str) -> None:
    """The memory of a pass does not grow with the number of directories beyond a few bytes for each."""
    make = make_wide if shape == "wide" else make_deep
    counts = (10_000, 30_000)
    growth = []
    for count in counts:
        tree = tmpfs.point / f"{count}"
        directories = make(tree, count)
        growth.append(grown(tree, tmp_path / "state", directories))
    # A million directories at this rate stay well below the 100 MiB that a pass may take in all.
    assert growth[1] - growth[0] < (counts[1] - counts[0]) * 32 + (2 << 20), growth


def make_wide(tree: Path, count: int) -> int:
    """Make directories beside each other; return how many there are with the root."""
    tree.mkdir()
    for number in range(count):
        (tree / f"directory {number:06}").mkdir()
    return count + 1


def make_deep(tree: Path, count: int) -> int:
    """Make them in four levels."""
    made = {tree}
    tree.mkdir()
    for number in range(count):
        path = tree
        for level in (number // 1000 % 100, number // 100 % 10, number // 10 % 10, number % 10):
            path /= f"{level}"
            if path not in made:
                path.mkdir()
                made.add(path)
    return len(made)


def grown(tree: Path, state: Path, directories: int) -> int:
    """Return by how many bytes a pass makes its processes grow, the largest of each kind."""

    def make_pass() -> int:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        tally = Plan(tree, passes.goal(ENCRYPTED), state).in_this_process()
        assert (tally.directories, tally.partial) == (directories, False)
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        return (own + resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss - before) << 10

    state.mkdir(exist_ok=True)
    return forks.call(make_pass, first=lambda: None)


@pytest.mark.parametrize("way", ["tree", "tree/below", "file", "missing"])
def test_a_root_must_be_a_directory_reached_without_links(tmp_path: Path, way: str) -> None:
    """Whoever may change a link could choose what a pass works on: such a root is refused."""
    real = tmp_path / "real"
    (real / "below").mkdir(parents=True)
    (tmp_path / "tree").symlink_to(real)
    (tmp_path / "file").write_bytes(CONTENT)
    with pytest.raises(
        TargetError, match={"file": "is not a directory", "missing": "No such"}.get(way, "link")
    ):
        Plan(tmp_path / way, passes.goal(ENCRYPTED), tmp_path / "state").run()


@pytest.mark.root
def test_another_filesystem_inside_the_tree_is_not_entered(common_path: Path) -> None:
    """A mount point is reported and left, with everything below it."""
    tree = common_path / "tree"
    tree.mkdir()
    (tree / "item").write_bytes(CONTENT)
    with mounts.tmpfs(tree / "mounted") as mount, opens.watching(mount.point) as watch:
        (mount.point / "item").write_bytes(CONTENT)
        watch.seen()
        tally = Plan(tree, passes.goal(ENCRYPTED), common_path / "state").run()
        assert watch.seen() == set()
        assert passes.left(tally) == {"mounted": Reason.OTHER_FILESYSTEM}
        assert (mount.point / "item").read_bytes() == CONTENT
    assert tally.partial
    assert tally.converted == 1


@pytest.mark.root
def test_many_items_in_one_directory_are_listed_in_slices(tmpfs: Mount, tmp_path: Path) -> None:
    """A directory larger than a slice is converted to the last item, and known to the last item."""
    tree = tmpfs.point / "tree"
    tree.mkdir()
    for number in range(9_000):
        path = tree / f"{number}"
        path.write_bytes(random.randbytes(1 + number % 9))
        os.utime(path, ns=(0, 0))
    plan = Plan(tree, passes.goal(ENCRYPTED), tmp_path / "state")
    assert plan.run().converted == 9_000
    tally = plan.run()
    assert (tally.right, tally.found, tally.converted) == (9_000, 0, 0)


@pytest.mark.root
def test_a_dead_mount_costs_only_itself(common_path: Path) -> None:
    """It is left alone like any other filesystem, without being asked: it might never answer."""
    tree = common_path / "tree"
    tree.mkdir()
    (tree / "item").write_bytes(b"content")
    source = common_path / "source"
    source.mkdir()
    with mounts.fuse(source, tree / "dead") as mount:
        subprocess.run(["pkill", "-KILL", "-f", f"bindfs -f {source}"], check=True)
        wait_until(lambda: not answers(mount.point), "the mount is dead")
        tally = Plan(tree, passes.goal(ENCRYPTED), common_path / "state").run()
        mounts.unmount(mount.point)
    assert tally.converted == 1
    assert passes.left(tally) == {"dead": Reason.OTHER_FILESYSTEM}


def answers(path: Path) -> bool:
    """Whether a path can be asked about."""
    try:
        path.stat()
    except OSError:
        return False
    return True
