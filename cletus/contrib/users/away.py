"""Being there and yet not: somebody who is away from their keyboard."""

from __future__ import annotations

from cletus.storage import Field


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
