"""The item of the crash tests: made, looked at, and taken through a conversion or the next pass."""

import contextlib
import errno
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cscd import age
from cscd.age import AgeReader, X25519Identity
from cscd.files.batch import Converter, Order
from cscd.files.convert import Item
from cscd.files.goal import Goal, State
from cscd.files.lease import LeaseWatch
from cscd.files.leftover import clean, may_be_leftover
from cscd.files.outcome import LeftAlone, Result
from cscd.files.rewrite import Rewriter

IDENTITY: Final = X25519Identity.parse(
    "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"
)
"""The example of the age specification; it protects nothing."""

NEXT: Final = X25519Identity.generate()
"""The key that an item is rekeyed to; made anew for each run of the tests."""

NAME: Final = "item"
MIB: Final = 1 << 20
_ACL: Final = struct.pack("<I", 2) + b"".join(
    struct.pack("<HHI", *entry)
    for entry in (
        (0x01, 7, 0xFFFFFFFF),  # the owner
        (0x02, 4, 12_345),  # a user by name
        (0x04, 5, 0xFFFFFFFF),  # the group
        (0x10, 5, 0xFFFFFFFF),  # the mask
        (0x20, 0, 0xFFFFFFFF),  # everybody else
    )
)
"""system.posix_acl_access as in linux/posix_acl_xattr.h."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What an item must be, whichever version of it is there."""

    content: bytes
    mode: int
    owner: tuple[int, int]
    times: tuple[int, int]
    attributes: dict[str, bytes]


def small(path: Path) -> None:
    """Make an item that has all the metadata that there is, and odd times."""
    path.write_bytes(b"small, but with everything\n" * 50)
    if os.geteuid() == 0:
        os.chown(path, 0, 12_346)
    os.setxattr(path, "user.note", b"kept\0too")
    os.setxattr(path, "system.posix_acl_access", _ACL)
    path.chmod(0o4750)
    os.utime(path, ns=(1_234_567_890_123_456_789, 987_654_321_000_000_001))


def sparse(path: Path) -> None:
    """Make an item of several segments with holes in it, and one at its end."""
    with path.open("wb") as file:
        for at in (0, MIB + 70_000, 2 * MIB):
            file.seek(at)
            file.write(os.urandom(100_000))
        file.truncate(3 * MIB + 12_345)
    os.utime(path, ns=(1_111_111_111_111_111_111, 999_999_999_999_999_999))


def goal(state: State, *, background: bool = True, key: X25519Identity = IDENTITY) -> Goal:
    """Return the goal of a conversion into a state; with another key, items are brought to that."""
    recipient, identities = key.recipient, (IDENTITY, NEXT)
    return Goal(state, (recipient,), age.key_id(recipient), identities, background=background, rekey=True)


def key_of(path: Path) -> X25519Identity | None:
    """Return the key that an item is encrypted to, None if it is plain, without leaving a trace."""
    fd = os.open(path, os.O_RDONLY | os.O_NOATIME | os.O_CLOEXEC)
    try:
        content = os.pread(fd, 4096, 0)
    finally:
        os.close(fd)
    if not age.looks_like_age(content):
        return None
    marker = age.find(age.parse(content))
    assert marker
    (key,) = [key for key in (IDENTITY, NEXT) if age.key_id(key.recipient) == marker.key_id]
    return key


def convert(
    directory: Path, towards: Goal, ready: Callable[[], None], between: Callable[[], None] = lambda: None
) -> Result | None:
    """Convert the item in this process; `ready` is called just before, `between` between segments."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with LeaseWatch() as watch:
            converter = Converter(
                towards, os.fstat(fd).st_dev, watch, Rewriter(1), between, lambda _read: None
            )
            order = Order(fd, NAME)
            ready()
            converter.run([order])
            return order.result
    finally:
        with contextlib.suppress(OSError):  # where the test has even this call fail
            os.close(fd)


def convert_by_steps(
    directory: Path, towards: Goal, ready: Callable[[], None], exchanged: Callable[[], None]
) -> None:
    """Convert the item step by step; `exchanged` is called while both versions are there."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    with LeaseWatch() as watch:
        item = Item(fd, NAME, watch)
        ready()
        with contextlib.suppress(LeftAlone):
            make = item.begin(towards, os.fstat(fd).st_dev)
            assert make
            item.copy(make, Rewriter(1), check=lambda: None, count=lambda _read: None)
            os.fsync(item.new)
            item.commit()
            exchanged()
            item.settle()
            item.retire()
        item.close()


def next_pass(directory: Path, towards: Goal) -> None:
    """Do to a directory what the next pass does: deal with the leftovers, then convert."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with LeaseWatch():
            for name in os.listdir(fd):
                if may_be_leftover(name):
                    assert clean(fd, name), f"{name} was taken for the user's"
    finally:
        os.close(fd)
    convert(directory, towards, lambda: None)


def look(path: Path) -> tuple[Truth, State]:
    """Look at an item without leaving a trace; it must be whole, in either state."""
    fd = os.open(path, os.O_RDONLY | os.O_NOATIME | os.O_CLOEXEC)
    try:
        status = os.fstat(fd)
        if age.looks_like_age(os.pread(fd, 64, 0)):
            state = State.ENCRYPTED
            content = b"".join(map(bytes, AgeReader(fd, status.st_size, [IDENTITY, NEXT]).chunks()))
        else:
            state = State.UNENCRYPTED
            content = os.pread(fd, status.st_size, 0)
        attributes = {name: os.getxattr(fd, name) for name in os.listxattr(fd)}
    finally:
        os.close(fd)
    owner, times = (status.st_uid, status.st_gid), (status.st_atime_ns, status.st_mtime_ns)
    return Truth(content, status.st_mode, owner, times, attributes), state


def attributes_supported(path: Path) -> bool:
    """Whether the filesystem of a directory keeps ACLs and attributes."""
    probe = path / "probe"
    probe.touch()
    try:
        os.setxattr(probe, "user.note", b"")
        os.setxattr(probe, "system.posix_acl_access", _ACL)
    except OSError as error:
        if error.errno == errno.EOPNOTSUPP:
            return False
        raise
    finally:
        probe.unlink()
    return True
