"""What the service says of itself, for people."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from cscd.cli.names import width
from cscd.cli.overview import Overview
from cscd.cli.terminal import Terminal
from cscd.daemon.telling.status import (
    NO_RECOVERY,
    CallerStatus,
    DrillStatus,
    HolderStatus,
    OperationStatus,
    Reasons,
    RootStatus,
    RunningPass,
    Status,
    StuckItem,
)
from cscd.files.goal import State
from cscd.files.name import Name
from tests.daemon import statuses


def shown(status: Status, columns: int = 80) -> str:
    """The lines for a terminal without colours."""
    return "\n".join(Overview(status, Terminal({"COLUMNS": str(columns)})).lines())


def of_user(**facts: Any) -> str:  # noqa: ANN401 - any field
    """The lines about one user."""
    return shown(statuses.status(statuses.user(**facts)), 1000).partition("\n\n")[2]


def test_all_is_right() -> None:
    """A short answer to a short question."""
    assert shown(statuses.status(statuses.user())) == (
        "Cache     encrypted, every file of it\n"
        "Policy    user-controlled; an administrator can change the state of the cache\n"
        "Service   cscd 0.1.0 for 2:10 h, process 812\n"
        "Logons    seen through logind\n"
        "Recovery  1 key, never tried; try it: cscd keys recovery-drill\n"
        "\n"
        "alice  uid 1000, 1 session\n"
        "  Items     all right: 12,345 items, 1.2 GiB\n"
        "  Key       0123456789abcdef\n"
        "  Last pass at logon, 5 min ago: 120 items encrypted, 3.0 MiB, 12,225 were\n"
        "            before; took 2.3 s"
    )


@pytest.mark.parametrize(
    "failed, said",
    [(0, "tried 1 h ago: opened all of 100 items"), (3, "tried 1 h ago: opened 97 of 100 items")],
)
def test_it_says_when_the_recovery_key_was_tried(failed: int, said: str) -> None:
    """And what came of it; nothing where nothing is encrypted."""
    drill = DrillStatus(at=statuses.NOW - 3_600, items=100, failed=failed)
    assert f"Recovery  1 key, {said}" in shown(statuses.status(recovery_drill=drill))
    plain = statuses.status(recovery_drill=drill, state=State.UNENCRYPTED)
    assert "Recovery" not in shown(plain)


@pytest.mark.parametrize("make", [statuses.rich, statuses.poor])
@pytest.mark.parametrize("columns", [40, 60, 80, 132])
def test_no_line_is_wider_than_the_terminal(make: Callable[[], Status], columns: int) -> None:
    """Sentences are wrapped, names lose their middle."""
    for line in shown(make(), columns).split("\n"):
        assert width(line) <= columns, line
        assert line.isprintable()


def test_what_is_no_terminal_gets_whole_names() -> None:
    """So that they can be searched for."""
    assert "quarterly report, final version (3).odt" in shown(statuses.rich(), 1000)


def test_who_needs_attention_comes_first() -> None:
    """And who does not has a line each."""
    text = shown(statuses.rich())
    names = re.findall(r"^(alice|bob|carol|dora|erik)  (.*)$", text, re.MULTILINE)
    assert [name for name, _ in names] == ["alice", "bob", "carol", "dora", "erik"]
    assert names[3][1] == "all right: 12,345 items, 1.2 GiB, checked 5 min ago"


def test_nobody_is_logged_on() -> None:
    """Which is said, as well as that nobody would be seen."""
    text = shown(statuses.poor())
    assert "Logons    not seen now" in text
    assert "Nobody whose logon counts is logged on." in text


def test_a_user_who_is_not_looked_after_is_told() -> None:
    """Others there are, who are not shown."""
    text = shown(statuses.status(users_all=3))
    assert "Nothing is looked after for you" in text


def test_others_who_are_not_right_do_not_worry_a_user() -> None:
    """Theirs is what is shown; the cache as a whole is mentioned."""
    text = shown(statuses.status(statuses.user(), users_all=2, partial=True))
    assert "Cache     encrypted; some files of other users are not yet" in text
    assert "all right: 12,345 items" in text


def test_warnings_and_passes_are_said() -> None:
    """In their own lines, only if there are any."""
    text = shown(statuses.status(passes_running=2, passes_waiting=1_000, warnings=(NO_RECOVERY,)), 1000)
    assert "Passes    2 under way, 1,000 waiting for their turn\n" in text
    assert f"Warning   {NO_RECOVERY}\n" in text
    assert "Passes" not in shown(statuses.poor())


def test_a_running_pass_has_a_bar() -> None:
    """With how much is done, and what is left."""
    running = RunningPass(
        id="ab",
        trigger="new_items",
        goal=State.UNENCRYPTED,
        began=statuses.NOW - 10,
        items=50,
        found=100,
        bytes=500,
        found_bytes=2000,
        waiting=3,
    )
    text = of_user(running=running)
    assert "Now       unencrypting (new files), for 10 s\n" in text
    assert "[#####...............] 25 %, 30 s left\n" in text
    assert "50 of 100 items, 500 B of 2.0 KiB, 3 to be tried again\n" in text


@pytest.mark.parametrize(
    "facts, line",
    [
        (
            {"callers": (CallerStatus(name="al\x1bce", uid=7, pid=42),)},
            "encrypting: al\\u001bce (pid 42) waiting",
        ),
        ({"callers": (CallerStatus(name="alice", uid=7),), "waiting": 2}, "alice and 1 more call waiting"),
        ({"background": True, "waiting": 0}, "encrypting in the background, for 10 s"),
    ],
)
def test_who_called_is_said(facts: dict[str, Any], line: str) -> None:
    """With how many others, and since when."""
    plain = {"goal": State.ENCRYPTED, "background": False, "began": statuses.NOW - 10, "waiting": 1}
    assert line in of_user(operation=OperationStatus(**{**plain, **facts}))


def test_a_pass_that_has_just_begun_promises_nothing() -> None:
    """There is nothing to estimate from."""
    running = RunningPass(id="ab", trigger="logon", goal=State.ENCRYPTED, began=statuses.NOW)
    text = of_user(running=running)
    assert "[....................] 0 %\n" in text
    assert "left" not in text


def test_what_waits_is_said() -> None:
    """For its turn."""
    assert "Now       waiting for its turn\n" in of_user(waiting=True)


@pytest.mark.parametrize(
    "facts, about",
    [
        ({"holders": (HolderStatus(pid=7, command="vi\x1bm"),)}, "open in vi\\u001bm (pid 7)"),
        (
            {"holders": tuple(HolderStatus(pid=pid, command="vim") for pid in (7, 8, 9))},
            "open in vim (pid 7) and 2 more",
        ),
        ({"retry_at": statuses.NOW + 90}, "tried again in 1:30 min"),
        ({"retry_at": statuses.NOW - 1}, "tried again now"),
        ({"detail": "its group is unknown"}, "its group is unknown"),
        ({"reason": "io_error", "errno": 5}, "Input/output error"),
    ],
)
def test_an_item_is_named_with_its_cause(facts: dict[str, Any], about: str) -> None:
    """Who holds it, or what failed, and when it is tried again."""
    item = StuckItem(**{"path": Name.of("/cache/f\nile"), "reason": "open_elsewhere", **facts})
    text = of_user(partial=True, pending=(Reasons(reason=item.reason, items=1),), stuck=(item,))
    assert f"              /cache/f\\nile  {about}\n" in text


def test_items_that_are_not_named_are_counted() -> None:
    """After the first five of each reason; a reason that is not known here says its name."""
    items = tuple(StuckItem(path=Name.of(f"/cache/{number}"), reason="made_up") for number in range(9))
    text = of_user(partial=True, failed=(Reasons(reason="made_up", items=1_009),), stuck=items)
    assert "Failed    1,009 items, somebody has to see to them\n            1,009 made up\n" in text
    assert "/cache/4" in text
    assert "/cache/5" not in text
    assert "… and 1,004 more\n" in text


@pytest.mark.parametrize(
    "facts, line",
    [
        ({"worker": "restarting"}, "Worker    failed, and is started again"),
        ({"worker": "abandoned"}, "Worker    failed too often"),
        ({"key": "locked"}, "Key       0123456789abcdef, locked: it encrypts, but opens nothing"),
        ({"sessions": 0}, "uid 1000, logged off"),
        ({"last": statuses.last(error="target")}, "at logon, 5 min ago: could not be done (target)"),
        ({"last": statuses.last(ended=statuses.NOW - 3 * 86_400)}, "at logon, on 2026-11-2"),
        ({"last": statuses.last(trigger="made_up")}, "Last pass made up, 5 min ago"),
    ],
)
def test_what_is_out_of_order_is_said(facts: dict[str, Any], line: str) -> None:
    """Around the items: worker, key, sessions, the last pass."""
    assert line in of_user(**facts)


def test_roots_that_are_not_watched_are_named() -> None:
    """With the reason; those that are need no mention."""
    roots = (
        RootStatus(path=Name.of("/watched"), state="watched"),
        RootStatus(path=Name.of("/un\twatched"), state="unwatched", reason="limit"),
        RootStatus(path=Name.of("/awaited"), state="awaited", reason="not_a_directory"),
    )
    text = of_user(roots=roots)
    assert "/watched" not in text
    assert "Directory /un\\twatched: new files are only found by rechecks (limit)\n" in text
    assert "Directory /awaited: waited for (not a directory)\n" in text
