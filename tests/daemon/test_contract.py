"""`docs/encrypt-method.md`: every sentence of the reference has tests, and they are there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "encrypt-method.md").read_text(encoding="utf-8")

NAMED = sorted(set(re.findall(r"^- `(tests/[a-z_/]+\.py::test_\w+)`$", PAGE, re.MULTILINE)))
SENTENCES = 25
"""As many as the reference has on what the method does, its table's two rows among them."""


def sentences() -> list[tuple[str, str]]:
    """The sentences of the reference, each with what the page says to it."""
    found = re.findall(r"((?:^> .*\n)+)((?:(?!> |## ).*\n?)*)", PAGE, re.MULTILINE)
    return [(each[0], each[1]) for each in found]


@pytest.mark.parametrize("name", NAMED)
def test_the_tests_it_names_are_there(name: str) -> None:
    """Renamed or removed, one has to be replaced on the page."""
    path, test = name.split("::")
    module = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    assert test in {each.name for each in module.body if isinstance(each, ast.FunctionDef)}


def test_each_sentence_has_a_test() -> None:
    """None is only promised."""
    assert len(sentences()) == SENTENCES
    assert [sentence for sentence, text in sentences() if "\n- `tests/" not in f"\n{text}"] == []


def test_nothing_else_is_listed() -> None:
    """A line that looks like a test, and is not read as one, would pass for one."""
    assert len(re.findall(r"^- ", PAGE, re.MULTILINE)) == len(
        re.findall(r"^- `tests/[a-z_/]+\.py::test_\w+`$", PAGE, re.MULTILINE)
    )
