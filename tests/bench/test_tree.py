"""Trees are compared and counted byte by byte."""

from pathlib import Path

import pytest

from bench import tree


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Two equal trees."""
    for name in ("left", "right"):
        (tmp_path / name / "folder").mkdir(parents=True)
        (tmp_path / name / "folder" / "item").write_bytes(b"content")
    return tmp_path / "left", tmp_path / "right"


def test_equal_trees_have_no_difference(pair: tuple[Path, Path]) -> None:
    """The same names with the same bytes."""
    assert tree.difference(*pair) == ""


@pytest.mark.parametrize("content", [b"Content", b"conten", b"content."])
def test_another_byte_is_a_difference(pair: tuple[Path, Path], content: bytes) -> None:
    """Changed, shortened or extended."""
    (pair[1] / "folder" / "item").write_bytes(content)
    assert tree.difference(*pair) == "folder/item differs"


def test_another_name_is_a_difference(pair: tuple[Path, Path]) -> None:
    """A file that only one of them has."""
    (pair[1] / "more").touch()
    assert tree.difference(*pair) == "1 names differ, the first is more"


def test_what_is_no_age_file_counts_as_unencrypted(pair: tuple[Path, Path]) -> None:
    """The first line decides."""
    (pair[0] / "other").write_bytes(tree.MARK + b"-> X25519")
    assert tree.unencrypted(pair[0]) == 1
