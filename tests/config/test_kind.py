"""What a key takes, and how a value is told."""

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cscd.config.document import parse
from cscd.config.kind import Choice, Flag, Kind, Text, Whole, described, written
from cscd.config.node import plain

WORDS = Choice(Literal["one", "two", "three"])
LINE = Text("a word", "[a-z]+")
COUNT = Whole(1, 9, word="cores")


@pytest.mark.parametrize(
    "kind, value",
    [(Flag(), True), (WORDS, "two"), (LINE, "abc"), (COUNT, 1), (COUNT, 9), (COUNT, "cores")],
)
def test_a_kind_reads_what_it_takes(kind: Kind, value: object) -> None:
    """And gives it back as it is."""
    assert kind.read(value) == value


@pytest.mark.parametrize(
    "kind, value, refusal",
    [
        (Flag(), "no", 'expected true or false, not the text "no": yes, no, on and off are text here'),
        (Flag(), "true", 'expected true or false, not the text "true": in quotes it is text'),
        (Flag(), 1, "expected true or false, not 1"),
        (WORDS, "four", 'expected one, two or three, not the text "four"'),
        (WORDS, ("one",), "expected one, two or three, not a list"),
        (COUNT, 0, "expected a whole number from 1 to 9, or cores, not 0"),
        (COUNT, True, "expected a whole number from 1 to 9, or cores, not true"),
        (COUNT, 1.5, "expected a whole number from 1 to 9, or cores, not 1.5"),
        (LINE, None, "expected a word, not nothing"),
        (LINE, 12, "expected a word, not 12: text that looks like something else needs quotes"),
        (LINE, {"a": 1}, "expected a word, not a section"),
        (LINE, "a\nb", 'expected a word, not the text "a\\nb"'),
        (LINE, "é" * 50, f'expected a word, not the text "{"é" * 40}…"'),
    ],
)
def test_a_refusal_says_what_was_expected_and_what_is_there(kind: Kind, value: object, refusal: str) -> None:
    """In one sentence, on one line, and not at length."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is part of what is compared below
        kind.read(value)
    if kind is LINE and isinstance(value, dict):
        refusal += ": text that looks like something else needs quotes"
    assert kind.refusal(value, str(caught.value)) == refusal


def test_what_may_be_a_secret_is_not_shown() -> None:
    """Somebody may paste an identity where a recipient belongs."""
    kind = Text("a recipient", "age1.*", secret=True)
    assert "SECRET" not in kind.refusal("AGE-SECRET-KEY-1", "")
    assert described("AGE") == 'the text "AGE"'


PLAIN = st.booleans() | st.integers(-(10**17), 10**17) | st.text(st.characters(codec="utf-8"))


@given(PLAIN | st.lists(PLAIN).map(tuple))
def test_a_value_is_written_so_that_it_is_read_back(value: object) -> None:
    """As itself, on one line, in quotes where it could be taken for something else."""
    text = written(value)
    assert "\n" not in text
    tree, problems = parse(f"key: {text}", "f")
    assert problems == []
    assert plain(tree) == {"key": value}
