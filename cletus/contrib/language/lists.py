"""Several things in one sentence, and what makes a sentence of a text."""

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


def sentence(text: object) -> str:
    """The text with a capital at its beginning and a full stop: an error, told to a person.

    What ends with a sign of its own keeps it.
    """
    words = str(text).strip()
    end = "" if not words or words[-1] in ".!?" else "."
    return f"{words[:1].upper()}{words[1:]}{end}"
