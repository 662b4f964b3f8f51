"""The screen of a terminal, drawn by pyte."""

from __future__ import annotations

from typing import Any

from cletus.errors import PyteMissing

try:
    import pyte
except ImportError:  # it comes with the extra ``testing``, and tests without screens do not need it
    pyte = None  # type: ignore[assignment]  # tested for where it is used


def has_pyte() -> bool:
    """Whether screens can be drawn."""
    return pyte is not None


class Screen:
    """A terminal's screen.

    Args:
        columns, rows: its size in characters.

    Attributes:
        pyte: the ``pyte.Screen`` behind it, for colours and the cursor.

    Raises:
        PyteMissing: pyte is not installed.
    """

    def __init__(self, columns: int, rows: int) -> None:
        if pyte is None:
            raise PyteMissing
        self.pyte: Any = pyte.Screen(columns, rows)
        self._stream: Any = pyte.Stream(self.pyte)

    def feed(self, text: str) -> None:
        """Show text with line ends as they are sent (CR LF) and escape sequences."""
        self._stream.feed(text)

    def resize(self, columns: int, rows: int) -> None:
        """Change the size."""
        self.pyte.resize(rows, columns)

    @property
    def text(self) -> str:
        """Its lines, without blanks at their ends and without the empty lines at the bottom."""
        return "\n".join(line.rstrip() for line in self.pyte.display).rstrip("\n")
