"""When somebody was last here, and from where they have come before."""

from __future__ import annotations

import hashlib
from datetime import datetime

from cletus.storage import Field

#: Places to come from that are remembered for each user. Our choice.
PLACES_MAX = 10

_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60))


class SeenMixin:
    """Gives a user a memory of when they were here.

    Attributes:
        created: when the account was made.
        last_login: when they last came in.
        last_seen: when they last went, or lost their link.
        visits: how often they have come in.
        places: where they have logged in from, the latest last; not the addresses themselves but a
            digest of each, since nobody else has to read them in a file.
    """

    key: str
    created: Field[datetime | None] = Field(type=datetime)
    last_login: Field[datetime | None] = Field(type=datetime)
    last_seen: Field[datetime | None] = Field(type=datetime)
    visits: Field[int] = Field(0)
    places: Field[list[str]] = Field(list)

    def note_login(self, now: datetime, origin: str) -> None:
        """They have come in; saving is the caller's."""
        self.created = self.created or now
        self.last_login = now
        self.visits += 1
        place = self._place(origin)
        self.places = [*(one for one in self.places if one != place), place][-PLACES_MAX:]

    def has_come_from(self, origin: str) -> bool:
        """Whether they have logged in from there before."""
        return self._place(origin) in self.places

    def _place(self, origin: str) -> str:
        digest = hashlib.blake2b(f"{self.key} {origin}".encode(), digest_size=8)
        return digest.hexdigest()


def ago(then: datetime | None, now: datetime) -> str:
    """How long ago that was, for people: ``3 days ago``, ``just now``; ``never`` for ``None``."""
    if then is None:
        return "never"
    seconds = (now - then).total_seconds()
    for unit, size in _UNITS:
        count = int(seconds // size)
        if count > 0:
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"
