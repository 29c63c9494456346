"""What the service says of itself: who sees what, and what becomes of what workers say."""

import json

import pytest

from cscd.daemon.telling.status import (
    MOST_HOLDERS,
    MOST_STUCK,
    HolderStatus,
    LastPass,
    Reasons,
    RootStatus,
    RunningPass,
    Status,
    StuckItem,
    seen_by,
    warnings,
)
from cscd.files.goal import State
from cscd.files.name import Name
from cscd.worker import messages
from tests.daemon import statuses

NAME = "ab"


def test_root_sees_everybody() -> None:
    """Nothing is left out."""
    assert seen_by(statuses.rich(), 0) == statuses.rich()


@pytest.mark.parametrize("uid, names", [(1000, ["alice"]), (1003, ["dora"]), (4242, []), (65534, [])])
def test_others_see_themselves(uid: int, names: list[str]) -> None:
    """And what concerns the machine."""
    seen = seen_by(statuses.rich(), uid)
    assert [user.name for user in seen.users] == names
    assert seen.model_copy(update={"users": statuses.rich().users}) == statuses.rich()


def test_more_than_is_named_is_cut() -> None:
    """Not refused: a worker that says much must not keep anybody from seeing the rest."""
    holders = tuple(HolderStatus(pid=pid, command="x" * 5000) for pid in range(50))
    item = StuckItem(path=Name.of("/cache"), reason="open_elsewhere", detail="x" * 5000, holders=holders)
    user = statuses.user(stuck=(item,) * 100)
    assert len(user.stuck) == MOST_STUCK
    assert len(user.stuck[0].holders) == MOST_HOLDERS
    assert len(user.stuck[0].detail) == len(user.stuck[0].holders[0].command) == 512


def test_an_answer_about_many_users_stays_short() -> None:
    """Whatever their workers say: each has an item named, and nobody waits for the answer that root gets."""
    item = messages.Stuck(
        path="/" + "x" * 4095,
        reason="open_elsewhere",
        detail="x" * 1024,
        holders=(messages.Holder(pid=1, command="x" * 1024),) * 16,
    )
    stuck = StuckItem.of([item] * messages.MOST_LISTED)
    users = [statuses.user(f"user{uid}", uid, partial=True, stuck=stuck) for uid in range(1, 501)]
    seen = seen_by(statuses.status(*users), 0)
    assert all(user.stuck for user in seen.users)
    assert len(seen.model_dump_json()) < 10 << 20
    few = statuses.status(*users[:10])
    assert seen_by(few, 0) == few


def test_it_survives_being_json() -> None:
    """Nothing is lost on the way to a command."""
    assert Status.model_validate_json(statuses.rich().model_dump_json()) == statuses.rich()


@pytest.mark.parametrize(
    "state, recipients, loud",
    [(State.ENCRYPTED, 0, True), (State.ENCRYPTED, 1, False), (State.UNENCRYPTED, 0, False)],
)
def test_encrypting_with_nobody_to_recover_is_said_loudly(state: State, recipients: int, loud: bool) -> None:
    """It is the one mistake that cannot be mended later."""
    assert bool(warnings(state, recipients)) is loud


def test_what_a_worker_says_of_items_is_taken_over() -> None:
    """The first of them, with names of whatever bytes, also such that no system call ever gave."""
    holder = messages.Holder(pid=7, command="vi\udc80m")
    item = messages.Stuck(
        path="/cache/\udcff", reason="open_elsewhere", holders=(holder,), attempts=2, retry_at=5.0
    )
    (first, *_) = items = StuckItem.of([item] * (MOST_STUCK + 5))
    assert len(items) == MOST_STUCK
    assert first.path.path == "/cache/\udcff"
    assert first.holders[0].command == "vi\N{REPLACEMENT CHARACTER}m"
    assert (first.reason, first.attempts, first.retry_at) == ("open_elsewhere", 2, 5.0)
    odd = StuckItem.of([messages.Stuck.model_construct(path="/\ud800", reason="x", detail="\ud800")])
    json.loads(odd[0].model_dump_json())


def test_what_a_worker_says_of_roots_and_reasons_is_taken_over() -> None:
    """Reasons of which there is none left are not named."""
    root = RootStatus.of(messages.RootStanding(path="/cache", state="awaited", reason="missing"))
    assert (root.path.text, root.state, root.reason) == ("/cache", "awaited", "missing")
    counts = [messages.ReasonCount(reason="damaged", count=2), messages.ReasonCount(reason="x", count=0)]
    assert Reasons.of(counts) == (Reasons(reason="damaged", items=2),)


def test_a_pass_is_followed_from_its_begin_to_its_end() -> None:
    """Each message of the worker's changes what is said of it."""
    running = RunningPass(id=NAME, trigger="logon", goal=State.ENCRYPTED, began=1.0)
    progress = messages.PassProgress(pass_id=NAME, items=1, found=2, bytes=3, found_bytes=4, waiting=5)
    running = running.at(progress)
    assert (running.items, running.found, running.bytes, running.found_bytes, running.waiting) == (
        1,
        2,
        3,
        4,
        5,
    )
    ended = messages.PassEnded(
        pass_id=NAME,
        complete=True,
        partial=True,
        stopped=False,
        converted=2,
        converted_bytes=9,
        right=1,
        pending=3,
        failed=4,
        other_key=1,
        seconds=0.5,
        error="system",
    )
    assert LastPass.of(running, ended, 7.0) == LastPass(
        id=NAME,
        trigger="logon",
        goal=State.ENCRYPTED,
        ended=7.0,
        seconds=0.5,
        complete=True,
        partial=True,
        error="system",
        converted=2,
        converted_bytes=9,
        right=1,
        pending=3,
        failed=4,
        other_key=1,
    )
