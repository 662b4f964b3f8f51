"""Durations as people write them: ``90``, ``5m``, ``1h30m``, ``2 days`` in quotes."""

from __future__ import annotations

import re
from datetime import timedelta

from cletus.errors import Refused

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_NAMES = (("week", 604800), ("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))
_PART = re.compile(
    r"(\d{1,9})\s*(w(?:eeks?)?|d(?:ays?)?|h(?:(?:ou)?rs?)?|m(?:in(?:ute)?s?)?|s(?:ec(?:ond)?s?)?)"
    r"(?:\s*(?:,|and)?\s*)",
    re.IGNORECASE,
)


def parse_duration(text: str) -> timedelta:
    """Parse a duration; a number without a unit is in seconds.

    Raises:
        Refused: the text is not a duration, or it is longer than a hundred years.
    """
    text = text.strip()
    seconds = int(text) if text.isascii() and text.isdigit() and len(text) < 12 else _sum(text)
    if seconds is None or seconds > 100 * 366 * 86400:
        raise Refused(f"{text!r} is not a duration. Examples: 90s, 5m, 1h30m, 2d.")
    return timedelta(seconds=seconds)


def _sum(text: str) -> int | None:
    total, at = 0, 0
    while match := _PART.match(text, at):
        total += int(match[1]) * _SECONDS[match[2][0].lower()]
        at = match.end()
    return total if at and at == len(text) else None


def say_duration(seconds: float) -> str:
    """A duration in words, with its two largest units: ``1 hour and 30 minutes``.

    It is rounded to the nearest second, and at least one second.
    """
    remaining = max(1, round(seconds))
    parts = []
    for name, size in _NAMES:
        count, remaining = divmod(remaining, size)
        if count:
            parts.append(f"{count} {name}{'' if count == 1 else 's'}")
    return " and ".join(parts[:2])
