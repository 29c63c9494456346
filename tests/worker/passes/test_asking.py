"""A pass that asks before and after each item, with a daemon played by the test that answers."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from cscd.files.goal import State
from cscd.worker.messages import Go, ItemBegins, ItemEnds, PassEnded, PassProgress, Ping, Pong, StopPass
from tests.support import passes, requires, workers
from tests.support.openers import holding
from tests.support.passes import ENCRYPTED, UNENCRYPTED
from tests.support.waiting import wait_until
from tests.support.workers import Worker

CONTENT = b"as an application left it"
ANOTHER = "abc"
Word = Literal["continue", "retry", "abort"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Make an empty root."""
    path = tmp_path / "cache"
    path.mkdir()
    return path


@pytest.fixture
def worker(root: Path, tmp_path: Path) -> Iterator[Worker]:
    """Start a worker for the root."""
    with workers.worker(root, state=tmp_path / "state", nice=7, io="idle") as started:
        yield started


def is_encrypted(item: Path) -> bool:
    """Whether an item is encrypted, told without opening it: that would be a conflict."""
    return item.stat().st_size > len(CONTENT)


@dataclass(frozen=True, slots=True)
class Asked:
    """A pass that asks, as the daemon sees it."""

    worker: Worker
    pass_id: str

    def begins(self) -> ItemBegins:
        """Wait for the next item to begin."""
        return self.worker.expect(ItemBegins)

    def ends(self) -> ItemEnds:
        """Wait for the item at hand to end."""
        return self.worker.expect(ItemEnds)

    def go(self, about: ItemBegins | ItemEnds, answer: Word = "continue") -> None:
        """Answer."""
        self.worker.send(Go(pass_id=self.pass_id, number=about.number, answer=answer))

    def item(self, answer: Word = "continue") -> ItemEnds:
        """See one item through, and answer what came of it."""
        begun = self.begins()
        self.go(begun)
        ended = self.ends()
        assert (ended.number, ended.path) == (begun.number, begun.path)
        self.go(ended, answer)
        return ended

    def rest(self) -> list[ItemEnds]:
        """Let all that is left be done."""
        ended: list[ItemEnds] = []
        while isinstance(said := self.next(), ItemBegins):
            self.go(said)
            ended.append(self.ends())
            self.go(ended[-1])
        return ended

    def next(self) -> ItemBegins | ItemEnds | PassEnded:
        """Wait for whatever comes next of the pass, and leave the end of the pass to `end`."""
        wanted = (ItemBegins, ItemEnds, PassEnded)
        self.worker.until(lambda: any(isinstance(each, wanted) for each in self.worker.said), "it goes on")
        said = next(each for each in self.worker.said if isinstance(each, wanted))
        if not isinstance(said, PassEnded):
            self.worker.said.remove(said)
        return said

    def end(self) -> PassEnded:
        """Wait for the end of the pass, which says nothing more of items."""
        ended = self.worker.expect(PassEnded, lambda each: each.pass_id == self.pass_id)
        assert not any(isinstance(each, ItemBegins | ItemEnds) for each in self.worker.said)
        return ended


def ask(worker: Worker, to: State = ENCRYPTED, *, background: bool = False) -> Asked:
    """Start a pass that asks."""
    return Asked(worker, worker.start(to=to, background=background, telling="asked"))


def test_each_item_waits_for_both_answers(root: Path, worker: Worker) -> None:
    """It is untouched before the first, done at the second, and the next one waits for that."""
    items = [root / name for name in "abc"]
    for item in items:
        item.write_bytes(CONTENT)
    asked = ask(worker)
    done: list[Path] = []
    for number in range(1, 4):
        begun = asked.begins()
        assert begun.number == number
        worker.send(Ping(number=number))
        worker.expect(Pong)  # the waiting is the pass's alone
        assert [item for item in items if is_encrypted(item)] == sorted(done)
        asked.go(begun)
        ended = asked.ends()
        assert (ended.number, ended.path, ended.reason) == (number, begun.path, "")
        done.append(Path(ended.path))
        assert [item for item in items if is_encrypted(item)] == sorted(done)
        worker.send(Ping(number=number))
        worker.expect(Pong)
        assert not any(isinstance(said, ItemBegins) for said in worker.said)
        asked.go(ended)
    report = asked.end()
    assert (report.converted, report.complete, report.partial, report.stopped) == (3, True, False, False)
    assert {passes.plain(item.read_bytes()) for item in items} == {CONTENT}


def test_nobody_is_asked_about_what_is_right(root: Path, worker: Worker) -> None:
    """Known to the index or not, empty, a link: there is nothing to decide."""
    (root / "item").write_bytes(CONTENT)
    worker.run_pass()
    (root / "empty").touch()
    (root / "link").symlink_to("item")
    os.utime(root / "item")  # the index does not know it any more
    (root / "other").write_bytes(CONTENT)
    asked = ask(worker)
    assert [Path(ended.path).name for ended in asked.rest()] == ["other"]
    ended = asked.end()
    assert (ended.converted, ended.partial) == (1, False)
    assert ended.right in (1, 2)  # what the watch hints at as well is looked at twice


@pytest.mark.parametrize("background", [False, True])
def test_an_item_in_use_can_be_tried_again(root: Path, worker: Worker, background: bool) -> None:
    """As often as the answer is retry, each time with a number of its own, and it counts once."""
    item = root / "item"
    item.write_bytes(CONTENT)
    asked = ask(worker, background=background)
    with holding(item):
        assert [asked.item("retry").reason for _ in range(3)] == ["open_elsewhere"] * 3
        begun = asked.begins()
        assert (begun.number, begun.path) == (4, str(item))
    asked.go(begun)
    ended = asked.ends()
    assert (ended.number, ended.reason) == (4, "")
    asked.go(ended)
    report = asked.end()
    assert (report.converted, report.pending, report.reasons, report.partial) == (1, 0, (), False)
    assert is_encrypted(item)


def test_what_is_left_in_use_is_the_workers_to_retry(root: Path, worker: Worker) -> None:
    """Not in the pass: afterwards, like that of any other pass."""
    item = root / "item"
    item.write_bytes(CONTENT)
    asked = ask(worker)
    with holding(item):
        assert asked.item().reason == "open_elsewhere"
        ended = asked.end()
        assert (ended.pending, ended.partial, ended.complete) == (1, True, True)
        worker.event("item_retry_scheduled")
    worker.grant(ENCRYPTED)
    worker.until(lambda: is_encrypted(item), "it is encrypted")


def test_what_stays_is_asked_about_too(root: Path, worker: Worker) -> None:
    """Once a person has corrected it, trying again helps; it counts as what it is in the end."""
    (root / "item").write_bytes(CONTENT)
    os.link(root / "item", root.parent / "second name")
    asked = ask(worker)
    assert asked.item("retry").reason == "hard_linked"
    os.unlink(root.parent / "second name")
    assert asked.item().reason == ""
    ended = asked.end()
    assert (ended.converted, ended.failed, ended.reasons) == (1, 0, ())


@pytest.mark.root
def test_what_is_left_alone_unseen_is_asked_about_too(root: Path, worker: Worker) -> None:
    """Another user's file, which is found to be one again as long as it is."""
    item = root / "item"
    item.write_bytes(CONTENT)
    os.chown(item, 1, 1)
    asked = ask(worker)
    assert [asked.item("retry").reason for _ in range(2)] == ["not_own"] * 2
    begun = asked.begins()
    os.chown(item, 0, 0)
    asked.go(begun)
    ended = asked.ends()
    assert ended.reason == ""
    asked.go(ended)
    report = asked.end()
    assert (report.converted, report.reasons, report.complete) == (1, (), True)


def test_abort_before_an_item_leaves_it_as_it_is(root: Path, worker: Worker) -> None:
    """What was done before is kept, and the pass says that it was stopped."""
    for name in "abc":
        (root / name).write_bytes(CONTENT)
    asked = ask(worker)
    asked.item()
    asked.go(asked.begins(), "abort")
    ended = asked.end()
    assert (ended.stopped, ended.complete, ended.partial) == (True, False, True)
    assert ended.converted == 1
    assert ended.untouched >= 2
    assert sum(map(is_encrypted, root.iterdir())) == 1
    again = ask(worker)
    assert len(again.rest()) == 2
    assert again.end().complete


def test_abort_after_an_item_keeps_it(root: Path, worker: Worker) -> None:
    """In the new state, and counted."""
    for name in "abc":
        (root / name).write_bytes(CONTENT)
    asked = ask(worker)
    assert asked.item("abort").reason == ""
    ended = asked.end()
    assert (ended.stopped, ended.converted) == (True, 1)
    assert ended.untouched >= 2
    assert sum(map(is_encrypted, root.iterdir())) == 1


@pytest.mark.parametrize("begun", [True, False])
def test_a_stop_while_it_waits_ends_it_at_once(root: Path, worker: Worker, begun: bool) -> None:
    """Before or after the item; an answer that comes too late is no mistake."""
    for name in "abc":
        (root / name).write_bytes(CONTENT)
    asked = ask(worker)
    said: ItemBegins | ItemEnds = asked.begins()
    if not begun:
        asked.go(said)
        said = asked.ends()
    at = time.monotonic()
    worker.send(StopPass(pass_id=asked.pass_id))
    ended = asked.end()
    assert time.monotonic() - at < 2
    assert (ended.stopped, ended.converted) == (True, int(not begun))
    assert ended.untouched >= 3 - ended.converted  # what the watch hints at as well counts twice
    asked.go(said)
    assert worker.run_pass().converted == 3 - int(not begun)


@pytest.mark.parametrize("begun", [True, False])
def test_the_end_of_the_stream_while_it_waits_leaves_no_process(
    root: Path, worker: Worker, begun: bool
) -> None:
    """Nothing waits for an answer that cannot come any more."""
    (root / "item").write_bytes(CONTENT)
    asked = ask(worker)
    said = asked.begins()
    if not begun:
        asked.go(said)
        asked.ends()
    processes = worker.descendants()
    assert len(processes) >= 2  # the pass, and its converter
    assert worker.hang_up() == 0
    wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in processes), "nothing is left")
    assert is_encrypted(root / "item") is not begun


@pytest.mark.parametrize("number", [0, 2, 9])
def test_an_answer_to_what_was_not_asked_ends_the_worker(root: Path, worker: Worker, number: int) -> None:
    """It does nothing on behalf of a daemon that it does not understand."""
    (root / "item").write_bytes(CONTENT)
    asked = ask(worker)
    asked.begins()
    worker.send(Go(pass_id=asked.pass_id, number=number, answer="continue"))
    assert worker.wait() == 1
    assert not is_encrypted(root / "item")


def test_an_answer_for_another_pass_means_nothing(root: Path, worker: Worker) -> None:
    """It may have crossed the message that the pass has ended."""
    (root / "item").write_bytes(CONTENT)
    worker.send(Go(pass_id=ANOTHER, number=1, answer="abort"))
    asked = ask(worker)
    begun = asked.begins()
    worker.send(Go(pass_id=ANOTHER, number=begun.number, answer="abort"))
    asked.go(begun)
    ended = asked.ends()
    assert ended.reason == ""
    asked.go(ended)
    assert not asked.end().stopped


def test_an_answer_in_a_pass_that_does_not_ask_ends_the_worker(root: Path, worker: Worker) -> None:
    """As any message that makes no sense."""
    with (root / "item").open("wb") as item:
        item.truncate(400 << 20)
    pass_id = worker.start(telling="told")
    worker.expect(ItemBegins)
    worker.send(Go(pass_id=pass_id, number=1, answer="continue"))
    assert worker.wait() == 1


def test_new_items_are_taken_while_it_waits(root: Path, worker: Worker) -> None:
    """They come next, before what has still to be done."""
    worker.run_pass()
    for number in range(20):
        (root / str(number)).write_bytes(CONTENT)
    asked = ask(worker)
    begun = asked.begins()
    (root / "new").write_bytes(CONTENT)
    asked.go(begun)
    ended = asked.ends()
    told = [Path(ended.path).name]
    while "new" not in told:
        asked.go(ended)
        begun = asked.begins()
        told.append(Path(begun.path).name)
        asked.go(begun)
        ended = asked.ends()
        assert ended.reason == ""
    asked.go(ended)
    rest = [Path(each.path).name for each in asked.rest()]
    assert len(told) + len(rest) == 21
    report = asked.end()
    assert (report.converted, report.complete, report.partial) == (21, True, False)


def test_unencrypting_asks_as_well(root: Path, worker: Worker) -> None:
    """In every root, with numbers that go on."""
    for name in "abc":
        (root / name).write_bytes(CONTENT)
    worker.run_pass()
    asked = ask(worker, UNENCRYPTED)
    assert [ended.number for ended in asked.rest()] == [1, 2, 3]
    assert asked.end().converted == 3
    assert {item.read_bytes() for item in root.iterdir()} == {CONTENT}


def test_only_the_background_makes_way(root: Path, worker: Worker) -> None:
    """The processes of a pass that somebody waits for have the priority of the worker itself."""
    (root / "item").write_bytes(CONTENT)
    before = set(worker.descendants())
    requires.command("ionice")

    def rank(pid: int) -> tuple[int, str]:
        with os.popen(f"ionice -p {pid}") as answer:  # noqa: S605 - a number
            return os.getpriority(os.PRIO_PROCESS, pid), answer.read().strip()

    ranks: dict[bool, set[tuple[int, str]]] = {}
    for background in (True, False):
        asked = ask(worker, background=background)
        begun = asked.begins()
        found = set(worker.descendants()) - before
        ranks[background] = set(map(rank, found))
        asked.go(begun, "abort")
        asked.end()
    own = rank(worker.pid)
    assert ranks[False] == {own}
    assert (max(7, own[0]), "idle") in ranks[True]


def test_progress_is_told_while_it_waits(root: Path, worker: Worker) -> None:
    """The daemon sees that the pass is alive, and may ask whether to stop."""
    (root / "item").write_bytes(CONTENT)
    asked = ask(worker)
    begun = asked.begins()
    progress = worker.expect(PassProgress)
    assert (progress.items, progress.found) == (0, 1)
    asked.go(begun, "abort")
    asked.end()
