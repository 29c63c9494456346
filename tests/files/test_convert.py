"""The protocol for one item: what happens between two of its steps decides what becomes of it.

Each test is played in a fork, whose process is the converter; who interferes is another process or comes by
path, as applications do. `tests/races` lets them all run at once instead.
"""

import os
import random
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from cscd.files.convert import OPEN_ITEM
from cscd.files.outcome import Reason
from tests.files.stepping import STEPS, Stepper
from tests.support import forks, openers, passes
from tests.support.passes import ENCRYPTED, UNENCRYPTED
from tests.support.waiting import wait_until

CONTENT = random.randbytes(70_000)
BEFORE_THE_EXCHANGE = ("begin", "copy")
AFTER_THE_EXCHANGE = ("commit", "settle")


@pytest.fixture
def item(tmp_path: Path) -> Path:
    """Make an item alone in a directory."""
    path = tmp_path / "item"
    path.write_bytes(CONTENT)
    return path


def play(
    item: Path, until: str, meanwhile: Callable[[Stepper], object], *, background: bool = True
) -> Reason | None:
    """Convert an item, have something happen after a step, and return why it was left alone, if it was."""

    def convert() -> Reason | None:
        with Stepper(item, passes.goal(ENCRYPTED, background=background)) as stepper:
            meanwhile(stepper.until(until))
            return stepper.rest()

    return forks.call(convert, first=lambda: None)


def assert_alone(item: Path, *, encrypted: bool, content: bytes = CONTENT) -> None:
    """The item is in that state and whole, and nothing else is in its directory."""
    assert os.listdir(item.parent) == [item.name]
    assert passes.is_encrypted(item.read_bytes()) is encrypted
    assert passes.plain(item.read_bytes()) == content


def test_undisturbed_it_is_converted(item: Path) -> None:
    """Without anybody else the item is encrypted in the end."""
    assert play(item, "begin", lambda _: None) is None
    assert_alone(item, encrypted=True)


@pytest.mark.parametrize("step", STEPS[:-1])
def test_given_up_at_any_step_nothing_is_torn(item: Path, step: str) -> None:
    """Closed after any step, the item is whole; before the exchange there is no trace of us."""

    def give_up() -> None:
        with Stepper(item, passes.goal(ENCRYPTED)) as stepper:
            stepper.until(step)

    forks.call(give_up, first=lambda: None)
    assert passes.plain(item.read_bytes()) == CONTENT
    if step in BEFORE_THE_EXCHANGE:
        assert_alone(item, encrypted=False)


@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_WRONLY, os.O_RDWR])
@pytest.mark.parametrize("step", BEFORE_THE_EXCHANGE)
def test_whoever_opens_it_before_the_exchange_has_it(item: Path, step: str, flags: int) -> None:
    """In the background we give way: he is let in at once, and the item stays as it is."""

    def open_it(_: Stepper) -> None:
        with openers.holding(item, flags):
            pass

    assert play(item, step, open_it) is Reason.OPENED_MEANWHILE
    assert_alone(item, encrypted=False)


@pytest.mark.parametrize("step", [*BEFORE_THE_EXCHANGE, "commit"])
def test_in_the_foreground_he_waits_and_gets_the_new_version(item: Path, step: str) -> None:
    """Without Background an opener is let in when the item has been converted."""

    def convert() -> tuple[Reason | None, bool]:
        read: list[bytes] = []
        with Stepper(item, passes.goal(ENCRYPTED, background=False)) as stepper:
            stepper.until(step)
            opener = threading.Thread(target=lambda: read.append(item.read_bytes()))
            opener.start()
            reason = stepper.rest()
        opener.join()
        return reason, passes.plain(read[0]) == CONTENT

    assert forks.call(convert, first=lambda: None) == (None, True)
    assert_alone(item, encrypted=True)


def change_mode(item: Path) -> None:
    """Change what does not need the file open."""
    item.chmod(0o640)


def touch(item: Path) -> None:
    """Set the times by path."""
    os.utime(item, ns=(1, 2))


def set_attribute(item: Path) -> None:
    """Set an attribute by path."""
    os.setxattr(item, "user.new", b"value")


def save(item: Path) -> None:
    """Save as editors do."""
    other = item.with_name("editor's")
    other.write_bytes(CONTENT)
    other.chmod(0o604)
    other.rename(item)


def link(item: Path) -> None:
    """Give it a second name, and take that away."""
    other = item.with_name("link")
    other.hardlink_to(item)
    other.unlink()


@pytest.mark.parametrize("step", BEFORE_THE_EXCHANGE)
@pytest.mark.parametrize("change", [change_mode, touch, set_attribute, save, link])
def test_what_changes_before_the_exchange_stays_changed(
    item: Path, step: str, change: Callable[[Path], None]
) -> None:
    """A copy of what the item was before is not put in its place."""
    assert play(item, step, lambda _: change(item)) is Reason.CHANGED_MEANWHILE
    assert_alone(item, encrypted=False)


@pytest.mark.parametrize("step", AFTER_THE_EXCHANGE)
@pytest.mark.parametrize("change", [change_mode, touch, set_attribute])
def test_what_changes_after_the_exchange_changes_the_new_version(
    item: Path, step: str, change: Callable[[Path], None]
) -> None:
    """From the exchange on the name leads to the new version: it is changed and stays."""
    assert play(item, step, lambda _: change(item)) is None
    assert_alone(item, encrypted=True)
    if change is change_mode:
        assert item.stat().st_mode & 0o777 == 0o640
    elif change is touch:
        assert item.stat().st_mtime_ns == 2
    else:
        assert os.getxattr(item, "user.new") == b"value"


@pytest.mark.parametrize("step", STEPS[:-1])
def test_an_item_that_is_deleted_does_not_come_back(item: Path, step: str) -> None:
    """Whenever the user deletes it, it is gone, and so is all that was made of it."""
    reason = play(item, step, lambda _: item.unlink())
    assert reason is (None if step in AFTER_THE_EXCHANGE else Reason.CHANGED_MEANWHILE)
    assert os.listdir(item.parent) == []


@pytest.mark.parametrize("step", STEPS[:-1])
def test_an_item_that_is_renamed_is_there_under_its_new_name(item: Path, step: str) -> None:
    """Whenever the user renames it, it is there once, whole, old or new."""
    moved = item.with_name("moved")
    reason = play(item, step, lambda _: item.rename(moved))
    assert reason is (None if step in AFTER_THE_EXCHANGE else Reason.CHANGED_MEANWHILE)
    assert_alone(moved, encrypted=step in AFTER_THE_EXCHANGE)


@pytest.mark.parametrize("step", AFTER_THE_EXCHANGE)
def test_what_an_editor_saves_after_the_exchange_stays(item: Path, step: str) -> None:
    """A file saved over the new version is newer than both of ours."""
    play(item, step, lambda _: save(item))
    assert_alone(item, encrypted=False)


@pytest.mark.parametrize("step", AFTER_THE_EXCHANGE)
def test_a_late_writer_on_the_old_version_gets_the_item_back(item: Path, step: str) -> None:
    """Who looked the path up before the exchange and opens what he found after it, loses no write."""

    def convert() -> Reason | None:
        late = os.open(item, os.O_PATH)  # looked up, not yet opened
        writers: list[threading.Thread] = []
        with Stepper(item, passes.goal(ENCRYPTED)) as stepper:
            stepper.until(step)
            came = threading.Event()

            def write() -> None:
                came.set()
                with open(f"/proc/self/fd/{late}", "ab") as file:
                    file.write(b"late")

            writers.append(threading.Thread(target=write))
            writers[0].start()
            came.wait()
            waits_in_open(writers[0])
            reason = stepper.rest()
        writers[0].join()
        return reason

    reason = forks.call(convert, first=lambda: None)
    assert reason in (Reason.OPENED_MEANWHILE, Reason.CHANGED_MEANWHILE)
    assert_alone(item, encrypted=False, content=CONTENT + b"late")


def waits_in_open(thread: threading.Thread) -> None:
    """Wait until a thread of ours sleeps in the kernel, in the open(2) that a lease stops."""
    where = Path(f"/proc/self/task/{thread.native_id}/wchan")
    wait_until(lambda: "lease" in where.read_text(), "the writer waits")


def test_looking_leaves_no_trace(item: Path) -> None:
    """An item that is opened and not converted keeps its access time."""
    os.utime(item, ns=(1, 2))
    assert OPEN_ITEM & os.O_NOATIME
    play(item, "copy", lambda _: change_mode(item))
    assert item.stat().st_atime_ns == 1


def test_a_program_can_be_run_as_soon_as_it_is_there(tmp_path: Path) -> None:
    """An executable item never meets "text file busy" because of our descriptor."""
    program = tmp_path / "program"
    program.write_bytes(b"#!/bin/sh\nexit 7\n")
    program.chmod(0o755)

    def convert() -> tuple[Reason | None, int]:
        with Stepper(program, passes.goal(ENCRYPTED)) as stepper:
            assert stepper.rest() is None
        with Stepper(program, passes.goal(UNENCRYPTED)) as stepper:
            stepper.until("settle")
            code = subprocess.run([program], check=False).returncode
            return stepper.rest(), code

    reason, code = forks.call(convert, first=lambda: None)
    assert code == 7
    assert reason in (None, Reason.CHANGED_MEANWHILE, Reason.KEPT_BOTH)
