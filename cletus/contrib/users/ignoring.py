"""Not hearing somebody: each user's list of whom they ignore."""

from __future__ import annotations

from typing import Any

from cletus.storage import Field

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
