"""An evening in the MUD of the template: 20 people and 200 characters, while its author edits and builders build."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from cletus.cli.templates import make
from cletus.errors import Disconnected
from cletus.service.service import Service
from cletus.testing import Log, MemoryDoor, StepClock, reloaded, staged

NAMES = [
    "Ann",
    "Bob",
    "Cara",
    "Dan",
    "Eve",
    "Finn",
    "Gwen",
    "Hal",
    "Iris",
    "Jack",
    "Kate",
    "Lou",
    "Mona",
    "Ned",
    "Olga",
    "Paul",
    "Rosa",
    "Sam",
    "Tess",
    "Ursula",
]
CHARACTERS, LINES = 200, 25
WORDS = (
    *("north", "south", "east", "west", "up", "down", "look", "i", "score", "who"),
    *("get all", "get 2nd thing", "drop all", "put all in bag", "get all from bag", "wear hat"),
    *("remove hat", "eat bread", "kill rat", "kill eel", "flee", "say hello, marta", "look in bag"),
    *("give all to bob", "examine well", "get sword from chest", "help", "xyzzy"),
)
BUILDING = ("dig up A loft {n}", "rename Room {n}", "close up", "open up", "undo", "find loft")


def check(service: Service) -> None:
    """Each thing is in exactly one place, and nobody is in two rooms."""
    stores = {name: store.manager.active() for name, store in service.session.stores.items()}
    holders = [
        obj
        for name in ("room", "user", "beast", "villager", "thing")
        for obj in stores[name].values()
    ]
    held = sorted(thing.key for holder in holders for thing in holder.contents)
    assert held == sorted(stores["thing"])
    occupants = [who.key for room in stores["room"].values() for who in room.occupants]
    assert len(occupants) == len(set(occupants))


def test_an_evening(tmp_path: Path) -> None:
    chance = random.Random(16)
    clock = StepClock()
    folder = make("night_out", "mud", tmp_path)
    with Log().listening() as log, staged("night_out", folder, clock) as service:
        stores: Any = service.session.stores
        rooms = list(stores["room"].manager.active().values())
        for _ in range(CHARACTERS):
            stores["beast"].manager.make("rat", chance.choice(rooms))
        door = MemoryDoor(service)
        people = [door.connect() for _ in NAMES]
        for name, person in zip(NAMES, people, strict=True):
            person.says(name, "y", "black water", "black water")
            person.waits(1)
        service.session.stores["user"].manager.get("ann").grant("builder")
        marsh = folder / "night_out" / "areas" / "marsh.toml"
        for line in range(LINES):
            for number, person in enumerate(people):
                text = chance.choice(WORDS)
                if number == 0 and line % 2:
                    text = chance.choice(BUILDING).format(n=line)
                try:
                    person.says(text)
                except Disconnected:
                    raise AssertionError(person.transcript[-500:]) from None
            clock.advance(chance.choice((0.1, 2, 31)))
            if line % 5 == 0:
                marsh.write_text(marsh.read_text().replace("still", f"still, {line}"))
                module = chance.choice(("fight", "world", "characters", "commands"))
                report = reloaded(
                    service, {f"night_out.{module}": lambda text: text + "\n# edited\n"}
                )
                assert report.ok, report.error
                clock.advance(0)
                assert f"still, {line}" in str(stores_of(service, "room")["pool"].description)
            check(service)
        assert all(person.connected for person in people)
        transcripts = "".join(person.transcript for person in people)
        assert "Something went wrong" not in transcripts
        for text in (
            "The rat dies.",
            "gets a leather bag",
            "There is now an exit",
            "Ask me about the marsh",
        ):
            assert text in transcripts, "the evening was too quiet to show anything"
        assert log.take_failures() == []


def stores_of(service: Service, name: str) -> dict[str, Any]:
    """The active objects of a store."""
    return service.session.stores[name].manager.active()
