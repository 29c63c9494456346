"""Plain values: YAML 1.2, without what surprises."""

import pytest

from cscd.config.node import Plain
from cscd.config.scalar import resolve


@pytest.mark.parametrize(
    "text, value",
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("true", True),
        ("False", False),
        ("0", 0),
        ("-12", -12),
        ("1.5", 1.5),
        ("word", "word"),
    ],
)
def test_a_plain_value_is_what_it_looks_like(text: str, value: Plain) -> None:
    """Nothing, a boolean, a number or text."""
    assert resolve(text) == value
    assert type(resolve(text)) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        *("yes", "no", "on", "off", "y", "N"),
        *("0644", "0x10", "0o17", "1:30", "1_000", "1e3", ".inf", ".nan", "9" * 19),
        *("=", "2026-01-01"),
    ],
)
def test_what_yaml_versions_disagree_about_is_text(text: str) -> None:
    """So that a key for which it is no value says so, rather than taking what was not meant."""
    assert resolve(text) == text
