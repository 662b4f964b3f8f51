"""Show long text page by page. It is a dialogue, so people keep their page through a reload."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil
from typing import Any, ClassVar

from wcwidth import width

from cletus.client.client import Client
from cletus.client.dialogue import Dialogue, step
from cletus.client.rendering import as_text
from cletus.protocol.terminal import COLUMNS
from cletus.storage import Field
from cletus.text import gettext as _


class Pager(Dialogue):
    """Show lines page by page.

    Args:
        lines: the lines.
        rows: rows of a page; by default what fits the terminal. A line longer than the window is wide takes
            several.

    Attributes:
        at: the index of the first line that has not been shown yet.
        starts: the indexes of the first lines of the pages that have been shown.
    """

    #: Rows of a terminal that has not told its size.
    rows_default: ClassVar[int] = 24

    lines: Field[list[Any]] = Field(list)
    rows: Field[int] = Field(0)
    at: Field[int] = Field(0)
    starts: Field[list[int]] = Field(list)

    def __init__(self, lines: Iterable[object] = (), *, rows: int = 0) -> None:
        super().__init__()
        self.lines = list(lines)
        self.rows = rows

    @property
    def length(self) -> int:
        """Rows of one page: one row is left for the prompt, and one for the line before."""
        return max(1, self.rows or rows_of(self.client) - 2)

    def begin(self) -> Any:
        """Show the first page."""
        return self._show()

    def prompt_text(self) -> str:
        """The position in the text, and the keys."""
        return _(
            "(line {at} of {lines}. Enter: more, b: back, a: all, q: quit) ",
            at=self.at,
            lines=len(self.lines),
        )

    @step(prompt_text)
    def turn(self, line: str) -> Any:
        """Next page, previous page, all the rest, or quit. Any other line is a command."""
        match line.strip().lower():
            case "q" | "quit" | "s" | "stop":
                return self.done()
            case "b" | "back":
                del self.starts[-1:]  # of the page that they see
                self.at = self.starts.pop() if self.starts else 0
            case "a" | "all":
                return self._show(len(self.lines))
            case "":
                pass
            case _:
                self.client.put_back(line)
                return self.done()
        return self._show()

    def _show(self, end: int = 0) -> Any:
        self.starts.append(self.at)
        end = end or self._end_of_page()
        if end > self.at:
            self.client.write(*self.lines[self.at : end])
        self.at = end
        return self.done() if end >= len(self.lines) else None

    def _end_of_page(self) -> int:
        """The index behind the last line that fits the page; a page has at least one line."""
        left, end = self.length, self.at
        while end < len(self.lines):
            left -= height_of(self.lines[end], self.client)
            if left < 0 and end > self.at:
                break
            end += 1
        return end


def height_of(line: object, client: Client) -> int:
    """Rows of the client's window that a line takes."""
    profile = client.terminal.profile
    columns = client.terminal.columns or COLUMNS
    rows = as_text((line,), profile).removesuffix("\n").split("\n")
    return sum(max(1, ceil(width(row) / columns)) for row in rows)


def rows_of(client: Client) -> int:
    """Rows of the client's terminal, or ``Pager.rows_default`` if it has not told its size."""
    return getattr(getattr(client, "terminal", None), "rows", 0) or Pager.rows_default


def page(client: Client, lines: Iterable[object]) -> None:
    """Show lines page by page, or at once if they fit one page, or if the client is a page that scrolls."""
    lines = list(lines)
    height = sum(height_of(line, client) for line in lines)
    if height > rows_of(client) - 2 and not client.terminal.reflows:
        client.start_dialogue(Pager(lines))
    elif lines:
        client.write(*lines)
