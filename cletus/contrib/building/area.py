"""Areas: rooms that belong together, and who may build in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cletus.contrib.permissions import has_permission
from cletus.errors import Refused
from cletus.storage import Field, Store
from cletus.text import gettext as _

if TYPE_CHECKING:
    from cletus.contrib.rooms import BaseRoom

    _Base = BaseRoom
else:
    _Base = object


class AreaRoomMixin(_Base):
    """Gives a room an area and exits that can be closed: ``class Room(AreaRoomMixin, BaseRoom)``.

    Attributes:
        area: the key of its area; empty for none.
        closed: the directions of the exits that are closed.
    """

    area: Field[str] = Field("")
    closed: Field[list[str]] = Field(list, type=list[str])

    def exit(self, direction: str) -> tuple[str, Any]:
        """As ``BaseRoom.exit``; a closed exit is refused, too."""
        name, room = super().exit(direction)
        if name in self.closed:
            raise Refused(_("The way {name} is closed.", name=name))
        return name, room

    def describe(self, text: str) -> None:
        """Set the description, and save it soon."""
        self.description = text
        self.save_soon()


class BaseArea(Store):
    """The base of an application's ``Area`` store: what the file of an area said when it was merged.

    Attributes:
        written: key of a room to its fields in the file.
        conflicts: what builders and the author have both changed, in the last merge: ``square: name``.
        path: the file; empty if the area has none.
    """

    abstract = True
    written: Field[dict[str, dict[str, Any]]] = Field(dict, type=dict[str, dict[str, Any]])
    conflicts: Field[list[str]] = Field(list, type=list[str])
    path: Field[str] = Field("", session=True)


def check_build(user: Any, room: Any) -> None:
    """Whether somebody may build in a room: with the permission ``build``, or ``build:marsh`` for one area.

    Raises:
        Refused: they may not.
    """
    area = getattr(room, "area", "")
    if has_permission(user, "build") or (area and has_permission(user, f"build:{area}")):
        return
    if area:
        raise Refused(_("You may not build in {area}.", area=area))
    raise Refused(_("You may not build in this room."))


def may_build_somewhere(user: Any) -> bool:
    """Whether they may build in the room that they are in; for the listing of commands."""
    try:
        check_build(user, getattr(user, "room", None))
    except Refused:
        return False
    return True
