"""Rooms: a description, exits to other rooms, and the users who are there."""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

from wcwidth import wrap

from cletus.contrib.audience import write_users
from cletus.contrib.language import capitalised, grouped, listed
from cletus.contrib.rooms.directions import OPPOSITES, spelled_out
from cletus.errors import Refused
from cletus.storage import Field, Manager, Store
from cletus.text import gettext as _
from cletus.text import ngettext
from cletus.text.translation import in_language

R = TypeVar("R", bound="BaseRoom")


class RoomManager(Manager[R]):
    """The manager of a store of rooms."""

    def get_by_name(self, name: str) -> R | None:
        """The room of this key, or the active room of this name; ``None`` if there is none."""
        room = self.get(name)
        if room is not None:
            return room
        wanted = name.strip().lower()
        return next((room for room in self.active().values() if room.name.lower() == wanted), None)

    def get_or_any(self, key: str) -> R:
        """The room of this key; if it does not exist any more, the one with the most exits.

        Raises:
            LookupError: there are no rooms.
        """
        room = self.get(key)
        if room is not None:
            return room
        rooms = self.all().values()
        if not rooms:
            raise LookupError("there are no rooms")
        return max(rooms, key=lambda room: len(room.exits))


#: Columns of a description. Our choice: it fits any terminal.
WIDTH = 79


class BaseRoom(Store):
    """The base of an application's ``Room`` store.

    Attributes:
        name: the heading of its description.
        description: paragraphs with empty lines between them; they are wrapped when they are shown.
        exits: direction to the key of the room there.
        written: the directions of the exits that come from a file; others were made in the game.
        occupants: the users who are here, in the order of their arrival. ``OccupantMixin`` sets it.
        source: the file that describes the room; empty if it is only in its store.
    """

    abstract = True
    manager: ClassVar[RoomManager[Any]] = RoomManager()
    #: The keys of the rooms that files describe: an exit may lead to a room of another file.
    described: ClassVar[frozenset[str]] = frozenset()

    name: Field[str] = Field("")
    description: Field[str] = Field("")
    exits: Field[dict[str, str]] = Field(dict, type=dict[str, str])
    written: Field[list[str]] = Field(list, type=list[str])
    occupants: Field[list[Any]] = Field(list, session=True)
    source: Field[str] = Field("", session=True)

    def __str__(self) -> str:
        return self.name or self.key

    # -- to override ------------------------------------------------------------------------

    def check_entry(self, user: Any) -> None:
        """Called before a user enters. Override it to keep users out.

        Raises:
            Refused: the user may not enter; they are shown the message.
        """

    def entered(self, user: Any) -> None:
        """Called when a user has entered and has been shown the room."""

    def left(self, user: Any) -> None:
        """Called when a user has left."""

    # -- description --------------------------------------------------------------------

    def look(self, viewer: Any = None) -> list[Any]:
        """The room in the viewer's language, as lines of at most 79 columns; in a browser, as paragraphs.

        Args:
            viewer: the user who looks; they are not listed.
        """
        terminal = getattr(getattr(viewer, "client", None), "terminal", None)
        reflows = getattr(terminal, "reflows", False)
        language = getattr(terminal, "language", "")
        paragraphs = self.description.strip().split("\n\n")
        lines: list[Any] = [str(self)]
        texts = (self.exits_text(), self.things_text(viewer), self.people_text(viewer))
        for text in (*paragraphs, *(in_language(text, language) for text in texts)):
            if reflows:
                lines += [" ".join(text.split())] if text.strip() else []
            else:
                lines += wrap(text, WIDTH)
        return lines

    def exits_text(self) -> str:
        """The exits as a sentence: ``Exits: north and out.``."""
        return (
            _("Exits: {exits}.", exits=listed(self.exits))
            if self.exits
            else _("There are no exits.")
        )

    def things_text(self, viewer: Any = None) -> str:
        """What lies here, as a sentence; by itself a room has no things (see ``contrib.things``)."""
        return ""

    def people_text(self, viewer: Any = None) -> str:
        """``Ann and Bob are here.``; empty if nobody is."""
        others = [user for user in self.occupants if user != viewer]
        if not others:
            return ""
        names = capitalised(listed(grouped(others)))
        return ngettext("{names} is here.", "{names} are here.", len(others), names=names)

    # -- exits ------------------------------------------------------------------------------

    def exit(self, direction: str) -> tuple[str, Any]:
        """Find an exit.

        Args:
            direction: in full, abbreviated, or the beginning of its name. ``north`` and ``n`` never
                mean ``northeast``, but ``n`` finds an exit ``nook``.

        Returns:
            The name of the exit, and the room there.

        Raises:
            Refused: there is no such exit, there are several, or the room does not exist.
        """
        typed, wanted = direction.lower(), spelled_out(direction)
        fitting = [name for name in self.exits if typed and name.lower().startswith(typed)]
        if wanted in OPPOSITES:
            fitting = [name for name in fitting if name.lower() not in OPPOSITES]
        if wanted in self.exits:
            fitting = [wanted]
        if not fitting:
            raise Refused(
                _(
                    "You cannot go {direction}. {exits_text}",
                    direction=direction,
                    exits_text=self.exits_text(),
                )
            )
        if len(fitting) > 1:
            raise Refused(
                _(
                    "{direction!r} could be {exits}.",
                    direction=direction,
                    exits=listed(fitting, word="or"),
                )
            )
        room = type(self).manager.get(self.exits[fitting[0]])
        if room is None:
            raise Refused(_("That way is closed."))
        return fitting[0], room

    def connect(self, direction: str, other: BaseRoom, back: str | None = None) -> None:
        """Make an exit, and one that leads back. The caller saves both rooms.

        Args:
            direction: any word.
            other: the room there.
            back: the direction of the way back, or ``""`` for none; by default the opposite.
        """
        direction = spelled_out(direction)
        back = OPPOSITES.get(direction, "") if back is None else back
        self.exits = {**self.exits, direction: other.key}
        if back:
            other.exits = {**other.exits, back: self.key}

    # -- talking ----------------------------------------------------------------------------

    def write_all(
        self, *lines: object, exclude: Any = None, by: Any = None, notice: bool = False
    ) -> bool:
        """Write to everybody here. Arguments and result are as for ``write_users``."""
        return write_users(self.occupants, *lines, exclude=exclude, by=by, room=self, notice=notice)
