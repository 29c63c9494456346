"""Trees: laying one over another."""

import pytest

from cscd.config.document import parse
from cscd.config.node import leaves, locate, locate_key, merged, plain


@pytest.mark.parametrize(
    "lower, upper, result",
    [
        ("a: {b: 1, c: 2}", "a: {c: 3, d: 4}", {"a": {"b": 1, "c": 3, "d": 4}}),
        ("a: [1, 2]", "a: [3]", {"a": (3,)}),
        ("a: {b: {c: 1}}", "a: {b: {d: 2}}", {"a": {"b": {"c": 1, "d": 2}}}),
        ("a: {b: 1}", "a:", {"a": {"b": 1}}),
        ("a:", "a: {b: 1}", {"a": {"b": 1}}),
        ("a: {b: 1}", "", {"a": {"b": 1}}),
        ("a: {b: 1}", "a: 5", {"a": 5}),
    ],
)
def test_sections_are_merged_and_the_rest_is_replaced(lower: str, upper: str, result: object) -> None:
    """Key by key, at any depth; an empty section changes nothing."""
    assert plain(merged(parse(lower, "l")[0], parse(upper, "u")[0])) == result


def test_every_value_keeps_the_place_where_it_is_written() -> None:
    """Also in a tree that comes of two files."""
    whole = merged(parse("a: {b: 1, c: 2}", "l")[0], parse("a: {c: 3}", "u")[0])
    assert {name: str(place) for name, place in leaves(whole)} == {"a.b": "l:1:8", "a.c": "u:1:8"}
    assert str(locate(whole, ("a", "b"))) == "l:1:8"
    assert str(locate_key(whole, ("a", "b"))) == "l:1:5"


def test_what_is_not_written_is_placed_at_what_is_around_it() -> None:
    """A problem with a default needs a place, too."""
    tree, _ = parse("a:\n  b: [1]", "f")
    assert str(locate(tree, ("a", "nothing"))) == "f:2:3"
    assert str(locate(tree, ("a", "b", 7))) == "f:2:6"
    assert str(locate_key(tree, ("a", "b", "c"))) == "f:2:6"
