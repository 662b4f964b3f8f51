"""Show long text page by page. It is a dialogue, so people keep their page through a reload."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from cletus.client.client import Client
from cletus.client.dialogue import Dialogue, step
from cletus.storage import Field
from cletus.text import gettext as _


class Pager(Dialogue):
    """Show lines page by page.

    Args:
        lines: the lines.
        rows: lines of a page; by default what fits the terminal.

    Attributes:
        at: the index of the first line that has not been shown yet.
    """

    #: Rows of a terminal that has not told its size.
    rows_default: ClassVar[int] = 24

    lines: Field[list[Any]] = Field(list)
    rows: Field[int] = Field(0)
    at: Field[int] = Field(0)

    def __init__(self, lines: Iterable[object] = (), *, rows: int = 0) -> None:
        super().__init__()
        self.lines = list(lines)
        self.rows = rows

    @property
    def length(self) -> int:
        """Lines of one page: one row is left for the prompt, and one for the line before."""
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
                self.at = max(0, self.at - 2 * self.length)
            case "a" | "all":
                return self._show(len(self.lines))
            case "":
                pass
            case _:
                self.client.put_back(line)
                return self.done()
        return self._show()

    def _show(self, count: int = 0) -> Any:
        page = self.lines[self.at : self.at + (count or self.length)]
        if page:
            self.client.write(*page)
        self.at += len(page)
        return self.done() if self.at >= len(self.lines) else None


def rows_of(client: Client) -> int:
    """Rows of the client's terminal, or ``Pager.rows_default`` if it has not told its size."""
    return getattr(getattr(client, "terminal", None), "rows", 0) or Pager.rows_default


def page(client: Client, lines: Iterable[object]) -> None:
    """Show lines page by page, or at once if they fit one page, or if the client is a page that scrolls."""
    lines = list(lines)
    if len(lines) > rows_of(client) - 2 and not client.terminal.reflows:
        client.start_dialogue(Pager(lines))
    elif lines:
        client.write(*lines)
