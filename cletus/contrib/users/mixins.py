"""When somebody was last here, and from where they have come before."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

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


class AwayMixin:
    """Lets a user say that they are away.

    Attributes:
        away: what they have said of it (``""`` if they only said that they are), or ``None`` while
            they are not away. It lasts for this run of the service.
    """

    away: Field[str | None] = Field(session=True, type=str)

    @property
    def is_away(self) -> bool:
        """Whether they have said so and not come back."""
        return self.away is not None

    def go_away(self, message: str = "") -> None:
        """They are away from now on."""
        self.away = message.strip()

    def come_back(self) -> bool:
        """They are back; whether they had been away."""
        was_away, self.away = self.is_away, None
        return was_away

    def away_text(self) -> str:
        """For lists and for who tells them something: ``away: lunch``; empty if they are here."""
        if self.away is None:
            return ""
        return f"away: {self.away}" if self.away else "away"


#: Our choice; it is held in memory and in one file.
MOST = 200


class IgnoringMixin:
    """Gives a user a list of those whom they do not want to hear.

    Attributes:
        ignored: their keys. Somebody who deletes their account and comes back under the name is
            still ignored.
    """

    key: str
    ignored: Field[set[str]] = Field(set, type=set[str])

    def ignore(self, other: Any) -> bool:
        """Hear this user no more; saving is the caller's.

        Returns:
            false if it is themself, or the list is full.
        """
        if other.key == self.key or len(self.ignored) >= MOST:
            return False
        self.ignored = {*self.ignored, other.key}
        return True

    def unignore(self, other: Any) -> None:
        """Hear this user again; saving is the caller's."""
        self.ignored = self.ignored - {other.key}

    def ignores(self, other: Any) -> bool:
        """Whether they do not want to hear this user; ``None``, who is nobody, is always heard."""
        return other is not None and other.key in self.ignored
