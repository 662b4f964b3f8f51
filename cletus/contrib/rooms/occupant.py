"""Being somewhere: what a store of users needs so that they can be in rooms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cletus.contrib.rooms.directions import arrival
from cletus.errors import Refused
from cletus.storage import StoreField


class OccupantMixin:
    """Gives a user a place.

    Attributes:
        room: where they are or, while they are offline, where they were last. It is saved. The
            store of rooms is the one called ``Room``; for another, declare the field anew.
    """

    room = StoreField[Any]("room")

    if TYPE_CHECKING:
        client: Any
        write: Any

    # -- to override ------------------------------------------------------------------------

    def departure_text(self, direction: str) -> str:
        """What those whom they leave read; ``direction`` is "" if they go by no exit."""
        return f"{self} goes {direction}." if direction else f"{self} leaves."

    def arrival_text(self, direction: str) -> str:
        """What those whom they join read; ``direction`` is the exit that they have taken, or ""."""
        return f"{self} comes in {arrival(direction)}".rstrip() + "."

    # -- moving -----------------------------------------------------------------------------

    def go(self, direction: str) -> None:
        """Take an exit of the room where they are, and look around.

        Raises:
            Refused: there is no such exit, or the room behind it does not let them in.
        """
        here = self.room
        if here is None:
            raise Refused("You are nowhere.")
        name, there = here.exit(direction)
        self.enter_room(there, by=name)

    def enter_room(self, room: Any, *, by: str = "", quietly: bool = False) -> None:
        """Be in this room from now on, and look around. Saving is the caller's.

        Args:
            room: where to.
            by: the exit that they take.
            quietly: nobody is told.

        Raises:
            Refused: the room does not let them in; they stay where they are.
        """
        room.check_entry(self)
        self.leave_room(by=by, quietly=quietly)
        if not quietly:
            room.write_all(self.arrival_text(by), by=self)
        room.occupants.append(self)
        self.room = room
        self.write(*room.look(self))
        room.entered(self)

    def leave_room(self, *, by: str = "", quietly: bool = False) -> None:
        """Be nowhere, for instance when they log out; ``room`` still tells where they were."""
        room = self.room
        if room is None or self not in room.occupants:
            return
        room.occupants.remove(self)
        if not quietly:
            room.write_all(self.departure_text(by), by=self)
        room.left(self)
