"""Rooms: those of rooms.toml, and those that builders make in the game."""

from pathlib import Path
from typing import Any, ClassVar

from cletus.contrib.commands import Refused, Rest
from cletus.contrib.editor import Editor
from cletus.contrib.language import sentence
from cletus.contrib.rooms import BaseRoom, RoomFile, RoomManager
from cletus.contrib.rooms.directions import OPPOSITES, SHORT, spelled_out
from cletus.contrib.users import save_for
from cletus.errors import InvalidKey, KeyInUse
from cletus.events import Receive

from example_service.commands import building, commands, moving
from example_service.core import service
from example_service.layout import heading

START = "lamp-room"


class Room(BaseRoom):
    """A room of the lighthouse."""

    service = service
    manager: ClassVar[RoomManager["Room"]] = RoomManager()

    def look(self, viewer: object = None) -> list[Any]:
        """The room as its viewer sees it."""
        name, *lines = super().look(viewer)
        return [heading(name), *lines]

    def describe(self, text: str) -> object:
        """Set and save the description. The editor waits until it is saved."""
        self.description = text
        return self.save_soon()


RoomFile(Room, Path(__file__).with_name("rooms.toml"))


@moving.register(aliases=("l",))
def look(event: Receive) -> None:
    """Look around."""
    event.user.write(*event.user.room.look(event.user))


@moving.register
def go(event: Receive, direction: str) -> None:
    """Leave by an exit: .go north, or just .north or .n."""
    event.user.go(direction)


def add_direction(direction: str) -> None:
    """Register ``.north``, or ``.n``, as a command for ``.go north``."""

    def take(event: Receive) -> None:
        event.user.go(direction)

    take.__doc__ = f"Go {spelled_out(direction)}."
    commands.register(take, name=direction, listed=False)


for name in (*OPPOSITES, *SHORT):
    add_direction(name)


@building.register
def dig(event: Receive, direction: str, name: Rest) -> None:
    """Build a room behind a new exit: .dig north The attic."""
    here = event.user.room
    if spelled_out(direction) in here.exits:
        raise Refused(f"There already is an exit {direction}.")
    try:
        room = Room.manager.create(name.replace(" ", "-"), name=name)
    except (InvalidKey, KeyInUse) as error:
        raise Refused(sentence(error)) from None
    here.connect(direction, room)
    save_for(room, event.user)
    save_for(here, event.user)
    event.user.write(f"There is now an exit {direction}, to {room}.")


@building.register
def describe(event: Receive) -> None:
    """Write the description of the room you are in."""
    room = event.user.room
    if room.source:
        raise Refused("This room comes from rooms.toml. Edit it there.")
    event.client.start_dialogue(Editor(room.description, then=room.describe))
