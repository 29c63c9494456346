"""A table that reads well on a terminal and is Markdown as well, at most 80 columns wide."""

from collections.abc import Sequence

WIDTH = 80
"""Columns of the narrowest terminal that a table has to fit."""


def render(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The table as text: the first column flush left, the others flush right.

    Raises:
        ValueError: a row has too few or too many cells, or the table would be wider than `WIDTH`.
    """
    if any(len(row) != len(header) for row in rows):
        raise ValueError("every row of a table needs one cell per column")
    widths = [max(3, *(len(row[column]) for row in (header, *rows))) for column in range(len(header))]
    rule = [":" + "-" * (widths[0] - 1), *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = [_line(row, widths) for row in (header, rule, *rows)]
    if len(lines[0]) > WIDTH:
        raise ValueError(f"the table is {len(lines[0])} columns wide, {WIDTH} is the limit")
    return "\n".join(lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first = cells[0].ljust(widths[0])
    rest = (cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))
    return "| " + " | ".join((first, *rest)) + " |"


def seconds(value: float | None) -> str:
    """A duration for a cell: `1.23`, or `-` where there is none."""
    return "-" if value is None else f"{value:.2f}"


def ratio(value: float | None) -> str:
    """A ratio for a cell: `1.23x`, or `-` where there is none."""
    return "-" if value is None else f"{value:.2f}x"
