"""Finding rooms."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from cletus.storage import Manager

if TYPE_CHECKING:
    from cletus.contrib.rooms.room import BaseRoom

R = TypeVar("R", bound="BaseRoom")


class RoomManager(Manager[R]):
    """The manager of a store of rooms."""

    def get_by_name(self, name: str) -> R | None:
        """The room of this key or, among the active ones, of this name; ``None`` if there is none."""
        found = self.get(name)
        if found is not None:
            return found
        wanted = name.strip().lower()
        return next((one for one in self.active().values() if one.name.lower() == wanted), None)
