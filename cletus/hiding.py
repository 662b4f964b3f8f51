"""Whether a person's terminal shows what they type; it is told no oftener than it must be.

Mudlet takes a service that switches often for a broken one, and then does not hide any more.
"""

from __future__ import annotations

from collections.abc import Callable


class Hiding:
    """One terminal's.

    Args:
        tell: gives the bytes that make it hide, or show.
    """

    __slots__ = ("_is_told", "_tell", "_wanted")

    def __init__(self, tell: Callable[[bool], bytes]) -> None:
        self._tell = tell
        self._wanted = False
        self._is_told = False

    @property
    def is_wanted(self) -> bool:
        """Whether what is typed now is meant to be hidden."""
        return self._wanted

    def hide(self) -> bytes:
        """What is typed from now on is hidden; what to send for that now, if anything."""
        self._wanted = True
        if self._is_told:  # of the line before, and not told otherwise since
            return b""
        self._is_told = True
        return self._tell(True)

    def show(self) -> bool:
        """What is typed from now on is shown; whether it was hidden until now."""
        was, self._wanted = self._wanted, False
        return was

    def at_end(self) -> bytes:
        """What to send at the end of the turn, when it is known whether the next line is hidden."""
        if self._wanted or not self._is_told:
            return b""
        self._is_told = False
        return self._tell(False)
