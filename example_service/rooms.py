"""The house: rooms from rooms.toml, and those that keepers have built."""

from pathlib import Path
from typing import Any, ClassVar

from cletus.contrib.commands import Refused, Rest
from cletus.contrib.editor import Editor
from cletus.contrib.language import sentence
from cletus.contrib.rooms import BaseRoom, RoomFile, RoomManager
from cletus.contrib.rooms.directions import OPPOSITES, SHORT, spelled_out
from cletus.errors import InvalidKey, KeyInUse
from cletus.events import Receive

from example_service.commands import building, commands, moving
from example_service.core import service
from example_service.layout import heading

START = "lamp-room"


class Room(BaseRoom):
    """A place in the house."""

    service = service
    manager: ClassVar[RoomManager["Room"]] = RoomManager()

    def look(self, viewer: object = None) -> list[Any]:
        """What somebody sees here."""
        name, *lines = super().look(viewer)
        return [heading(name), *lines]

    def describe(self, text: str) -> None:
        """Somebody has written another description."""
        self.description = text
        self.save_soon()


RoomFile(Room, Path(__file__).with_name("rooms.toml"))


@moving.register(aliases=("l",))
def look(event: Receive) -> None:
    """Look around."""
    event.user.write(*event.user.room.look(event.user))


@moving.register
def go(event: Receive, direction: str) -> None:
    """Leave by an exit; for the usual ones, .north or .n will do."""
    event.user.go(direction)


def add_direction(direction: str) -> None:
    """``.north`` and ``.n`` are ``.go north``."""
    short = tuple(one for one, name in SHORT.items() if name == direction)

    def take(event: Receive) -> None:
        event.user.go(direction)

    take.__doc__ = f"Go {direction}."
    commands.register(take, name=direction, aliases=short, listed=False)


for each in OPPOSITES:
    add_direction(each)


@building.register
def dig(event: Receive, direction: str, name: Rest) -> None:
    """Build a room behind a new exit: .dig north The attic."""
    here = event.user.room
    if spelled_out(direction) in here.exits:
        raise Refused(f"There is a way {direction} already.")
    try:
        room = Room.manager.create(name.replace(" ", "-"), name=name)
    except (InvalidKey, KeyInUse) as error:
        raise Refused(sentence(error)) from None
    here.connect(direction, room)
    room.save_soon()
    here.save_soon()
    event.user.write(f"There is a way {direction} now, to {room}.")


@building.register
def describe(event: Receive) -> None:
    """Write the description of the room where you are."""
    room = event.user.room
    if room.source:
        raise Refused("This room is written in rooms.toml; edit it there.")
    event.client.start_dialogue(Editor(room.description, then=room.describe))
