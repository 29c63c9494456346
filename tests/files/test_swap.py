"""The exchange of two versions, with somebody else at the same names in between."""

import os
from pathlib import Path

import pytest

from cscd.files import kernel
from cscd.files.outcome import Gone, LeftAlone, Reason
from cscd.files.swap import Pair
from tests.support import openers


class Scene:
    """An item and its other version, in a directory of their own."""

    def __init__(self, directory: Path) -> None:
        self.item = directory / "item"
        self.item.write_bytes(b"old")
        self.fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        self.new = os.open(directory, os.O_TMPFILE | os.O_RDWR, 0o600)
        os.write(self.new, b"new")
        old = self.item.stat()
        os.utime(self.new, ns=(old.st_atime_ns, old.st_mtime_ns))
        self.pair = Pair.of(self.fd, "item", old, os.fstat(self.new).st_ino)
        self.second = directory / self.pair.second

    def link(self) -> "Scene":
        """Give the other version its name."""
        self.pair.link(self.new, "")
        return self

    def give_back_late(self) -> None:
        """Give the old version, which is under the second name, its name back."""
        old = os.open(self.second, os.O_RDONLY)
        try:
            self.pair.give_back_late(old)
        finally:
            os.close(old)

    def exchanged(self) -> "Scene":
        """Go past the exchange, with nobody having the new version open."""
        self.link().pair.exchange()
        os.close(self.new)
        return self

    def files(self) -> dict[str, bytes]:
        """Return everything in the directory."""
        return {path.name: path.read_bytes() for path in self.item.parent.iterdir()}

    def save(self) -> None:
        """Save the item as editors do."""
        saved = self.item.with_name("editor's")
        saved.write_bytes(b"saved")
        saved.rename(self.item)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Set the scene."""
    return Scene(tmp_path)


def test_the_exchange_puts_each_in_the_others_place(scene: Scene) -> None:
    """The item is the new version, and the old one is under the second name until it is deleted."""
    scene.exchanged()
    assert scene.files() == {"item": b"new", scene.second.name: b"old"}
    scene.pair.delete_second(scene.pair.old_inode)
    assert scene.files() == {"item": b"new"}


def test_putting_back_undoes_it(scene: Scene) -> None:
    """The old version is the item again, and the new one is what is left to delete."""
    superseded = scene.exchanged().pair.put_back()
    assert superseded == scene.pair.new_inode
    scene.pair.delete_second(superseded)
    assert scene.files() == {"item": b"old"}


def test_what_an_editor_saved_before_stays(scene: Scene) -> None:
    """An item replaced since it was read is not the one to exchange."""
    scene.link().save()
    with pytest.raises(LeftAlone) as caught:
        scene.pair.exchange()
    assert caught.value.reason is Reason.CHANGED_MEANWHILE
    scene.pair.discard()
    assert scene.files() == {"item": b"saved"}


def test_what_an_editor_saved_after_stays(scene: Scene) -> None:
    """An item saved between the exchange and its undoing is the newest: it stays, and ours go."""
    scene.exchanged().save()
    superseded = scene.pair.put_back()
    scene.pair.delete_second(superseded)
    assert scene.files()["item"] == b"saved"
    assert len(scene.files()) == 1


def test_an_item_that_is_gone_is_gone(scene: Scene) -> None:
    """Nothing comes back in place of what the user deleted before the exchange."""
    scene.link().item.unlink()
    with pytest.raises(Gone):
        scene.pair.exchange()
    scene.pair.discard()
    assert scene.files() == {}


def test_an_item_deleted_after_the_exchange_keeps_its_other_version(scene: Scene) -> None:
    """With the name gone there is no place to put back to: what would be lost is kept."""
    scene.exchanged().item.unlink()
    with pytest.raises(LeftAlone) as caught:
        scene.pair.put_back()
    assert caught.value.reason is Reason.KEPT_BOTH
    assert scene.files() == {scene.second.name: b"old"}


def test_only_the_expected_file_is_deleted(scene: Scene) -> None:
    """A second name that leads elsewhere is not ours to delete."""
    scene.link()
    scene.second.unlink()
    scene.second.write_bytes(b"a user's")
    scene.pair.discard()
    assert scene.files() == {"item": b"old", scene.second.name: b"a user's"}
    scene.second.unlink()
    scene.pair.discard()


def test_giving_back_late(scene: Scene) -> None:
    """The old version can have its name back as long as nobody has touched the new one."""
    scene.exchanged().give_back_late()
    assert scene.files() == {"item": b"old"}


@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_RDWR])
def test_both_are_kept_while_somebody_has_the_new_version_open(scene: Scene, flags: int) -> None:
    """Too late to give back unseen: nothing is deleted, and the reason names where the old version is."""
    scene.exchanged()
    with openers.holding(scene.item, flags):
        with pytest.raises(LeftAlone) as caught:
            scene.give_back_late()
        assert caught.value.reason is Reason.KEPT_BOTH
        assert scene.second.name in caught.value.detail
    assert scene.files() == {"item": b"new", scene.second.name: b"old"}


def test_both_are_kept_when_the_new_version_was_written_to(scene: Scene) -> None:
    """Somebody's writes to the new version are not thrown away for those to the old one."""
    scene.exchanged().item.write_bytes(b"written")
    with pytest.raises(LeftAlone) as caught:
        scene.give_back_late()
    assert caught.value.reason is Reason.KEPT_BOTH
    assert scene.files() == {"item": b"written", scene.second.name: b"old"}


def test_both_are_kept_when_the_new_version_was_moved(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a log that is rotated while its old version is given back, that version keeps the second name."""
    exchange = kernel.exchange

    def rotated(directory: int, one: str, other: str) -> None:
        monkeypatch.setattr(kernel, "exchange", exchange)
        scene.item.rename(scene.item.with_name("item.1"))
        scene.item.write_bytes(b"fresh")
        exchange(directory, one, other)

    scene.exchanged()
    monkeypatch.setattr(kernel, "exchange", rotated)
    with pytest.raises(LeftAlone) as caught:
        scene.give_back_late()
    assert caught.value.reason is Reason.KEPT_BOTH
    assert scene.files() == {"item": b"fresh", "item.1": b"new", scene.second.name: b"old"}
