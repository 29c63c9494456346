"""The worker of one user, in a process of its own, with a daemon played by the test."""

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cscd.files.tree import Tree
from cscd.worker.messages import PassEnded, PassProgress, Ping, Pong, StopPass, WantPass
from cscd.worker.passes.lock import only_pass
from tests.support import mounts, passes, workers
from tests.support.openers import holding
from tests.support.passes import ENCRYPTED, UNENCRYPTED
from tests.support.waiting import wait_until
from tests.support.workers import Worker

FIRST_LOOK = 1.0
"""Seconds until a root that is awaited is looked for without a hint."""

NO_SUCH = "abc"

CONTENT = b"as an application left it"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Make an empty root."""
    path = tmp_path / "cache"
    path.mkdir()
    return path


@pytest.fixture
def worker(root: Path, tmp_path: Path) -> Iterator[Worker]:
    """Start a worker for the root, which is empty and has had its first pass."""
    with workers.worker(root, state=tmp_path / "state") as started:
        started.run_pass()
        started.grant(ENCRYPTED)
        yield started


def is_encrypted(item: Path) -> bool:
    """Whether an item is encrypted, told without opening it: that would be a conflict."""
    try:
        return item.stat().st_size > len(CONTENT)
    except FileNotFoundError:
        return True  # a second name of an item, which is gone again


def wait_for(worker: Worker, item: Path) -> None:
    """Wait until an item is encrypted."""
    worker.until(lambda: is_encrypted(item), "it is encrypted")


def end(worker: Worker) -> None:
    """Hang up, and see that nothing of the worker is left."""
    processes = worker.descendants()
    assert worker.hang_up() == 0
    wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in processes), "nothing is left")


# -- passes ------------------------------------------------------------------------------------


def test_a_pass_brings_all_roots_into_the_state(tmp_path: Path) -> None:
    """One pass covers the roots one after the other and sums up what came of them."""
    roots = [tmp_path / "one", tmp_path / "two"]
    for root in roots:
        (root / "deep" / "down").mkdir(parents=True)
        (root / "item").write_bytes(CONTENT)
        (root / "deep" / "down" / "item").write_bytes(CONTENT)
        (root / "empty").touch()
    with workers.worker(*roots, state=tmp_path / "state") as worker:
        ended = worker.run_pass()
        assert (ended.complete, ended.partial, ended.stopped, ended.error) == (True, False, False, "")
        assert (ended.converted, ended.converted_bytes) == (4, 4 * len(CONTENT))
        assert [(each.reason, each.count) for each in ended.reasons] == [("empty", 2)]
        assert all(is_encrypted(item) for root in roots for item in root.rglob("item"))
        again = worker.run_pass()
        assert (again.converted, again.right) == (0, 4)
        back = worker.run_pass(to=UNENCRYPTED)
        assert (back.converted, back.partial) == (4, False)
        assert {item.read_bytes() for root in roots for item in root.rglob("item")} == {CONTENT}
        end(worker)


def test_a_ping_is_answered_during_a_pass(root: Path, worker: Worker) -> None:
    """The daemon is answered whatever is under way."""
    for number in range(300):
        (root / str(number)).write_bytes(CONTENT)
    worker.start()
    worker.send(Ping(number=7))
    assert worker.expect(Pong).number == 7
    worker.expect(PassEnded)


def test_only_successes_that_are_wanted_are_told(root: Path, tmp_path: Path) -> None:
    """At the level of the log that wants them, every item converted is told; else none."""
    (root / "item").write_bytes(CONTENT)
    with workers.worker(root, state=tmp_path / "state") as worker:
        worker.run_pass()
        assert [each.event for each in worker.events] == []
        worker.set_up(root, state=tmp_path / "state", successes=True)
        size = (root / "item").stat().st_size
        worker.run_pass(to=UNENCRYPTED)
        assert worker.event("item_unencrypted") == {"path": str(root / "item"), "size": size}


def test_a_key_that_is_none_fails_the_pass_and_not_the_worker(root: Path, worker: Worker) -> None:
    """What is wrong with a pass is said at its end; the next one is made."""
    (root / "item").write_bytes(CONTENT)
    worker.grant(None)
    pass_id = worker.start(recipients=("age1nonsense",))
    ended = worker.expect(PassEnded, lambda each: each.pass_id == pass_id)
    assert (ended.error, ended.complete, ended.partial) == ("key", False, True)
    assert worker.run_pass().complete
    assert is_encrypted(root / "item")


# -- new items ---------------------------------------------------------------------------------


def test_a_new_item_is_encrypted(root: Path, worker: Worker) -> None:
    """One pass over what was found is asked for, and looks at nothing else."""
    worker.grant(None)
    (root / "item").write_bytes(CONTENT)
    wanted = worker.expect(WantPass)
    assert (wanted.trigger, wanted.scope, wanted.items) == ("new_items", "found", 1)
    ended = worker.run_pass("found")
    assert (ended.converted, ended.right, ended.complete, ended.partial) == (1, 0, True, False)
    assert is_encrypted(root / "item")


def test_what_became_right_meanwhile_is_not_opened_again(root: Path, worker: Worker) -> None:
    """The index learns of new items, so that the next pass over everything knows them."""
    (root / "below").mkdir()
    for number in range(3):
        item = root / "below" / str(number)
        item.write_bytes(CONTENT)
        wait_for(worker, item)
        worker.expect(PassEnded, lambda ended: ended.converted == 1)
    (root / "below" / "0").chmod(0)  # not even to be opened, by anyone but root
    status = (root / "below" / "1").stat()
    worker.run_pass()
    assert (root / "below" / "1").stat().st_atime_ns == status.st_atime_ns


def test_a_new_directory_is_followed(root: Path, worker: Worker) -> None:
    """Whole trees that appear are found, however fast they were made."""
    for number in range(5):
        (root / f"new {number}" / "deep" / "down").mkdir(parents=True)
        (root / f"new {number}" / "deep" / "down" / "item").write_bytes(CONTENT)
    items = list(root.rglob("item"))
    worker.until(lambda: all(map(is_encrypted, items)), "all are encrypted")


def test_an_item_that_is_being_written_is_left_alone(root: Path, worker: Worker) -> None:
    """However long it takes, it is never converted before its last close."""
    item = root / "item"
    with item.open("wb") as writing:
        writing.write(CONTENT)
        writing.flush()
        os.link(item, root / "second")  # an event that may lead here, and a name that forbids it
        os.unlink(root / "second")
        (root / "other").write_bytes(CONTENT)
        worker.until(lambda: is_encrypted(root / "other"), "the other one is encrypted")
        worker.run_pass()
        assert item.read_bytes() == CONTENT
    worker.until(lambda: is_encrypted(item), "it is encrypted")
    assert passes.plain(item.read_bytes()) == CONTENT


def test_a_burst_is_few_passes(root: Path, worker: Worker) -> None:
    """Five thousand new files are all converted, most of them by the pass that the first ones were for."""
    for number in range(5000):
        (root / str(number)).write_bytes(CONTENT)
    items = list(root.iterdir())
    worker.until(lambda: all(map(is_encrypted, items)), "all are encrypted", deadline=60)
    assert sum(isinstance(message, PassEnded) for message in worker.said) < 20


def test_a_new_item_does_not_wait_for_the_end_of_a_pass(root: Path, tmp_path: Path) -> None:
    """A pass under way takes in what comes up, before what it has still to do."""
    for number in range(3000):
        (root / str(number)).write_bytes(CONTENT)
    with workers.worker(root, state=tmp_path / "state") as worker:
        worker.start()
        worker.until(lambda: any(map(is_encrypted, root.iterdir())), "the pass has begun to convert")
        (root / "new").write_bytes(CONTENT)
        worker.until(lambda: is_encrypted(root / "new"), "the new one is encrypted")
        assert not all(map(is_encrypted, root.iterdir()))
        assert not any(isinstance(message, PassEnded) for message in worker.said)
        assert worker.expect(PassEnded).complete


# -- items in use ------------------------------------------------------------------------------


def test_an_item_in_use_is_named_and_converted_once_it_is_closed(root: Path, worker: Worker) -> None:
    """Who holds it is told, when it is tried again, and that it is right in the end."""
    item = root / "item"
    item.write_bytes(CONTENT)
    worker.until(lambda: is_encrypted(item), "it is encrypted")
    worker.run_pass()
    worker.grant(None)
    with holding(item) as holder:
        ended = worker.run_pass(to=UNENCRYPTED)
        assert (ended.complete, ended.partial, ended.pending) == (True, True, 1)
        told = worker.event("item_skipped")
        assert (told["path"], told["reason"], told["attempt"]) == (str(item), "open_elsewhere", 1)
        assert [each["pid"] for each in told["holders"]] == [holder]
        assert worker.event("item_retry_scheduled")["attempt"] == 2
        worker.until(lambda: worker.standing and worker.standing.first, "what is wrong is told")
        assert worker.standing
        (stuck,) = worker.standing.first
        assert (stuck.path, stuck.holders[0].pid, bool(stuck.retry_at)) == (str(item), holder, True)
        worker.grant(UNENCRYPTED)
    worker.until(lambda: not is_encrypted(item), "it is unencrypted")
    resolved = worker.event("item_resolved")
    assert (resolved["outcome"], resolved["reason"]) == ("unencrypted", "open_elsewhere")
    worker.until(lambda: worker.standing and not worker.standing.pending, "nothing is wrong any more")


def test_waits_grow_while_an_item_is_in_use(root: Path, tmp_path: Path) -> None:
    """Retries come by themselves, each later than the one before, up to the longest wait."""
    item = root / "item"
    item.write_bytes(CONTENT)
    setup = {"retry_first": 0.05, "retry_longest": 0.4}
    with workers.worker(root, state=tmp_path / "state", **setup) as worker, holding(item):
        worker.grant(ENCRYPTED)
        worker.start()
        waits = [
            worker.event("item_retry_scheduled", attempt=attempt)["retry_seconds"] for attempt in range(2, 8)
        ]
        assert all(0.7 * wait <= waits[at] <= wait for at, wait in enumerate([0.05, 0.1, 0.2, 0.4, 0.4, 0.4]))


def test_an_item_that_is_gone_is_not_tried_for_ever(root: Path, worker: Worker) -> None:
    """Deleted while it waits, it is resolved by the next try."""
    item = root / "item"
    worker.grant(None)
    item.write_bytes(CONTENT)
    with holding(item):
        worker.run_pass()
        worker.grant(ENCRYPTED)
        worker.event("item_retry_scheduled")
        item.unlink()
        assert worker.event("item_resolved")["outcome"] == "gone"


def test_what_only_a_person_can_correct_is_told_as_failed(root: Path, worker: Worker) -> None:
    """It is no retry, and resolved by the pass that finds it in order."""
    item = root / "item"
    item.write_bytes(CONTENT)
    os.link(item, root.parent / "second name")
    worker.event("item_failed", reason="hard_linked")
    worker.until(lambda: worker.standing and worker.standing.failed, "it is told")
    os.unlink(root.parent / "second name")
    worker.run_pass()
    assert worker.event("item_resolved")["outcome"] == "encrypted"


# -- stopping ----------------------------------------------------------------------------------


def test_a_policy_can_flip_in_the_middle(root: Path, tmp_path: Path) -> None:
    """A pass is stopped and the opposite one started; in the end all is as the last one wants it."""
    for number in range(3000):
        (root / str(number)).write_bytes(CONTENT)
    with workers.worker(root, state=tmp_path / "state") as worker:
        pass_id = worker.start()
        worker.until(lambda: any(map(is_encrypted, root.iterdir())), "the pass has begun to convert")
        worker.send(StopPass(pass_id=pass_id))
        ended = worker.expect(PassEnded)
        assert (ended.stopped, ended.complete, ended.partial) == (True, False, True)
        assert 0 < ended.converted < 3000
        assert worker.run_pass(to=UNENCRYPTED).partial is False
        assert {item.read_bytes() for item in root.iterdir()} == {CONTENT}


def test_a_stop_for_a_pass_that_has_ended_means_nothing(worker: Worker) -> None:
    """It may have crossed the message that the pass has ended."""
    worker.send(StopPass(pass_id=NO_SUCH))
    assert worker.run_pass().complete


def test_what_was_found_outlives_a_stop(root: Path, worker: Worker) -> None:
    """New items that a stopped pass did not come to are asked for again."""
    worker.grant(None)
    for number in range(500):
        (root / str(number)).write_bytes(CONTENT)
    worker.expect(WantPass)
    worker.send(StopPass(pass_id=worker.start("found")))
    assert worker.expect(PassEnded).stopped
    assert worker.expect(WantPass).scope == "found"
    worker.grant(ENCRYPTED)
    worker.until(lambda: all(map(is_encrypted, root.iterdir())), "all are encrypted")


def test_the_end_of_the_stream_ends_everything(root: Path, tmp_path: Path) -> None:
    """In the middle of a pass, too: no process is left, and every item is whole."""
    for number in range(3000):
        (root / str(number)).write_bytes(CONTENT)
    with workers.worker(root, state=tmp_path / "state") as worker:
        worker.start()
        worker.until(lambda: any(map(is_encrypted, root.iterdir())), "the pass has begun to convert")
        end(worker)
    assert {passes.plain(item.read_bytes()) for item in root.iterdir()} == {CONTENT}


@pytest.mark.parametrize("garbage", [b"{", b'{"kind":"start_pass"}', b'{"kind":"ready"}'])
def test_a_message_that_is_none_ends_the_worker(worker: Worker, garbage: bytes) -> None:
    """It does nothing on behalf of what it does not understand."""
    processes = worker.descendants()
    worker.send_bytes(garbage)
    assert worker.wait() == 1
    wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in processes), "nothing is left")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_do_not_end_it(root: Path, worker: Worker, number: int) -> None:
    """A terminal's Ctrl-C and a stop of the whole service reach everybody; the daemon decides."""
    os.kill(worker.pid, number)
    (root / "item").write_bytes(CONTENT)
    worker.until(lambda: is_encrypted(root / "item"), "it is encrypted")


def test_it_survives_the_end_of_its_pass_process(root: Path, worker: Worker) -> None:
    """Killed by its user or for want of memory, it costs the pass, which is asked for again."""
    worker.grant(None)
    for number in range(3000):
        (root / str(number)).write_bytes(CONTENT)
    worker.expect(WantPass)
    worker.start("found")
    worker.until(lambda: any(map(is_encrypted, root.iterdir())), "the pass has begun to convert")
    for pid in worker.descendants():
        if f"\nPPid:\t{worker.pid}\n" in Path(f"/proc/{pid}/status").read_text(encoding="utf-8"):
            os.kill(pid, signal.SIGKILL)
    ended = worker.expect(PassEnded)
    assert (ended.error, ended.complete, ended.partial) == ("died", False, True)
    worker.expect(WantPass)
    worker.grant(ENCRYPTED)
    worker.until(lambda: all(map(is_encrypted, root.iterdir())), "all are encrypted")


# -- other passes ------------------------------------------------------------------------------


def test_a_root_where_somebody_else_is_at_work_does_not_stop_the_others(tmp_path: Path) -> None:
    """`cscd recheck` in one root: the others are done, and that one is asked for again."""
    roots = [tmp_path / "one", tmp_path / "two"]
    for root in roots:
        root.mkdir()
        (root / "item").write_bytes(CONTENT)
    with workers.worker(*roots, state=tmp_path / "state") as worker:
        with only_pass(str(tmp_path / "state"), Tree.open(str(roots[0]))):
            ended = worker.run_pass()
            assert (ended.error, ended.complete, ended.converted) == ("busy", False, 1)
            assert is_encrypted(roots[1] / "item")
        worker.grant(ENCRYPTED)
        worker.until(lambda: is_encrypted(roots[0] / "item"), "the other root is done, too")


def test_progress_is_told_once_a_second(root: Path, worker: Worker) -> None:
    """A pass that takes its time says how far it is."""
    worker.grant(None)
    (root / "large").write_bytes(bytes(400 << 20))
    worker.start()
    ended = worker.expect(PassEnded, deadline=60)
    told = [message for message in worker.said if isinstance(message, PassProgress)]
    assert len(told) <= ended.seconds
    assert all(each.found_bytes == 400 << 20 for each in told)


# -- setup and state ---------------------------------------------------------------------------


def test_its_own_state_is_spared(tmp_path: Path) -> None:
    """A state directory inside a root is never converted, nor is what lies in it."""
    root = tmp_path / "home"
    (root / ".local" / "cscd").mkdir(parents=True, mode=0o700)
    secret = root / ".local" / "cscd" / "identity"
    secret.write_bytes(CONTENT)
    (root / "item").write_bytes(CONTENT)
    with workers.worker(root, state=root / ".local" / "cscd") as worker:
        worker.grant(ENCRYPTED)
        assert worker.run_pass().partial is False
        secret.write_bytes(CONTENT)
        (root / "new").write_bytes(CONTENT)
        worker.until(lambda: is_encrypted(root / "new"), "the new item is encrypted")
        worker.run_pass()
    assert secret.read_bytes() == CONTENT
    assert is_encrypted(root / "item")


def test_a_new_setup_replaces_the_old_one(root: Path, tmp_path: Path, worker: Worker) -> None:
    """Roots come and go with the configuration, patterns change, and the watch goes with them."""
    other = tmp_path / "other"
    other.mkdir()
    worker.set_up(other, state=tmp_path / "state", exclude=("*.tmp",))
    worker.run_pass()
    (root / "item").write_bytes(CONTENT)
    (other / "item.tmp").write_bytes(CONTENT)
    (other / "item").write_bytes(CONTENT)
    worker.until(lambda: is_encrypted(other / "item"), "what is an item now is encrypted")
    worker.run_pass()
    assert (other / "item.tmp").read_bytes() == (root / "item").read_bytes() == CONTENT


def test_a_lost_index_is_told(root: Path, tmp_path: Path, worker: Worker) -> None:
    """It is built anew; that it was lost is worth knowing, that there was none yet is not."""
    assert "index_rebuilt" not in [each.event for each in worker.events]
    for index in (tmp_path / "state").glob("index-*"):
        index.write_bytes(b"no database at all, but long enough to be read as one")
    worker.run_pass()
    assert worker.event("index_rebuilt") == {"path": str(root), "reason": "damaged"}
    for index in (tmp_path / "state").glob("index-*"):
        index.unlink()
    worker.run_pass()
    assert worker.event("index_rebuilt")["reason"] == "missing"


def test_an_idle_worker_sleeps(worker: Worker) -> None:
    """With nothing to do it wakes up for nothing."""
    worker.until(lambda: worker.standing, "all has been said")
    before = switches(worker.pid)
    worker.send(Ping(number=1))
    worker.expect(Pong)
    assert switches(worker.pid) - before <= 2


def switches(pid: int) -> int:
    """Return how often a process has gone to sleep."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith("voluntary_ctxt_switches"))
    return int(line.split()[1])


# -- roots that come and go --------------------------------------------------------------------


def test_a_root_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    """It is no error; made later, it gets a pass, and is watched."""
    home = tmp_path / "home"
    root = home / "user" / "cache"
    with workers.worker(root, state=tmp_path / "state") as worker:
        assert worker.event("root_awaited") == {"path": str(root), "reason": "missing"}
        ended = worker.run_pass()
        assert (ended.complete, ended.partial) == (True, False)
        root.mkdir(parents=True)
        (root / "item").write_bytes(CONTENT)
        wanted = worker.expect(WantPass)
        assert (wanted.trigger, wanted.scope) == ("root_found", "all")
        found = worker.event("root_found")
        assert found["path"] == str(root)
        assert found["seconds"] < FIRST_LOOK, "no timer brought it, for there was a hint"
        worker.grant(ENCRYPTED)
        wait_for(worker, root / "item")
        worker.until(lambda: worker.standing and worker.standing.roots[0].state == "watched", "it is watched")
        (root / "new").write_bytes(CONTENT)
        wait_for(worker, root / "new")


def test_why_a_root_is_waited_for_is_told(tmp_path: Path) -> None:
    """And while it may hold items, nobody can say that all is right."""
    root = tmp_path / "root"
    root.write_bytes(b"")
    with workers.worker(root, state=tmp_path / "state") as worker:
        assert worker.event("root_awaited") == {"path": str(root), "reason": "not_a_directory"}
        assert worker.run_pass().partial


def test_a_root_that_is_removed_is_waited_for_again(root: Path, worker: Worker) -> None:
    """Removed and made anew, or replaced by another: what is there in the end is looked at."""
    shutil.rmtree(root)
    worker.event("root_awaited", reason="missing")
    root.mkdir()
    (root / "item").write_bytes(CONTENT)
    wait_for(worker, root / "item")


@pytest.mark.root
def test_a_root_that_is_unmounted_is_waited_for_until_it_is_mounted(tmp_path: Path) -> None:
    """The empty directory below is not taken for it."""
    home = tmp_path / "home"
    root = home / "cache"
    with mounts.tmpfs(home):
        root.mkdir()
        with workers.worker(root, state=tmp_path / "state") as worker:
            worker.grant(ENCRYPTED)
            worker.run_pass()
            mounts.run("umount", "--lazy", home)
            try:
                worker.event("root_awaited", reason="unmounted")
                root.mkdir()  # below the mount that is gone
                (root / "below").write_bytes(CONTENT)
            finally:
                mounts.run("mount", "-t", "tmpfs", "tmpfs", home)
            root.mkdir()
            (root / "item").write_bytes(CONTENT)
            worker.event("root_found")
            wait_for(worker, root / "item")
    assert (root / "below").read_bytes() == CONTENT


# -- much at once ------------------------------------------------------------------------------


def test_what_repeats_is_counted(root: Path, tmp_path: Path) -> None:
    """However many items fail, a bounded number of events tells of it, and how many more there were."""
    for number in range(300):
        (root / str(number)).write_bytes(CONTENT)
        os.link(root / str(number), tmp_path / f"link {number}")
    with workers.worker(root, state=tmp_path / "state") as worker:
        assert worker.run_pass().failed == 300
        told = [each for each in worker.events if each.event == "item_failed"]
        counted = worker.event("suppressed", suppressed_event="item_failed")
        assert len(told) + counted["count"] == 300
        assert len(told) <= 110
        worker.until(lambda: worker.standing and worker.standing.failed, "it is told")
        assert worker.standing
        assert [(each.reason, each.count) for each in worker.standing.failed] == [("hard_linked", 300)]
        assert 0 < len(worker.standing.first) <= 100


def test_an_item_that_is_looked_at_twice_counts_once(root: Path, worker: Worker) -> None:
    """The walk of a pass and the hints that it takes in may come upon the same item."""
    worker.grant(None)
    for number in range(300):
        (root / str(number)).write_bytes(CONTENT)
        os.link(root / str(number), root.parent / f"link {number}")
    assert worker.run_pass().failed == 300


def test_names_that_are_not_utf_8_are_told(root: Path, worker: Worker) -> None:
    """Any bytes can be a name."""
    item = Path(os.fsdecode(os.fsencode(root) + b"/\xff\n\xfe"))
    item.write_bytes(CONTENT)
    os.link(item, root.parent / "link")
    worker.event("item_failed", reason="hard_linked")
    worker.until(lambda: worker.standing and worker.standing.first, "it is named")
    assert worker.standing
    assert worker.standing.first[0].path == str(item)


def test_an_overflow_is_told_and_what_was_missed_is_found(root: Path, worker: Worker) -> None:
    """Where the kernel's queue was full, everything is looked at again."""
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text(encoding="ascii"))
    os.kill(worker.pid, signal.SIGSTOP)
    for number in range(most // 2 + 100):  # each is created and closed
        os.close(os.open(root / str(number % 100), os.O_CREAT | os.O_WRONLY))
        os.unlink(root / str(number % 100))
    (root / "unseen").write_bytes(CONTENT)
    os.kill(worker.pid, signal.SIGCONT)
    assert worker.event("watch_degraded")["reason"] == "overflow"
    wait_for(worker, root / "unseen")
    worker.event("watch_restored")
    (root / "seen").write_bytes(CONTENT)
    wait_for(worker, root / "seen")


def test_its_own_index_in_a_root_is_no_news(tmp_path: Path) -> None:
    """What a pass writes down does not bring about the next one."""
    root = tmp_path / "home"
    root.mkdir()
    (root / "item").write_bytes(CONTENT)
    with workers.worker(root, state=root / "state") as worker:
        worker.run_pass()
        for name in ("one", "two", "three"):
            (root / "state" / "noise").write_bytes(CONTENT)
            (root / name).write_bytes(CONTENT)
            assert worker.expect(WantPass).items == 1
            assert worker.run_pass("found").converted == 1
        assert not any(isinstance(message, WantPass) for message in worker.said)


def test_background_passes_make_way_and_the_lease_watch_does_not(root: Path, worker: Worker) -> None:
    """Converting has the configured priority; answering to whoever opens an item keeps the worker's."""
    worker.set_up(root, state=root.parent / "state", nice=7)
    before = set(worker.descendants())
    (root / "large").write_bytes(bytes(800 << 20))
    seen: set[frozenset[int]] = set()

    def converting() -> bool:
        for pid in set(worker.descendants()) - before:
            seen.add(frozenset(nice_values(pid)))
        return frozenset({0, 7}) in seen

    worker.until(converting, "a converter has threads of both priorities")


def nice_values(pid: int) -> list[int]:
    """Return the nice value of each thread of a process (field 19 in proc_pid_stat(5))."""
    values = []
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for task in os.listdir(f"/proc/{pid}/task"):
            status = Path(f"/proc/{pid}/task/{task}/stat").read_text(encoding="ascii", errors="replace")
            values.append(int(status.rpartition(")")[2].split()[16]))
    return values


def test_a_gigabyte_does_not_hold_up_the_end(root: Path, worker: Worker) -> None:
    """The service has five seconds to stop, whatever is under way; the file is as it was."""
    worker.grant(None)
    large = root / "large"
    with large.open("wb") as file:
        file.truncate(1 << 30)
    number = large.stat().st_ino
    worker.expect(WantPass)
    before = set(worker.descendants())
    worker.start("found")
    worker.until(lambda: len(set(worker.descendants()) - before) > 1, "it is being converted")
    began = time.monotonic()
    end(worker)
    assert time.monotonic() - began < 4
    assert large.stat().st_ino == number
