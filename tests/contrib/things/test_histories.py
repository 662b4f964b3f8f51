"""Whatever people do, and whenever the process dies: no thing is in two places, and none is lost.

A history is a random sequence of get, give, drop, put, make, destroy, delete a room, reload, stop and crash. A
crash writes any subset of the documents that are about to be saved, in any order, which is more than a
power cut does; then the service starts again with what is there.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cletus.errors import Refused
from cletus.settings.settings import Settings
from cletus.storage.backends.memory import from_url
from cletus.storage.interfaces import Document
from cletus.testing import StepClock, reloaded, staged

NUMBERS = itertools.count(1)
APPLICATION = """
    from cletus import Service, events
    from cletus.contrib.rooms import BaseRoom, OccupantMixin
    from cletus.contrib.things import BaseThing, CarrierMixin, HolderMixin
    from cletus.contrib.users import BaseUser

    service = Service()

    class Room(HolderMixin, BaseRoom):
        service = service

    class User(CarrierMixin, OccupantMixin, BaseUser):
        service = service

    class Thing(BaseThing):
        service = service
        lost_and_found = "room:attic"

    class Bag(Thing):
        pass

    for key in ("attic", "inn"):
        Room(key)

    @service.listen(events.PreStart)
    def wake(_):
        for key in Room.manager.keys():
            Room.manager.get(key)  # one that somebody has dug is loaded as those that a file has
        for key in ("ann", "bob"):
            user = User.manager.get(key) or User(key)
            user.save()
            user.enter_room(Room.manager.get("inn"), quietly=True)
"""


class Disk:
    """A backend in memory, which outlives each service, and which a test can let crash."""

    STORES = ("room", "user", "thing", "bag")

    def __init__(self) -> None:
        self.url = f"memory:history-{next(NUMBERS)}"
        self.backend = from_url(self.url, Settings())

    def contents(self) -> list[Document]:
        """All documents that are on it."""
        return [
            Document(store, key, self.backend.read(store, key))
            for store in self.STORES
            for key in self.backend.keys(store)
        ]

    @contextlib.contextmanager
    def crashing(self, is_kept: Callable[[Document], bool]) -> Iterator[None]:
        """Of what is written now, only this is kept."""
        write_many = self.backend.write_many
        self.backend.write_many = lambda documents: write_many(
            [document for document in documents if is_kept(document)]
        )
        yield
        del self.backend.write_many

    def restore(self, contents: list[Document]) -> None:
        """Have these documents and no others."""
        self.backend.open()
        for document in self.contents():
            self.backend.delete(document.store, document.key)
        self.backend.write_many(contents)
        self.backend.close()


class World:
    """A service in memory, and the disk that outlives it."""

    def __init__(self, folder: Path) -> None:
        (folder / "world.py").write_text(textwrap.dedent(APPLICATION))
        self.folder = folder
        self.disk = Disk()
        self.safe: set[str] = (
            set()
        )  # what was on the disk when it was last quiet, and was not deleted
        self.start()
        for name in ("bag", "bag", "bag", "coin"):
            make = self.stores("bag" if name == "bag" else "thing")[0].manager.make
            make(name, self.stores("room")[0].manager.get("inn"), container=name == "bag")
        self.settle()

    def start(self) -> None:
        self.stack = contextlib.ExitStack()
        self.clock = StepClock()
        self.service = self.stack.enter_context(
            staged(
                str(self.folder / "world.py"),
                self.folder,
                self.clock,
                {"store": self.disk.url, "store_interval": 0.02},
            )
        )

    def settle(self) -> None:
        self.clock.advance(1)
        self.safe |= set(self.things())

    def stores(self, *names: str) -> list[Any]:
        return [self.service.session.stores[name] for name in names]

    def things(self) -> dict[str, Any]:
        things: dict[str, Any] = {}
        for store in self.stores("thing", "bag"):
            things |= store.manager.active()
        return things

    def holders(self) -> list[Any]:
        holders = [
            obj for store in self.stores("room", "user") for obj in store.manager.active().values()
        ]
        return [*holders, *self.things().values()]

    def check(self) -> None:
        """Each thing is in exactly one holder, and every chain of holders ends in a room or with a person."""
        places = [thing.key for holder in self.holders() for thing in holder.contents]
        assert sorted(places) == sorted(self.things()), "in two places, or in none"
        for thing in self.things().values():
            outermost = (thing.containers() or [thing])[-1].place
            assert type(outermost).__name__ in ("Room", "User")
        assert self.safe <= self.things().keys(), "a thing that was saved is lost"


def act(world: World, action: str, chance: random.Random) -> None:
    things = list(world.things().values())
    people = world.stores("user")[0].manager.active()
    ann, bob = people["ann"], people["bob"]
    rooms = list(world.stores("room")[0].manager.active().values())
    bags = [thing for thing in things if thing.container]
    thing = chance.choice(things) if things else None
    if action == "make":
        store = chance.choice(world.stores("thing", "bag"))
        store.manager.make(
            store.__name__.lower(),
            chance.choice(world.holders()[: len(rooms) + 2]),
            container=store.__name__ == "Bag",
        )
    elif action == "dig":
        world.stores("room")[0].manager.active().get("cellar") or world.stores("room")[0](
            "cellar"
        ).save()
    elif action == "wreck":
        cellar = world.stores("room")[0].manager.active().get("cellar")
        if cellar is not None:
            cellar.delete()
    elif action == "reload":
        assert reloaded(world.service, {"world": lambda text: text + "\n# edited\n"}).ok
        world.clock.advance(0)
    elif action == "settle":
        world.settle()
    elif action == "stop":
        world.settle()
        world.stack.close()
        world.start()
        world.clock.advance(0)
    elif action == "crash":
        crash(world, lambda _: chance.random() < 0.5)
    elif thing is None:
        return
    elif action == "destroy":
        world.safe.discard(thing.key)
        thing.delete()
    elif action == "unlink":
        world.safe.discard(thing.key)
        type(thing).manager.delete(thing.key)
    else:
        target = {
            "get": ann,
            "give": bob,
            "drop": chance.choice(rooms),
            "put": chance.choice(bags or [ann]),
        }[action]
        with contextlib.suppress(Refused):
            thing.move_to(target, by=ann)


def crash(world: World, is_kept: Callable[[Document], bool]) -> None:
    """Kill it: of what is about to be saved, some is on the disk, and nothing is written after that."""
    with world.disk.crashing(is_kept):
        world.clock.advance(0.5)
    contents = world.disk.contents()
    world.stack.close()  # this saves everything, as a process that is killed does not
    world.disk.restore(contents)
    world.start()
    world.clock.advance(0)


ACTIONS = [
    *("get", "give", "drop", "drop", "put", "put", "put", "put", "settle", "crash", "crash"),
    *("make", "destroy", "unlink", "dig", "wreck", "reload", "stop"),
]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
@given(
    actions=st.lists(st.sampled_from(ACTIONS), min_size=5, max_size=40), seed=st.integers(0, 2**32)
)
def test_no_thing_is_in_two_places_or_in_none(tmp_path_factory, actions, seed):
    chance = random.Random(seed)
    world = World(tmp_path_factory.mktemp("world"))
    try:
        for action in actions:
            act(world, action, chance)
            world.check()
    finally:
        world.stack.close()


def test_a_crash_between_two_moves_does_not_leave_two_things_in_each_other(tmp_path):
    """A bag was taken out of a box, the box put into the bag, and only the second move was saved."""
    world = World(tmp_path)
    try:
        things = world.things()
        box, bag = things["bag-1"], things["bag-2"]
        bag.move_to(box)
        world.settle()
        bag.move_to(box.place)
        box.move_to(bag)
        crash(world, lambda document: document.key == "bag-1")
        world.check()
        assert world.things()["bag-1"].place is world.things()["bag-2"] or (
            world.things()["bag-2"].place is world.things()["bag-1"]
        )
    finally:
        world.stack.close()
