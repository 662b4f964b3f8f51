"""Stored dates as they can be compared: with a zone, and not in the future."""

from __future__ import annotations

from datetime import UTC, datetime


def with_zone(date: datetime) -> datetime:
    """The date itself; one without a zone, as people write it into a file, is in UTC."""
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)


def not_after(date: datetime, now: datetime) -> datetime:
    """The date, or ``now`` if it is later: it was stored while the machine's clock was ahead."""
    return min(with_zone(date), now)
