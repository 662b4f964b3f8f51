"""What somebody has written, apart from what the service says."""

from __future__ import annotations

from typing import Final

from wcwidth import wrap

from cletus.text import hanging

_COLUMNS: Final = 79
"""Of a line. Our choice: it fits any terminal."""
_INDENT: Final = 2


def quoted(text: str) -> list[object]:
    """The lines of a text that somebody has written, each a little to the right, however narrow the window is.

    At the left edge it could look like a line of another person or of the service.
    """
    rows = (row for line in text.split("\n") for row in wrap(line, _COLUMNS - _INDENT) or [""])
    return [hanging(" " * _INDENT + row, _INDENT) if row else "" for row in rows]
