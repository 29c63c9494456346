"""What a killed pass left behind is recognised by what it is, and nothing else is touched."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from cscd.files.lease import LeaseWatch
from cscd.files.leftover import clean, may_be_leftover
from cscd.files.outcome import LeftAlone, Reason
from cscd.files.temporary import SecondName, create_newborn
from tests.support import passes

OLD = b"the old version"
NEW = passes.encrypted(OLD)
TIME = 1_234_567_890_123_456_789


@dataclass(frozen=True, slots=True)
class Place:
    """A directory with an item and the leftover of its conversion."""

    directory: int
    item: Path
    second: Path

    def clean(self, name: str = "") -> bool:
        """Deal with the leftover as a pass does."""
        return clean(self.directory, name or self.second.name) is not None

    def names(self) -> list[str]:
        """Return what is in the directory."""
        return sorted(os.listdir(self.directory))


@pytest.fixture
def linked(tmp_path: Path) -> Iterator[Place]:
    """Leave what a pass leaves that was killed before the exchange: the new version under the second name."""
    item, new = tmp_path / "item", tmp_path / "new"
    for path, content in ((item, OLD), (new, NEW)):
        path.write_bytes(content)
        os.utime(path, ns=(TIME, TIME))
    second = new.rename(tmp_path / str(SecondName.of(item.stat(), new.stat().st_ino)))
    directory = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    with LeaseWatch():
        yield Place(directory, item, second)
    os.close(directory)


@pytest.fixture
def exchanged(linked: Place) -> Place:
    """Leave what a pass leaves that was killed after the exchange: the old version under the second name."""
    aside = linked.item.rename(linked.item.with_name("aside"))
    linked.second.rename(linked.item)
    aside.rename(linked.second)
    return linked


def test_new_version_never_exchanged_is_deleted(linked: Place) -> None:
    """A new version that never got the item's name is deleted, and the item is as it was."""
    assert linked.clean()
    assert linked.names() == ["item"]
    assert linked.item.read_bytes() == OLD


def test_old_version_is_deleted(exchanged: Place) -> None:
    """An old version that nobody has changed since the exchange is deleted."""
    assert exchanged.clean()
    assert exchanged.names() == ["item"]
    assert exchanged.item.read_bytes() == NEW


def test_old_version_is_deleted_when_the_item_is_gone(exchanged: Place) -> None:
    """An old version is superseded also when the user has since deleted the item."""
    exchanged.item.unlink()
    assert exchanged.clean()
    assert exchanged.names() == []


def test_old_version_written_to_is_given_back(exchanged: Place) -> None:
    """A writer that came upon the old version when the pass had been killed gets the item back."""
    with exchanged.second.open("ab") as file:
        file.write(b", and more")
    assert exchanged.clean()
    assert exchanged.names() == ["item"]
    assert exchanged.item.read_bytes() == OLD + b", and more"


def test_given_back_it_keeps_what_was_set_since(exchanged: Place) -> None:
    """Mode and attributes that the user has set since the kill were set on the name, so they stay with it."""
    exchanged.item.chmod(0o600)
    os.setxattr(exchanged.item, "user.note", b"set")
    exchanged.second.write_bytes(b"late")
    assert exchanged.clean()
    assert exchanged.item.read_bytes() == b"late"
    assert exchanged.item.stat().st_mode & 0o7777 == 0o600
    assert os.getxattr(exchanged.item, "user.note") == b"set"


def test_a_forged_name_replaces_nothing(linked: Place) -> None:
    """A name that speaks of two files which are no versions of each other is a user's."""
    victim, forged = linked.item.with_name("victim"), linked.item.with_name("forged")
    victim.write_bytes(b"what the user wrote")
    forged.write_bytes(b"what somebody else put into an archive")
    status = victim.stat()
    says = SecondName(forged.stat().st_ino, status.st_ino, status.st_mtime_ns, 0)
    name = forged.rename(forged.with_name(str(says))).name
    assert not linked.clean(name)
    assert victim.read_bytes() == b"what the user wrote"


def test_old_version_written_to_is_given_back_under_a_new_name(exchanged: Place) -> None:
    """The item is found by its inode, whatever the user has renamed it to."""
    moved = exchanged.item.rename(exchanged.item.with_name("moved"))
    exchanged.second.write_bytes(b"late")
    assert exchanged.clean()
    assert exchanged.names() == ["moved"]
    assert moved.read_bytes() == b"late"


def test_both_versions_changed_are_kept(exchanged: Place) -> None:
    """When the item has been changed as well, both versions stay, and the pass says so."""
    exchanged.second.write_bytes(b"late")
    exchanged.item.write_bytes(b"newer")
    with pytest.raises(LeftAlone) as left:
        exchanged.clean()
    assert left.value.reason is Reason.KEPT_BOTH
    assert (exchanged.item.read_bytes(), exchanged.second.read_bytes()) == (b"newer", b"late")


def test_both_are_kept_while_the_item_is_open(exchanged: Place) -> None:
    """An item that somebody has open is not taken from under them."""
    exchanged.second.write_bytes(b"late")
    with exchanged.item.open("rb"):
        with pytest.raises(LeftAlone) as left:
            exchanged.clean()
        assert left.value.reason is Reason.KEPT_BOTH
    assert exchanged.clean(), "it is given back once the item is closed"
    assert exchanged.item.read_bytes() == b"late"


def test_old_version_written_to_is_the_users_when_the_item_is_gone(exchanged: Place) -> None:
    """What was written to the old version of an item that is no longer there is a file like any other."""
    exchanged.second.write_bytes(b"late")
    exchanged.item.unlink()
    assert not exchanged.clean()
    assert exchanged.second.read_bytes() == b"late"


@pytest.mark.parametrize("mode", ["rb", "ab"])
@pytest.mark.parametrize("state", ["linked", "exchanged"])
def test_open_leftover_is_left(request: pytest.FixtureRequest, state: str, mode: str) -> None:
    """A leftover that somebody has open, reading or writing, is left for later."""
    place: Place = request.getfixturevalue(state)
    with place.second.open(mode):
        with pytest.raises(LeftAlone) as left:
            place.clean()
        assert left.value.reason is Reason.OPEN_ELSEWHERE
    assert place.clean()
    assert place.names() == ["item"]


def test_leftover_being_named_is_gone(linked: Place) -> None:
    """A name that has gone by the time we look needs nothing."""
    linked.second.unlink()
    assert linked.clean()


@pytest.mark.parametrize(
    "name",
    [
        ".cscd-notes",
        ".cscd-1-2-3",
        ".cscd-1-2-3-4",
        ".cscd-1-2-3-4-5",
        ".cscd-new-plan",
        ".cscd-",
        ".cscd-G-2-3-4",
    ],
)
def test_users_file_that_looks_like_one(linked: Place, name: str) -> None:
    """A file of the user's that only begins like one of ours, or has numbers of no file here, is an item."""
    path = linked.item.with_name(name)
    path.write_bytes(b"mine")
    assert may_be_leftover(name)
    assert not linked.clean(name)
    assert path.read_bytes() == b"mine"


def test_users_copy_under_the_very_name(exchanged: Place) -> None:
    """A file that the user has put under the second name itself has another inode, and is not ours."""
    exchanged.second.unlink()
    keeper = exchanged.item.with_name("keeper")  # so that the inode number is not used again at once
    keeper.touch()
    exchanged.second.write_bytes(b"mine")
    assert exchanged.second.stat().st_ino != SecondName.parse(exchanged.second.name).old_inode  # type: ignore[union-attr]
    assert not exchanged.clean()
    assert exchanged.second.read_bytes() == b"mine"


def test_new_version_written_to_is_the_users(linked: Place) -> None:
    """A new version that somebody found under its second name and changed is not deleted."""
    linked.second.write_bytes(b"changed")
    assert not linked.clean()
    assert linked.second.read_bytes() == b"changed"


def test_leftover_with_another_name_is_the_users(linked: Place) -> None:
    """A leftover that the user has given a second name, which is to keep it, is not deleted."""
    other = linked.item.with_name("kept")
    other.hardlink_to(linked.second)
    assert not linked.clean()
    assert linked.names() == sorted([linked.second.name, "item", "kept"])


@pytest.mark.parametrize("make", ["symlink", "directory", "fifo"])
def test_other_kinds_of_files(linked: Place, make: str) -> None:
    """A link, directory or FIFO of such a name is not followed, entered, waited for or touched."""
    name = ".cscd-1-2-3-4"
    path = linked.item.with_name(name)
    if make == "symlink":
        path.symlink_to(linked.item)
    elif make == "directory":
        path.mkdir()
    else:
        os.mkfifo(path)
    with suppress(LeftAlone):
        assert not linked.clean(name)
    assert os.path.lexists(path)
    assert linked.item.read_bytes() == OLD


def test_newborn_is_deleted(linked: Place) -> None:
    """A named copy whose conversion was killed is deleted; while it is being written it is left."""
    name, fd = create_newborn(linked.directory)
    os.write(fd, b"half")
    with pytest.raises(LeftAlone) as left:
        linked.clean(name)
    assert left.value.reason is Reason.OPEN_ELSEWHERE
    os.close(fd)
    assert linked.clean(name)
    assert name not in linked.names()
