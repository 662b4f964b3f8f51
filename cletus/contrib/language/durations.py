"""Durations as people write them: ``90``, ``5m``, ``1h30m``, ``2 days`` in quotes."""

from __future__ import annotations

import re
from datetime import timedelta

from cletus.contrib.language.articles import listed
from cletus.errors import Refused
from cletus.text import gettext as _
from cletus.text import ngettext

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SIZES = (604800, 86400, 3600, 60, 1)
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
        raise Refused(_("{text!r} is not a duration. Examples: 90s, 5m, 1h30m, 2d.", text=text))
    return timedelta(seconds=seconds)


def _sum(text: str) -> int | None:
    total, at = 0, 0
    while match := _PART.match(text, at):
        total += int(match[1]) * _SECONDS[match[2][0].lower()]
        at = match.end()
    return total if at and at == len(text) else None


def _counted(size: int, count: int) -> str:
    match size:
        case 604800:
            return ngettext("{count} week", "{count} weeks", count)
        case 86400:
            return ngettext("{count} day", "{count} days", count)
        case 3600:
            return ngettext("{count} hour", "{count} hours", count)
        case 60:
            return ngettext("{count} minute", "{count} minutes", count)
    return ngettext("{count} second", "{count} seconds", count)


def say_duration(seconds: float) -> str:
    """A duration in words, with its two largest units: ``1 hour and 30 minutes``.

    It is rounded to the nearest second, and at least one second.
    """
    remaining = max(1, round(seconds))
    parts = []
    for size in _SIZES:
        count, remaining = divmod(remaining, size)
        if count:
            parts.append(_counted(size, count))
    return listed(parts[:2])
