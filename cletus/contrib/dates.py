"""Stored dates as they can be compared, and as people read them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any


def with_zone(date: datetime) -> datetime:
    """The date itself; one without a zone, as people write it into a file, is in UTC."""
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)


def not_after(date: datetime, now: datetime) -> datetime:
    """The date, or ``now`` if it is later: it was stored while the machine's clock was ahead."""
    return min(with_zone(date), now)


def local(date: datetime | float, reader: Any = None) -> datetime:
    """A date in the time zone of who reads it.

    Args:
        date: the date; a number is seconds since the epoch. One that cannot be expressed there keeps its zone.
        reader: a user with the attribute ``zone``, as ``PreferencesMixin`` has it; for everybody else the
            date is in UTC.
    """
    if not isinstance(date, datetime):
        date = datetime.fromtimestamp(date, UTC)
    aware = with_zone(date)
    try:
        return aware.astimezone(getattr(reader, "zone", None) or UTC)
    except OverflowError:  # hours before the first year or after the last, as a file may have it
        return aware
