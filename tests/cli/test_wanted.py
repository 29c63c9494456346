"""Which records are asked for, in the file and in the arguments for journalctl."""

import os
from datetime import UTC, datetime

import pytest

from cscd.cli.journalctl import arguments
from cscd.cli.wanted import Wanted
from cscd.events.items import ItemSkipped
from cscd.events.level import Level
from cscd.events.notices import Suppressed
from cscd.events.record import Context, Record

TIME = datetime(2026, 11, 22, 12, tzinfo=UTC)
OURS, OTHER, PLUS = "5f0c", "x", "+"
"""Ids of passes."""

RECORD = Record.of(
    ItemSkipped(path="/a", reason="no_space"),
    Context("alice", 1000, OURS),
    round(TIME.timestamp()) * 1_000_000,
)


@pytest.mark.parametrize(
    "wanted, has",
    [
        (Wanted(), True),
        (
            Wanted(
                user="alice", event="item_skipped", level=Level.INFO, pass_id=OURS, since=TIME, until=TIME
            ),
            True,
        ),
        (Wanted(user="bob"), False),
        (Wanted(event="item_failed"), False),
        (Wanted(level=Level.WARNING), False),
        (Wanted(pass_id=OTHER), False),
        (Wanted(since=TIME.replace(hour=13)), False),
        (Wanted(until=TIME.replace(hour=11)), False),
    ],
)
def test_all_that_is_asked_must_fit(wanted: Wanted, *, has: bool) -> None:
    """What is not asked fits always."""
    assert wanted.has(RECORD) is has


def test_sums_belong_to_their_event() -> None:
    """Who asks for skipped items also sees how many were not written."""
    told = Suppressed(suppressed_event="item_skipped", reason="no_space", count=3, seconds=1.0)
    record = Record.of(told, Context("alice"), 0)
    assert Wanted(event="item_skipped").has(record)
    assert Wanted(event="suppressed").has(record)
    assert not Wanted(event="item_failed").has(record)


def test_only_what_root_or_we_sent_is_believed() -> None:
    """Anybody can write CSCD_EVENT into the journal; the kernel says who."""
    matches = arguments(Wanted(), follow=False)[4:]
    assert matches == ["SYSLOG_IDENTIFIER=cscd", *(f"_UID={uid}" for uid in sorted({0, os.getuid()}))]


def test_journalctl_gets_matches_and_never_an_option_of_the_users() -> None:
    """Whatever the name is, it stands behind a field and an equals sign."""
    command = arguments(
        Wanted(
            user="--root=/evil", pass_id=PLUS, event="item_skipped", level=Level.ERROR, since=TIME, until=TIME
        ),
        follow=True,
    )
    own = ["journalctl", "--output=json", "--all", "--no-pager", "--since=@1795348800.000000"]
    own += ["--until=@1795348800.000000", "--follow", "--no-tail"]
    assert command[: len(own)] == own
    assert "CSCD_USER=--root=/evil" in command
    assert "CSCD_PASS=+" in command
    assert [match for match in command if match.startswith("PRIORITY=")] == [
        f"PRIORITY={n}" for n in range(4)
    ] * 2
    assert all("=" in match or match == "+" for match in command[len(own) :])
    assert "--lines=10" in arguments(Wanted(), follow=True)
