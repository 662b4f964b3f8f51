"""Tables that fit the reader's window, and are sentences for those who hear them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from wcwidth import clip, ljust, rjust, width, wrap

from cletus.client.client import Client
from cletus.protocol.terminal import COLUMNS
from cletus.text import style
from cletus.text.translation import in_language

#: Columns between two columns of the table.
_GAP: Final = 2
#: The narrowest that a column is made; a window too narrow for that gets lines.
_NARROWEST: Final = 6
#: In a window of fewer columns, such as a phone's, nothing but text in the last column is made narrower.
_NARROW: Final = 60
#: Lines that a cell of the last column may take. Our choice.
_LINES_MAX: Final = 4


def table(
    names: Sequence[str], rows: Iterable[Sequence[object]], client: Client | None = None
) -> list[object]:
    """Rows below the names of their columns, as lines for ``client.write``, in the language of the client.

    Columns are separated by spaces only. Numbers are aligned to the right. Where the window is too narrow,
    the widest columns are made narrower: text in the last one goes on below itself, in others it is cut.
    A screen reader, and a window too narrow even for that, such as a phone's, gets a line for each row:
    ``Name: Ann; Room: The inn``.

    Args:
        names: of the columns.
        rows: each as long as ``names``.
        client: who reads it; without one, it fits 80 columns.

    Raises:
        ValueError: a row is shorter or longer than ``names``.
    """
    terminal = None if client is None else client.terminal
    language = "" if terminal is None else terminal.language
    names = [in_language(name, language) for name in names]
    values = [list(row) for row in rows]
    cells = [[" ".join(in_language(value, language).split()) for value in row] for row in values]
    if any(len(row) != len(names) for row in cells):
        raise ValueError(f"a row of the table has not {len(names)} columns")
    # One column less: some terminals begin a new line after the last.
    columns = (COLUMNS if terminal is None else terminal.columns) - 1
    widths = [max(map(width, column)) for column in zip(names, *cells, strict=True)]
    is_read_aloud = terminal is not None and terminal.screen_reader
    needed = widths[:-1]
    fits = _shrink(widths, columns) and (columns >= _NARROW or widths[:-1] == needed)
    if is_read_aloud or not fits:
        return [_sentence(names, row) for row in cells]
    is_number = [
        all(isinstance(value, (int, float)) or value == "" for value in column)
        and any(value != "" for value in column)
        for column in zip(*values, strict=True)
    ] or [False] * len(names)
    head = _line(names, widths, is_number)
    rows_below = [line for row in cells for line in _lines(row, widths, is_number)]
    return [style("[bold]{head}[/]", head=head), *rows_below]


def _shrink(widths: list[int], columns: int) -> bool:
    """Make the widest columns narrower until the table fits; whether it does."""
    room = columns - _GAP * (len(widths) - 1)
    while sum(widths) > room:
        widest = max(range(len(widths)), key=widths.__getitem__)
        second = max((each for each in widths if each < widths[widest]), default=0)
        excess = sum(widths) - room
        smaller = max(widths[widest] - excess, second, _NARROWEST)
        if smaller == widths[widest]:
            smaller -= 1
        if smaller < _NARROWEST:
            return False
        widths[widest] = smaller
    return True


def _lines(row: Sequence[str], widths: list[int], is_number: list[bool]) -> list[str]:
    *cells, last = row
    parts = [last] if is_number[-1] else wrap(last, widths[-1]) or [""]
    if len(parts) > _LINES_MAX:
        parts = [*parts[: _LINES_MAX - 1], " ".join(parts[_LINES_MAX - 1 :])]
    indent = " " * (sum(widths[:-1]) + _GAP * len(cells))
    first = _line([*cells, parts[0]], widths, is_number)
    return [first, *(indent + _cut(part, widths[-1]) for part in parts[1:])]


def _line(row: Sequence[str], widths: list[int], is_number: list[bool]) -> str:
    cells = (
        (rjust if right else ljust)(_cut(cell, columns), columns)
        for cell, columns, right in zip(row, widths, is_number, strict=True)
    )
    return (" " * _GAP).join(cells).rstrip()


def _cut(text: str, columns: int) -> str:
    return text if width(text) <= columns else clip(text, 0, columns - 3) + "..."


def _sentence(names: Sequence[str], row: Sequence[str]) -> str:
    return "; ".join(f"{name}: {cell}" for name, cell in zip(names, row, strict=True) if cell)
