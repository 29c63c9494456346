"""What an item carries besides its content is the same after a conversion, and after the way back."""

import os
import random
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from cscd.files import kernel
from cscd.files.outcome import Reason
from tests.support import passes
from tests.support.mounts import Mount, run
from tests.support.passes import ENCRYPTED, UNENCRYPTED, Plan
from tests.support.users import User

FILESYSTEMS = ("ext4", "xfs", "btrfs", "tmpfs")
NODUMP = 0x40
"""FS_NODUMP_FL, linux/fs.h."""
MANDATORY_TIMES = (-1_000_000_007, 1_234_567_890_123_456_789)
"""An access time before 1970 and a modification time, in ns."""
GIB = 1 << 30


@pytest.fixture(params=FILESYSTEMS)
def point(request: pytest.FixtureRequest) -> Path:
    """Mount each of the filesystems in turn."""
    mount: Mount = request.getfixturevalue(request.param)
    (mount.point / "tree").mkdir()
    return mount.point / "tree"


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a program can find out about a file without reading it, but inode, ctime and birth."""

    mode: int
    owner: tuple[int, int]
    times: tuple[int, int]
    attributes: dict[str, bytes]
    flags: int

    @classmethod
    def of(cls, path: Path) -> "Facts":
        """Find them out without leaving a trace in the access time."""
        status = path.stat()
        fd = os.open(path, os.O_RDONLY | os.O_NOATIME)
        try:
            flags = kernel.inode_flags(fd) & NODUMP
        finally:
            os.close(fd)
        return cls(
            status.st_mode,
            (status.st_uid, status.st_gid),
            (status.st_atime_ns, status.st_mtime_ns),
            {name: os.getxattr(path, name) for name in os.listxattr(path)},
            flags,
        )


def set_nodump(path: Path) -> None:
    """Set an inode flag that a copy must have too."""
    fd = os.open(path, os.O_RDONLY)
    try:
        kernel.set_inode_flags(fd, kernel.inode_flags(fd) | NODUMP)
    finally:
        os.close(fd)


def there_and_back(tree: Path, state: Path, look: Callable[[], None], user: User | None = None) -> None:
    """Encrypt and unencrypt everything in a tree, and look after each."""
    count = sum(path.is_file() for path in tree.rglob("*"))
    for to in (ENCRYPTED, UNENCRYPTED):
        tally = Plan(tree, passes.goal(to), state, user=user).run()
        assert (tally.converted, tally.left.total()) == (count, 0), passes.left(tally)
        look()


@pytest.mark.root
@pytest.mark.parametrize("mode", [0o600, 0o644, 0o4755, 0o2750, 0o1777, 0o400, 0o000])
def test_mode_times_attributes_and_flags_are_kept(point: Path, common_path: Path, mode: int) -> None:
    """Mode with setuid, setgid and sticky, both times in ns, user attributes and nodump come along."""
    item = point / "item"
    item.write_bytes(b"content")
    os.setxattr(item, "user.text", "grün".encode())
    os.setxattr(item, "user.empty", b"")
    os.setxattr(item, "trusted.binary", bytes(range(256)))
    set_nodump(item)
    item.chmod(mode)
    os.utime(item, ns=MANDATORY_TIMES if "btrfs" in str(point) else (1, MANDATORY_TIMES[1]))
    before = Facts.of(item)
    assert before.flags == NODUMP

    def look() -> None:
        assert Facts.of(item) == before

    there_and_back(point, common_path / "state", look)


@pytest.mark.root
def test_the_group_and_its_setgid_bit_are_kept(point: Path, common_path: Path, alice: User) -> None:
    """A group other than the owner's own comes along; a setgid directory gives the copy none."""
    item = point / "item"
    item.write_bytes(b"content")
    os.chown(item, 0, alice.gid)
    item.chmod(0o2755)
    os.chown(point, 0, alice.gid + 7)
    point.chmod(0o2755)
    before = Facts.of(item)

    def look() -> None:
        assert Facts.of(item) == before

    there_and_back(point, common_path / "state", look)


@pytest.mark.root
@pytest.mark.parametrize("name", FILESYSTEMS)
def test_acls_are_kept_and_defaults_do_not_add_to_them(
    request: pytest.FixtureRequest, name: str, common_path: Path
) -> None:
    """An item keeps its ACL; one that has none gets none from its directory's default ACL."""
    mount: Mount = request.getfixturevalue(name)
    tree = mount.point / "tree"
    tree.mkdir()
    for item in ("without", "with"):
        (tree / item).write_bytes(b"content")
        (tree / item).chmod(0o640)
    run("setfacl", "-m", "u:60802:rw,g:60801:r", tree / "with")
    run("setfacl", "-d", "-m", "u:60801:rwx,o:rwx", tree)
    before = {item: Facts.of(tree / item) for item in ("without", "with")}
    assert "system.posix_acl_access" in before["with"].attributes
    assert before["without"].attributes == {}

    def look() -> None:
        assert {item: Facts.of(tree / item) for item in before} == before

    there_and_back(tree, common_path / "state", look)


@pytest.mark.root
def test_the_same_as_an_ordinary_user(ext4: Mount, common_path: Path, alice: User) -> None:
    """All of that needs no privilege, as long as the user may set it."""
    tree = ext4.point / "tree"
    tree.mkdir()
    item = tree / "item"
    item.write_bytes(b"content")
    for path in (tree, item):
        os.chown(path, alice.uid, alice.gid)
    os.setxattr(item, "user.text", b"text")
    run("setfacl", "-m", "u:60802:rw", item)
    set_nodump(item)
    item.chmod(0o6755)
    os.utime(item, ns=(5, 6))
    before = Facts.of(item)

    def look() -> None:
        assert Facts.of(item) == before

    there_and_back(tree, common_path / "state", look, alice)


@pytest.mark.root
def test_what_the_user_may_not_set_is_a_reason_to_leave_it(
    ext4: Mount, common_path: Path, alice: User
) -> None:
    """A group that the owner is not in cannot be given to a copy: the item stays, and says why."""
    tree = ext4.point / "tree"
    tree.mkdir()
    item = tree / "item"
    item.write_bytes(b"content")
    os.chown(tree, alice.uid, alice.gid)
    os.chown(item, alice.uid, alice.gid + 9)
    before = Facts.of(item)
    tally = Plan(tree, passes.goal(ENCRYPTED), common_path / "state", user=alice).run()
    assert passes.left(tally) == {"item": Reason.METADATA}
    assert Facts.of(item) == before
    assert os.listdir(tree) == ["item"]


@pytest.mark.root
def test_what_the_kernel_drops_in_silence_is_a_reason_to_leave_it(
    ext4: Mount, common_path: Path, alice: User
) -> None:
    """A setgid bit of a group that the owner is not in goes without an error when a copy is given it."""
    tree = ext4.point / "tree"
    tree.mkdir()
    item = tree / "item"
    item.write_bytes(b"content")
    os.chown(item, alice.uid, alice.gid + 9)
    item.chmod(0o2755)
    os.chown(tree, alice.uid, alice.gid + 9)
    tree.chmod(0o2777)
    before = Facts.of(item)
    tally = Plan(tree, passes.goal(ENCRYPTED), common_path / "state", user=alice).run()
    assert passes.left(tally) == {"item": Reason.METADATA}
    assert Facts.of(item) == before


@pytest.mark.root
def test_a_read_only_file_with_acl_and_attributes(ext4: Mount, common_path: Path, alice: User) -> None:
    """An ACL that takes the owner's right to write away does not keep the attributes from being copied."""
    tree = ext4.point / "tree"
    tree.mkdir()
    item = tree / "item"
    item.write_bytes(b"content")
    os.setxattr(item, "user.text", b"text")
    run("setfacl", "-m", "u:60802:r", item)
    item.chmod(0o440)
    for path in (tree, item):
        os.chown(path, alice.uid, alice.gid)
    before = Facts.of(item)

    def look() -> None:
        assert Facts.of(item) == before

    there_and_back(tree, common_path / "state", look, alice)


def blocks(path: Path) -> int:
    """Return the bytes that a file takes on the disk, everything written."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
        return os.fstat(fd).st_blocks * 512
    finally:
        os.close(fd)


@pytest.mark.root
def test_holes_come_back_and_zeros_stay_zeros(point: Path, common_path: Path) -> None:
    """A file with holes has them again after the way back; zeros that were written are written again."""
    sparse, dense = point / "sparse", point / "dense"
    with sparse.open("xb") as file:
        file.write(b"begin")
        file.seek(3 << 20)
        file.write(random.randbytes(5000))
        file.truncate(8 << 20)
    dense.write_bytes(bytes(2 << 20))
    before = {path: (path.read_bytes(), blocks(path)) for path in (sparse, dense)}

    def look() -> None:
        for path, (content, _) in before.items():
            assert passes.plain(path.read_bytes()) == content

    there_and_back(point, common_path / "state", look)
    assert blocks(sparse) <= before[sparse][1] + (64 << 10)
    assert blocks(dense) >= before[dense][1] - (64 << 10)


@pytest.mark.root
def test_a_gigabyte_of_nothing_does_not_come_back_as_a_gigabyte(common_path: Path) -> None:
    """An all-zero sparse file of 1 GiB takes next to nothing after the way back."""
    tree = common_path / "tree"
    tree.mkdir()
    item = tree / "item"
    with item.open("xb") as file:
        file.truncate(GIB)
    there_and_back(tree, common_path / "state", lambda: None)
    assert item.stat().st_size == GIB
    assert blocks(item) <= 64 << 10


@pytest.mark.root
def test_file_capabilities_are_kept(ext4: Mount, common_path: Path) -> None:
    """A program keeps the capabilities that it runs with, though changing its owner would clear them."""
    tree = ext4.point / "tree"
    tree.mkdir()
    item = tree / "program"
    item.write_bytes(b"#!/bin/true\n")
    os.chown(item, 0, 60801)
    item.chmod(0o755)
    revision_2, effective, net_raw = 0x02000000, 1, 1 << 13
    capability = struct.pack("<5I", revision_2 | effective, net_raw, 0, 0, 0)
    os.setxattr(item, "security.capability", capability)
    before = Facts.of(item)

    def look() -> None:
        assert Facts.of(item) == before

    there_and_back(tree, common_path / "state", look)
