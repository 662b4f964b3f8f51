"""NEGOTIATE ABOUT WINDOW SIZE (RFC 1073): how many characters fit on the peer's screen.

It comes whenever the window is resized. Zero means that the peer does not know (curl and expect send
it). Absurd sizes are clamped.
"""

from __future__ import annotations

from collections.abc import Callable

from cletus.protocol.options import Option, Side

COLUMNS = range(20, 501)
ROWS = range(5, 501)


class WindowSize(Option):
    """The peer's window.

    Args:
        resized: called with columns and rows, each 0 when the peer does not know it.
    """

    code = 31
    accepts = frozenset({Side.REMOTE})

    __slots__ = ("_resized",)

    def __init__(self, resized: Callable[[int, int], None]) -> None:
        self._resized = resized

    def received(self, payload: bytes) -> bytes:
        """Two 16-bit numbers; anything else is ignored."""
        if len(payload) == 4:
            columns, rows = int.from_bytes(payload[:2]), int.from_bytes(payload[2:])
            self._resized(bounded(columns, COLUMNS), bounded(rows, ROWS))
        return b""


def bounded(value: int, bounds: range) -> int:
    """A number of columns or rows within its bounds; 0, which means unknown, stays 0."""
    return value and min(max(value, bounds[0]), bounds[-1])
