"""Rooms, their exits, and the users in them. See ``docs/contrib/rooms.md``."""

from cletus.contrib.rooms.directions import spelled_out
from cletus.contrib.rooms.events import Entered, Left, Said
from cletus.contrib.rooms.occupant import Occupant, OccupantMixin
from cletus.contrib.rooms.room import BaseRoom, RoomManager
from cletus.contrib.rooms.room_file import RoomFile
from cletus.errors import RoomFileError

__all__ = [
    "BaseRoom",
    "Entered",
    "Left",
    "Occupant",
    "OccupantMixin",
    "RoomFile",
    "RoomFileError",
    "RoomManager",
    "Said",
    "spelled_out",
]
