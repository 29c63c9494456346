"""One file's text as a tree: the places of its values, and what is refused."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cscd.config.document import DEEPEST, MOST, parse
from cscd.config.node import plain


def read(text: str) -> object:
    """The value of a text in which nothing is wrong."""
    tree, problems = parse(text, "f")
    assert problems == []
    return plain(tree)


def complaints(text: str) -> list[str]:
    """What is wrong with a text."""
    return [str(problem) for problem in parse(text, "f")[1]]


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "---\n...\n", "~", "{}"])
def test_a_file_may_say_nothing(text: str) -> None:
    """It is a section without keys."""
    assert read(text) == {}


def test_values_keep_their_types() -> None:
    """In sections and lists, in block and in flow style; in quotes everything is text."""
    text = "a:\n  b: [1, two, true, 'true', \"3\", ~]\n  c:\n  - 1.5\nd: {e: f}\n"
    expected = {"a": {"b": (1, "two", True, "true", "3", None), "c": (1.5,)}, "d": {"e": "f"}}
    assert read(text) == expected


def test_a_value_knows_its_place() -> None:
    """File, line and column, the last two counted from 1."""
    tree, _ = parse("a:\n  é: [x, yy]\n", "some/file")
    inner = tree.entries["a"].node
    assert str(inner.place) == "some/file:2:3"
    assert str(inner.entries["é"].node.items[1].place) == "some/file:2:10"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "text, complaint",
    [
        ("a:\n\tb: 1\n", "f:2:1: a tab, where YAML indents with spaces only"),
        ("a:\n  b:\n  \t  c: 1\n", "f:3:3: a tab, where YAML indents with spaces only"),
        ("a: 1\nb: 2\na: 3\n", "f:3:1: a: the same key again: it is in line 1 already"),
        ("a: {b: 1, b: 1}\n", "f:1:11: a.b: the same key again: it is in line 1 already"),
        ("a: &x 1\n", "f:1:4: a: an anchor (&x): write the value out"),
        ("a: !!python/name:os.system 1\n", "f:1:4: a: a tag (tag:yaml.org,2002:python/name:os.system)"),
        ("? [1]\n: 2\n", "f:1:3: expected a key, which is a word"),
        ("true: 1\n", "f:1:1: expected a key, which is a word"),
        ("a: 1\n---\nb: 2\n", "f:2:1: a second document: a configuration file holds one"),
        ("- a\n", "f:1:1: expected sections such as `cache:`, with keys below them"),
        ("word", "f:1:1: expected sections such as `cache:`, with keys below them"),
        ("a: [1, 2\nb: 3\n", "f:2:2: no valid YAML: expected ',' or ']', but got ':'"),
        ("a: b: c\n", "f:1:5: no valid YAML: mapping values are not allowed here"),
        ("a: 'open\n", "f:2:1: no valid YAML: found unexpected end of stream"),
        ("a: 1\nb: \x07\n", "f:2:4: a character that YAML does not allow"),
        ('a: 1\nb: "\\UFFFFFFFF"\n', "f:2:5: no valid YAML: an escape that stands for no character"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(text: str, complaint: str) -> None:
    """Broken syntax, and the parts of YAML that a configuration does without."""
    assert complaints(text)[0].startswith(complaint)


def test_everything_wrong_is_collected() -> None:
    """Except after broken syntax, nothing hides what follows."""
    assert [one.split(": ")[0] for one in complaints("a: &x 1\nb: *x\nb: 2\n1: 3\n")] == [
        "f:1:4",
        "f:2:4",
        "f:3:1",
        "f:4:1",
    ]


def test_a_bomb_of_aliases_does_not_go_off() -> None:
    """Aliases stand for nothing, so that no file becomes more than it is."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    assert len(complaints("\n".join(lines))) == 30 + 29 * 9


def test_depth_and_number_of_values_are_bounded() -> None:
    """A file that is hostile or not meant for us ends early."""
    assert "deeper than" in complaints("a: " + "[" * 100_000)[-1]
    assert complaints("a: " + "[" * (DEEPEST - 1) + "]" * (DEEPEST - 1)) == []
    assert "more than" in complaints("a:\n" + "- b\n" * MOST)[-1]


@example("? \n")
@example("%YAML 9.9\n---\n")
@example("<<: {a: b}\n")
@example('"\\ud800": 1')
@given(st.text(alphabet=st.sampled_from("ab:-?[]{},&*!|>'\"%#@`~\\ \n\t0U\x85\u2028\ud800")) | st.text())
def test_no_text_does_more_than_complain(text: str) -> None:
    """Whatever it is, there is a tree or a complaint at a place in the file."""
    tree, problems = parse(text, "f")
    assert isinstance(plain(tree), dict)
    assert all(str(problem).startswith("f") for problem in problems)
