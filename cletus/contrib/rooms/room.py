"""A place where people are."""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

from wcwidth import wrap

from cletus.contrib.audience import write_users
from cletus.contrib.language import listed
from cletus.contrib.rooms.directions import OPPOSITES, spelled_out
from cletus.errors import Refused
from cletus.storage import Field, Manager, Store

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


#: Columns of a description. Our choice: fits any terminal.
WIDTH = 79


class BaseRoom(Store):
    """The base of an application's ``Room`` store.

    Attributes:
        name: as its heading has it.
        description: paragraphs, parted by empty lines; they are wrapped when they are shown.
        exits: direction to the key of the room there.
        written: the directions of those exits that a file gave it; the others were made in the house.
        occupants: who is here, in the order of their coming. ``OccupantMixin`` keeps it.
        source: the file that describes the room, or "" if it lives in its store alone.
    """

    abstract = True
    manager: ClassVar[RoomManager[Any]] = RoomManager()

    name: Field[str] = Field("")
    description: Field[str] = Field("")
    exits: Field[dict[str, str]] = Field(dict, type=dict[str, str])
    written: Field[list[str]] = Field(list, type=list[str])
    occupants: Field[list[Any]] = Field(list, session=True)
    source: Field[str] = Field("", session=True)

    def __str__(self) -> str:
        return self.name or self.key

    # -- to override ------------------------------------------------------------------------

    def check_entry(self, who: Any) -> None:
        """Called before somebody enters.

        Raises:
            Refused: they may not; the message is for them.
        """

    def entered(self, who: Any) -> None:
        """Called when somebody has entered, and has seen the room."""

    def left(self, who: Any) -> None:
        """Called when somebody has left."""

    # -- what people see --------------------------------------------------------------------

    def look(self, viewer: Any = None) -> list[Any]:
        """What somebody sees here, as lines of at most 79 columns.

        Args:
            viewer: they do not see themselves.
        """
        paragraphs = self.description.strip().split("\n\n")
        lines: list[Any] = [str(self)]
        lines += [line for one in paragraphs for line in wrap(one, WIDTH)]
        lines += wrap(self.exits_text(), WIDTH)
        lines += wrap(self.people_text(viewer), WIDTH)
        return lines

    def exits_text(self) -> str:
        """The ways out, as a sentence: ``Exits: north and out.``."""
        return f"Exits: {listed(self.exits)}." if self.exits else "There is no way out."

    def people_text(self, viewer: Any = None) -> str:
        """``Ann and Bob are here.``; nothing if nobody is."""
        others = [str(one) for one in self.occupants if one != viewer]
        if not others:
            return ""
        return f"{listed(others)} {'is' if len(others) == 1 else 'are'} here."

    # -- exits ------------------------------------------------------------------------------

    def exit(self, direction: str) -> tuple[str, Any]:
        """The exit that somebody means, and the room there.

        Args:
            direction: in full, by its usual short form, or by its beginning.

        Raises:
            Refused: there is no such exit, or nothing behind it.
        """
        wanted = spelled_out(direction)
        begun = [name for name in self.exits if wanted and name.lower().startswith(wanted)]
        name = wanted if wanted in self.exits else begun[0] if len(begun) == 1 else ""
        if not name:
            raise Refused(f"You cannot go {direction}. {self.exits_text()}")
        room = type(self).manager.get(self.exits[name])
        if room is None:
            raise Refused("That way is closed at the moment.")
        return name, room

    def connect(self, direction: str, other: BaseRoom, back: str | None = None) -> None:
        """Make an exit, and one that leads back; saving both is the caller's.

        Args:
            direction: any word; of the usual ones the way back is known.
            other: the room there.
            back: the way back; ``""`` for none.
        """
        direction = spelled_out(direction)
        back = OPPOSITES.get(direction, "") if back is None else back
        self.exits = {**self.exits, direction: other.key}
        if back:
            other.exits = {**other.exits, back: self.key}

    # -- talking ----------------------------------------------------------------------------

    def write_all(self, *lines: object, exclude: Any = None, by: Any = None) -> None:
        """Write to everybody here; the text is encoded once, not once for each of them.

        Args:
            lines: whole lines.
            exclude: an occupant, or several, who do not get it.
            by: from whom it is; those who ignore them do not get it.
        """
        write_users(self.occupants, *lines, exclude=exclude, by=by)
