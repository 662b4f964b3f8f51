"""Rooms and things. ``areas/`` has a file of rooms for each area."""

from pathlib import Path
from typing import Any, ClassVar

from cletus.contrib.building import AreaFile, AreaRoomMixin, BaseArea
from cletus.contrib.rooms import BaseRoom, RoomManager
from cletus.contrib.things import BaseThing, HolderMixin, ThingFile
from cletus.storage import Field
from cletus.text import style

from example_mud.core import service

AREAS = Path(__file__).with_name("areas")
START = "square"


class Room(AreaRoomMixin, HolderMixin, BaseRoom):
    """A room."""

    service = service
    manager: ClassVar[RoomManager["Room"]] = RoomManager()

    def look(self, viewer: object = None) -> list[Any]:
        """The room as its viewer sees it."""
        name, *lines = super().look(viewer)
        return [style("[bold yellow]{name}[/]", name=name), *lines]


class Area(BaseArea):
    """What the file of an area has said, so that edits can be merged."""

    service = service


class Thing(BaseThing):
    """A thing.

    Attributes:
        damage: what it adds to a blow of somebody who carries it.
        healing: what it heals when it is eaten; 0 if it cannot be eaten.
    """

    service = service
    lost_and_found = f"room:{START}"
    damage = Field(0, type=int)
    healing = Field(0, type=int)


for area in ("village", "marsh", "ruin"):
    AreaFile(Room, Area, AREAS / f"{area}.toml")
ThingFile(Thing, AREAS / "things.toml")
