"""Levels are syslog priorities with names of our own."""

import pytest

from cscd.events.level import Level


def test_a_level_is_named_as_in_the_settings() -> None:
    """In small letters; whatever case is read."""
    assert [level.label for level in Level] == ["critical", "error", "warning", "info", "debug"]
    assert Level.named("Warning") is Level.WARNING
    assert Level.WARNING.letter == "W"


def test_an_unknown_name_is_refused_with_those_that_are_known() -> None:
    """So that the message can be shown as it is."""
    with pytest.raises(
        ValueError, match="'loud' is not one of the levels critical, error, warning, info, debug"
    ):
        Level.named("loud")


@pytest.mark.parametrize(
    "priority, level",
    [
        (0, Level.CRITICAL),
        (2, Level.CRITICAL),
        (3, Level.ERROR),
        (5, Level.WARNING),
        (6, Level.INFO),
        (7, Level.DEBUG),
    ],
)
def test_every_priority_has_a_level(priority: int, level: Level) -> None:
    """What syslog tells apart more finely counts as the graver of ours."""
    assert Level.of_priority(priority) is level
