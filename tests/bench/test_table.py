"""Tables are Markdown and fit a terminal."""

import pytest

from bench.table import WIDTH, ratio, render, seconds


def test_a_table_is_aligned_markdown() -> None:
    """The first column is flush left, the others are flush right."""
    assert render(["peer", "s"], [["cp", "0.80"], ["rclone", "12.60"]]).splitlines() == [
        "| peer   |     s |",
        "| :----- | ----: |",
        "| cp     |  0.80 |",
        "| rclone | 12.60 |",
    ]


def test_a_table_without_rows_is_its_header() -> None:
    """Nothing measured is no error."""
    assert len(render(["peer", "s"], []).splitlines()) == 2


def test_a_row_has_one_cell_per_column() -> None:
    """A row that is too short would silently shift what it says."""
    with pytest.raises(ValueError, match="one cell per column"):
        render(["peer", "s"], [["cp"]])


def test_a_table_that_no_terminal_shows_is_refused() -> None:
    """Wider than 80 columns is a mistake of whoever made it."""
    with pytest.raises(ValueError, match="80 is the limit"):
        render(["x" * WIDTH], [])


def test_a_missing_number_is_a_dash() -> None:
    """A peer without a yardstick has no ratio."""
    assert (seconds(1.234), seconds(None), ratio(2), ratio(None)) == ("1.23", "-", "2.00x", "-")
