"""A mixin for users who are in rooms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from cletus.contrib.rooms.directions import arrival
from cletus.contrib.rooms.events import Entered, Left
from cletus.errors import Refused
from cletus.storage import StoreField


class OccupantMixin:
    """Gives a user a room.

    Attributes:
        room: where they are, or were last if they are offline. It is saved. It refers to the store
            called ``Room``; declare the field again to use another store.
    """

    room = StoreField[Any]("room")

    if TYPE_CHECKING:
        client: Any
        service: ClassVar[Any]
        write: Any

    # -- to override ------------------------------------------------------------------------

    def departure_text(self, direction: str) -> str:
        """Shown in the room that they leave. ``direction`` is empty if they do not use an exit."""
        return f"{self} goes {direction}." if direction else f"{self} leaves."

    def arrival_text(self, direction: str) -> str:
        """Shown in the room that they enter. ``direction`` is the exit that they have used, or empty."""
        return f"{self} comes in {arrival(direction)}".rstrip() + "."

    # -- moving -----------------------------------------------------------------------------

    def go(self, direction: str) -> None:
        """Use an exit of their room, and show them the new room.

        Raises:
            Refused: there is no such exit, or the other room does not let them in.
        """
        if self.room is None:
            raise Refused("You are not in a room.")
        name, destination = self.room.exit(direction)
        self.enter_room(destination, by=name)

    def enter_room(self, room: Any, *, by: str = "", quietly: bool = False) -> None:
        """Move to a room, and show it to them. The caller saves.

        Args:
            room: the new room.
            by: the exit that they use; empty for none.
            quietly: whether nobody is told.

        Raises:
            Refused: the room does not let them in. They stay where they are.
        """
        room.check_entry(self)
        self.leave_room(by=by, quietly=quietly)
        if not quietly:
            room.write_all(self.arrival_text(by), by=self, notice=True)
        room.occupants.append(self)
        self.room = room
        self.write(*room.look(self))
        room.entered(self)
        self.service.fire(Entered(self.service, self, room, by))

    def leave_room(self, *, by: str = "", quietly: bool = False) -> None:
        """Leave the room, for instance at logout. ``room`` still refers to it."""
        room = self.room
        if room is None or self not in room.occupants:
            return
        room.occupants.remove(self)
        if not quietly:
            room.write_all(self.departure_text(by), by=self, notice=True)
        room.left(self)
        self.service.fire(Left(self.service, self, room, by))
