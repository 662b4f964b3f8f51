"""Events about who is where, for ``@service.listen``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cletus.events import Event


@dataclass(frozen=True, slots=True)
class RoomEvent(Event):
    """Base of the events about an occupant and a room.

    Attributes:
        user: the occupant.
        room: the room.
        direction: the exit that they took, or "".
    """

    user: Any
    room: Any
    direction: str = ""


@dataclass(frozen=True, slots=True)
class Entered(RoomEvent):
    """They are in the room now, and have seen it."""


@dataclass(frozen=True, slots=True)
class Left(RoomEvent):
    """They are no longer in the room."""


@dataclass(frozen=True, slots=True)
class Said(Event):
    """An occupant has said something to everybody in the room (``OccupantMixin.say``).

    Attributes:
        user: the occupant.
        room: the room.
        text: their words.
    """

    user: Any
    room: Any
    text: str
