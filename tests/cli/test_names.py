"""Foreign text on a terminal: shown in full, and unable to do anything."""

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cscd.cli.names import command_line, fitted, harmless, quoted, shown, width, wrapped

file_names = st.binary(min_size=1, max_size=80).map(
    lambda raw: raw.replace(b"\0", b"0").decode("utf-8", "surrogateescape")
)


@pytest.mark.parametrize(
    "name, printed",
    [
        ("plain name.txt", "plain name.txt"),
        ("日本語", "日本語"),
        ("two\nlines", "two\\nlines"),
        ("back\\slash", "back\\\\slash"),
        ("\x1b[31mred", "\\u001b[31mred"),
        ("\x9b31m", "\\u009b31m"),
        (b"\xff\xfe".decode("utf-8", "surrogateescape"), "\\xff\\xfe"),
        ("evil\u202etxt.exe", "evil\\u202etxt.exe"),
        ("\U000e0001", "\\U000e0001"),
    ],
)
def test_a_name_is_shown_without_its_tricks(name: str, printed: str) -> None:
    """Control characters, bytes that are no text, and what reorders text become escapes."""
    assert shown(name) == printed


@given(file_names)
def test_whatever_is_shown_can_be_printed(name: str) -> None:
    """It is printable, on one line, and valid UTF-8."""
    assert shown(name).isprintable()
    assert harmless(name).isprintable()
    shown(name).encode()


@given(file_names, file_names)
def test_different_names_look_different(one: str, other: str) -> None:
    """Nobody can hide a file behind another one's name."""
    assert (shown(one) == shown(other)) == (one == other)


@given(st.lists(file_names, min_size=1, max_size=4))
def test_a_quoted_command_line_reads_back_as_it_was(arguments: list[str]) -> None:
    """Whatever bytes the arguments have."""
    line = command_line(["printf", "%s\\0", *arguments])
    assert line.isprintable()
    done = subprocess.run(["bash", "-c", line], capture_output=True, check=True, env={"LC_ALL": "C"})
    assert done.stdout.split(b"\0")[:-1] == [each.encode("utf-8", "surrogateescape") for each in arguments]


def test_plain_arguments_are_not_quoted() -> None:
    """What a user typed looks as it was typed."""
    assert quoted("--to") == "--to"
    assert quoted("my files") == "'my files'"


@pytest.mark.parametrize("text, columns", [("abc", 3), ("日本", 4), ("e\u0301", 1)])
def test_the_width_is_that_of_the_terminal(text: str, columns: int) -> None:
    """Wide characters take two columns, combining marks none."""
    assert width(text) == columns


def test_a_long_name_loses_its_middle() -> None:
    """The end says most, the beginning something."""
    assert fitted("a/very/long/path/to/some/file.txt", 20) == "a/very/…ome/file.txt"
    assert fitted("short", 20) == "short"


@given(st.text(st.characters(categories=["L", "N", "Mn", "So"]), max_size=60), st.integers(0, 70))
def test_fitted_text_fits(text: str, columns: int) -> None:
    """Whatever it is made of."""
    assert width(fitted(text, columns)) <= columns


@given(st.text(alphabet="ab 日"), st.integers(1, 20))
def test_a_sentence_is_wrapped_between_words(text: str, columns: int) -> None:
    """No word is lost or broken, and only one that is too long by itself takes more room."""
    lines = wrapped(text, columns)
    assert " ".join(lines).split() == text.split()
    assert all(width(line) <= columns or " " not in line.strip() for line in lines)
