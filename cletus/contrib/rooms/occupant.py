"""What a room needs of its occupants, and a mixin that gives it to users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from cletus import events
from cletus.contrib.rooms.directions import arrival
from cletus.contrib.rooms.events import Entered, Left, Said
from cletus.contrib.rooms.room import BaseRoom
from cletus.errors import Refused
from cletus.storage import StoreField
from cletus.text import gettext as _


class Occupant(Protocol):
    """What a room needs of an occupant: a store object with a room, to which lines can be written.

    Its ``str`` is its name in sentences. It may also have ``client``, which is ``None`` while nobody is
    connected; ``ignores(other)``; and ``noun``, ``article`` and ``counted(number)``, by which several of
    one name are listed together.
    """

    key: str
    room: Any

    def write(self, *lines: object) -> None:
        """Show them lines, or do nothing."""


class OccupantMixin:
    """Gives a user or a character a room: it makes them an ``Occupant``.

    Attributes:
        room: where they are, or were last if they are offline. It is saved. It refers to the store
            called ``Room``; declare the field again to use another store.
    """

    room = StoreField[Any]("room")

    if TYPE_CHECKING:
        client: Any
        manager: ClassVar[Any]
        service: ClassVar[Any]
        write: Any

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not getattr(cls, "abstract", True) and getattr(cls, "service", None) is not None:
            cls.service.listen(events.TakenOver)(cls._agree_with_rooms)

    # -- to override ------------------------------------------------------------------------

    def departure_text(self, direction: str) -> str:
        """Shown in the room that they leave. ``direction`` is empty if they do not use an exit."""
        return (
            _("{occupant} goes {direction}.", occupant=self, direction=direction)
            if direction
            else _("{occupant} leaves.", occupant=self)
        )

    def arrival_text(self, direction: str) -> str:
        """Shown in the room that they enter. ``direction`` is the exit that they have used, or empty."""
        whence = arrival(direction)
        if whence:
            return _("{occupant} comes in {whence}.", occupant=self, whence=whence)
        return _("{occupant} comes in.", occupant=self)

    def said_text(self, text: str) -> str:
        """Shown to the others in the room when they say something."""
        return _("{occupant} says: {text}", occupant=self, text=text)

    def see_room(self) -> None:
        """Show them the room that they have entered."""
        if self.room is not None:
            self.write(*self.room.look(self))

    # -- talking ----------------------------------------------------------------------------

    def say(self, text: str) -> bool:
        """Say something to everybody in the room; whether it was sent.

        Raises:
            Refused: they are not in a room.
        """
        if self.room is None:
            raise Refused(_("You are not in a room."))
        if not self.room.write_all(self.said_text(text), exclude=self, by=self):
            return False
        self.write(_("You say: {text}", text=text))
        self.service.fire(Said(self.service, self, self.room, text))
        return True

    # -- moving -----------------------------------------------------------------------------

    def go(self, direction: str) -> None:
        """Use an exit of their room, and show them the new room.

        Raises:
            Refused: there is no such exit, or the other room does not let them in.
        """
        if self.room is None:
            raise Refused(_("You are not in a room."))
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
        self.see_room()
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

    # -- inside -----------------------------------------------------------------------------

    @classmethod
    def _agree_with_rooms(cls, event: events.TakenOver) -> None:
        """After a crash, ``room`` and the occupants of rooms may be a second apart: ``room`` is right."""
        if event.planned:
            return
        users = cls.manager.active().values()
        present = [user for user in users if getattr(user, "client", None) is not None]
        stores = event.service.session.stores.values()
        for store in (store for store in stores if issubclass(store, BaseRoom)):
            for room in store.manager.active().values():
                present += (user for user in room.occupants if type(user) is cls)
                room.occupants[:] = (user for user in room.occupants if type(user) is not cls)
        for user in dict.fromkeys(present):
            if user.room is not None:
                user.room.occupants.append(user)
