"""S8: files of rooms, things and characters that were edited before a restart are in force after it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.e2e.harness import Caller
from tests.restart.conftest import Serving

APP = """
from pathlib import Path

from cletus import Service, events
from cletus.contrib.building import AreaFile, AreaRoomMixin, BaseArea
from cletus.contrib.characters import BaseCharacter, CharacterFile
from cletus.contrib.rooms import BaseRoom, OccupantMixin
from cletus.contrib.things import BaseThing, HolderMixin, ThingFile
from cletus.contrib.users import BaseUser

service = Service()


class Room(AreaRoomMixin, HolderMixin, BaseRoom):
    service = service


class Area(BaseArea):
    service = service


class Thing(BaseThing):
    service = service


class Rat(BaseCharacter):
    service = service


class User(OccupantMixin, BaseUser):
    service = service


FOLDER = Path(__file__).parent
AreaFile(Room, Area, FOLDER / "marsh.toml")
ThingFile(Thing, FOLDER / "things.toml")
CharacterFile(Rat, FOLDER / "rats.toml")


@service.listen(events.Receive)
def receive(event):
    if event.user is None:
        user = User(event.data, name=event.data)
        user.log_in(event.client)
        user.enter_room(Room.manager.get("pool"))
    elif event.data == "look":
        event.user.write(*event.user.room.look(event.user), "That is all.")
    else:
        event.user.go(event.data)
"""
MARSH = """
[pool]
description = "Deep."
exits = {}
"""
THINGS = """
[rake]
home = "room:pool"
"""
RATS = """
[rat-1]
name = "rat"
home = "room:pool"
"""


def test_s8_files_that_were_edited_before_a_restart(
    serving: Callable[..., Serving], called: Callable[[int], Caller], tmp_path: Path
) -> None:
    """They were in force from the next reload on."""
    for name, text in (("marsh", MARSH), ("things", THINGS), ("rats", RATS)):
        (tmp_path / f"{name}.toml").write_text(text)
    service = serving("--no-reload", text=APP)
    ann = called(service.port)
    ann.types("ann")
    ann.sees("A rat is here.")
    ann.types("look")
    ann.sees("That is all.")
    edited = MARSH.replace("Deep", "Shallow").replace("{}", '{north = "reeds"}')
    service.write("marsh.toml", f"{edited}\n[reeds]\nname = 'The reeds'\nexits = {{}}\n")
    service.write("things.toml", f"{THINGS}\n[spade]\nhome = 'room:pool'\n")
    service.write("rats.toml", f"{RATS}\n[eel-1]\nname = 'eel'\nhome = 'room:pool'\n")
    report = service.restart()
    assert report["outcome"] == "taken over", report
    ann.types("look")
    seen = ann.sees("That is all.")
    for line in ("Shallow.", "Exits: north.", "spade", "an eel"):
        assert line in seen
    ann.types("north")
    ann.sees("The reeds")
    assert service.stop() == 0
