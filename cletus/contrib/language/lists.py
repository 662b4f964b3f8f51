"""Several things in one sentence."""

from __future__ import annotations

from collections.abc import Iterable


def listed(things: Iterable[object], *, word: str = "and", nothing: str = "nothing") -> str:
    """``a, b and c``.

    Args:
        things: in the order in which they are named.
        word: what stands before the last: ``"or"``.
        nothing: what is said if there are none: ``"nobody"``.
    """
    names = [str(thing) for thing in things]
    if not names:
        return nothing
    *others, last = names
    return f"{', '.join(others)} {word} {last}" if others else last
