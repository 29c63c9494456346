"""Times as people write them."""

import argparse
from datetime import UTC, datetime, timedelta

import pytest

from cscd.cli.instant import instant

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    "text, ago",
    [
        ("now", timedelta()),
        ("-2h", timedelta(hours=2)),
        ("2h", timedelta(hours=2)),
        ("2 h ago", timedelta(hours=2)),
        ("-90s", timedelta(seconds=90)),
        ("-5m", timedelta(minutes=5)),
        ("5min", timedelta(minutes=5)),
        ("-3d", timedelta(days=3)),
        ("-1W", timedelta(weeks=1)),
    ],
)
def test_a_time_ago(text: str, ago: timedelta) -> None:
    """With the minus that people know from journalctl, or without."""
    assert abs(datetime.now(UTC) - ago - instant(text)) < timedelta(seconds=60)


def test_days_begin_at_midnight() -> None:
    """The machine's midnight."""
    today, yesterday = instant("today"), instant("Yesterday")
    assert (today.hour, today.minute, today.second) == (0, 0, 0)
    assert timedelta(hours=23) <= today - yesterday <= timedelta(hours=25)


def test_exact_times() -> None:
    """With a zone, without one, and as a number."""
    assert instant("2026-11-22T12:00:00Z") == datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert instant("2026-11-22 12:00+02:00") == datetime(2026, 11, 22, 10, tzinfo=UTC)
    assert instant("2026-11-22").timestamp() == datetime(2026, 11, 22).timestamp()  # noqa: DTZ001 - it is meant so
    assert instant("@86400.5").timestamp() == 86400.5
    assert (instant("9:05").hour, instant("09:05:30").second) == (9, 30)


@pytest.mark.parametrize(
    "text", ["", "soon", "-2", "-2y", "25:00", "2026-13-01", "@", "-999999999w", "--since"]
)
def test_what_is_no_time_is_refused_with_examples(text: str) -> None:
    """By argparse, which names the option."""
    with pytest.raises(argparse.ArgumentTypeError, match="is not a time such as yesterday, -2h"):
        instant(text)
