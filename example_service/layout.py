"""Headings and tables that fit 80 columns.

Columns are separated by spaces only, so that a screen reader reads only words.
"""

from collections.abc import Iterable, Sequence

from cletus.text import Styled, style
from wcwidth import clip, ljust, width

WIDTH = 79


def heading(text: str) -> Styled:
    """A heading."""
    return style("[bold yellow]--- {text} ---[/]", text=text)


def table(
    names: Sequence[str], rows: Iterable[Sequence[object]]
) -> list[object]:
    """Rows below the names of their columns. Long rows are cut."""
    cells = [list(names), *([str(cell) for cell in row] for row in rows)]
    widths = [max(map(width, column)) for column in zip(*cells, strict=True)]
    head, *lines = (_line(row, widths) for row in cells)
    return [style("[bold]{head}[/]", head=head), *lines]


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    line = "  ".join(map(ljust, row, widths)).rstrip()
    return line if width(line) <= WIDTH else clip(line, 0, WIDTH - 3) + "..."
