"""A fuzz of applications: several modules, and objects of every sort that refer to each other.

R5: what was one object is one object after each edit. R13: a series of edits with the service running
gives what the same series gives with a restart after each edit, session state aside.
"""

from __future__ import annotations

import dataclasses
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock

from cletus import Service
from cletus.reload.code.modules import ApplicationFinder
from cletus.reload.load import load
from cletus.testing import reloaded, start_in_memory
from cletus.testing.describe import describe
from tests.reload.conftest import CORE, write_package

APPLICATIONS = 12
EDITS = 5
OBJECTS = 12

VALUES = """
import dataclasses, enum
import attrs, msgspec

class Mood(enum.Enum):
    CALM = "calm"
    CROSS = "cross"

class Node:
    def __init__(self):
        self.links = []
    def link(self, other):
        self.links.append(other)

@dataclasses.dataclass(eq=False)
class Item:
    name: str
    other: object = None

class Slim:
    __slots__ = ("name", "other")
    def __init__(self, name, other=None):
        self.name, self.other = name, other

@dataclasses.dataclass(frozen=True)
class Key:
    name: str
    near: set = dataclasses.field(default_factory=set, compare=False)

@attrs.define(eq=False)
class Tag:
    name: str
    other: object = None

@dataclasses.dataclass
class Coin:
    worth: int = 1

class Bag(list):
    pass

SWORD = Node()
"""
WORLD = """
from cletus.storage import Field, Store, StoreField
from APP.core import service
from APP import values
from APP.values import Coin, Mood

class Room(Store):
    service = service
    text = Field("bare")
    marks = Field(dict)
    state = Field(session=True)

class User(Store):
    service = service
    name = Field("")
    score = Field(0, type=int)
    mood = Field(Mood.CALM, type=Mood)
    purse = Field(list, type=list[Coin])
    room = StoreField("room")
    state = Field(session=True)

    def greet(self):
        return "hello"

hall = Room("hall", text="a hall")
"""

Edit = tuple[str, str, str]
"""A module, a text in it, and the text that takes its place. Each can be done once."""

GOOD: list[Edit] = [
    ("world", '    name = Field("")', '    name = Field("")\n    fresh = Field(list)'),
    (
        "world",
        '    text = Field("bare")',
        '    text = Field("bare")\n    size = Field(3, type=int)',
    ),
    ("world", "    marks = Field(dict)\n", ""),
    ("world", "score = Field(0, type=int)", 'points = Field(0, type=int, renamed_from="score")'),
    ("world", 'text="a hall"', 'text="a hall with a fire"'),
    ("world", 'return "hello"', 'return "good morning"'),
    ("world", "class Room(Store):\n", "class Room(Store):\n    marked = True\n\n"),
    ("values", '    CROSS = "cross"', '    CROSS = "cross"\n    GLAD = "glad"'),
    ("values", 'CALM = "calm"', 'COOL = "calm"\n    CALM = COOL'),
    ("values", "    worth: int = 1", "    worth: int = 1\n    worn: bool = False"),
    ("values", "@dataclasses.dataclass(eq=False)", "@dataclasses.dataclass(eq=False, slots=True)"),
    ("values", '__slots__ = ("name", "other")', '__slots__ = ("name", "other", "more")'),
    ("values", "@attrs.define(eq=False)", "@dataclasses.dataclass(eq=False)"),
    ("values", "class Bag(list):\n    pass", "class Bag(list):\n    size = property(len)"),
    ("values", "self.links.append(other)", "self.links.insert(0, other)"),
    (
        "values",
        "@dataclasses.dataclass(frozen=True)",
        "@dataclasses.dataclass(frozen=True, slots=True)",
    ),
]
BROKEN: list[Edit] = [
    ("world", "hall = Room", "1/0\nhall = Room"),
    ("world", '    name = Field("")', "    name = Field('')\n    bad = Field(lambda: 1 / 0)"),
    ("values", "    worth: int = 1", "    worth: int = 1\n    must: int = dataclasses.field()"),
    ("core", "service = Service()", "service = Servise()"),
]


def graph(values: Any, users: list[Any], chance: random.Random) -> list[Any]:
    """Objects of every sort, linked at random: cycles, shared parts, sets and keys."""
    nodes: list[Any] = [values.Node() for _ in range(OBJECTS // 3)]
    nodes += [values.Item(f"item {n}") for n in range(OBJECTS // 3)]
    nodes += [values.Slim("slim"), values.Tag("tag"), values.Bag(), values.SWORD]
    keys = [values.Key(f"key {n}") for n in range(3)]

    def something(depth: int = 0) -> Any:
        sort = chance.randrange(9 if depth < 3 else 4)
        return [
            lambda: chance.choice(nodes),
            lambda: chance.choice(users),
            lambda: chance.choice(list(values.Mood)),
            lambda: chance.choice([values.Node, values.Node.link, chance.choice(users).greet]),
            lambda: [something(depth + 1) for _ in range(3)],
            lambda: (something(depth + 1), something(depth + 1)),
            lambda: {chance.choice(keys): something(depth + 1), values.Mood.CROSS: 1},
            lambda: {chance.choice(keys), values.Mood.CALM, chance.choice(nodes[:3])},
            lambda: frozenset({values.Mood.CROSS, chance.choice(keys)}),
        ][sort]()

    for node in nodes:
        if isinstance(node, values.Node):
            node.links += [something(), something()]
        elif isinstance(node, values.Bag):
            node += [something(), something()]
        else:
            node.other = something()
    for key in keys:
        key.near.update(chance.sample(keys, 2))
    return [nodes, keys, something(), something()]


def populate(service: Service, name: str, seed: int) -> None:
    chance = random.Random(seed)
    stores, values = service.session.current.stores, sys.modules[f"{name}.values"]
    rooms = [*stores["room"].manager.active().values(), stores["room"]("attic", text="an attic")]
    users = [stores["user"](f"user{n}", name=f"User {n}") for n in range(3)]
    for user in users:
        user.score = chance.randrange(10)
        user.mood = chance.choice([values.Mood.CALM, values.Mood.CROSS])
        user.purse = [values.Coin(chance.randrange(5)) for _ in range(2)]
        user.room = chance.choice(rooms)
    for room in rooms:
        room.marks = {"a": [1, {"b": None}]}
    state = graph(values, users, chance)
    for each in (*users, *rooms):
        each.state = [state, *state]


def identities(service: Service) -> list[int]:
    """The identity of each object that any class may go on with, in the order of a walk."""
    found: list[int] = []
    seen: set[int] = set()

    def walk(value: Any) -> None:
        if id(value) in seen or isinstance(value, str | int | type | None):
            return
        seen.add(id(value))
        name = type(value).__name__
        if name in ("Node", "Bag", "User", "Room", "list", "dict"):
            found.append(id(value))
        parts: list[Any] = []
        if isinstance(value, dict):
            parts = [part for pair in value.items() for part in pair]
        elif isinstance(value, list | tuple):
            parts = list(value)
        if name in ("Node", "Key", "User", "Room"):
            attribute = {"Node": "links", "Key": "near"}.get(name, "state")
            parts += [getattr(value, attribute)]
        elif hasattr(value, "other"):
            parts += [value.other]
        for part in parts:
            walk(part)

    for store in ("user", "room"):
        for obj in service.session.current.stores[store].manager.active().values():
            walk(obj)
    return found


def sets_hold_their_members(service: Service) -> bool:
    (keys,) = {id(user.state[0][1]): user.state[0][1] for user in _users(service)}.values()
    return all(member in key.near for key in keys for member in list(key.near))


def _users(service: Service) -> list[Any]:
    return list(service.session.current.stores["user"].manager.active().values())


def shape(service: Service) -> Any:
    """The session state, described; what has only got another layout is described the same."""
    return describe([[_plain(user.state, {}) for user in _users(service)]])


def _plain(value: Any, seen: dict[int, int]) -> Any:
    if id(value) in seen:
        return ("again", seen[id(value)])
    if isinstance(value, str | int | None):
        return value
    seen[id(value)] = len(seen)
    name = type(value).__name__
    if isinstance(value, type) or callable(value):
        return ("code", value.__qualname__)
    if name == "Mood":
        return (name, value.value)
    if isinstance(value, set | frozenset):
        return (name, sorted(repr(_member(part)) for part in value))
    if isinstance(value, dict):
        return (name, [(_plain(k, seen), _plain(v, seen)) for k, v in value.items()])
    if isinstance(value, list | tuple):
        return (name, [_plain(part, seen) for part in value])
    if name in ("User", "Room"):
        return (name, value.key)
    fields = [field for field in ("name", "other", "links", "near") if hasattr(value, field)]
    return (name, [(field, _plain(getattr(value, field), seen)) for field in fields])


def _member(value: Any) -> tuple[str, Any]:
    name = type(value).__name__
    return name, value.value if name == "Mood" else getattr(value, "name", "")


def permanent(service: Service, *, saved: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, store_cls in service.session.current.stores.items():
        objects = store_cls.manager.saved() if saved else store_cls.manager.active()
        found[name] = {
            key: {field: describe(_bare(value)) for field, value in sorted(obj.to_dict().items())}
            for key, obj in sorted(objects.items())
        }
    return found


def _bare(value: Any) -> Any:
    if isinstance(value, list):
        return [_bare(part) for part in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return value


def start(folder: Path, name: str, texts: dict[str, str]) -> Service:
    write_package(folder, name, texts)
    service = load(name, folder)
    service.configure(store=str(folder / "store"), store_sync="rename", reload=False)
    failures: list[Any] = []
    service.start(Clock(), doors=()).addErrback(failures.append)
    assert failures == []
    return service


def stop(service: Service, name: str) -> None:
    service.stop()
    service.reactor.advance(10)
    for module in [each for each in sys.modules if each.partition(".")[0] == name]:
        del sys.modules[module]
    sys.meta_path[:] = [each for each in sys.meta_path if not isinstance(each, ApplicationFinder)]


def replaced(edit: Edit) -> Callable[[str], str]:
    return lambda text: text.replace(edit[1], edit[2], 1)


@pytest.mark.parametrize("seed", range(APPLICATIONS))
def test_random_applications_keep_identities_and_agree_with_a_restart(tmp_path: Path, seed: int):
    chance = random.Random(seed)
    name = f"fuzzed{seed}"
    texts = {"core": CORE, "values": VALUES, "world": WORLD.replace("APP", name)}
    texts["init"] = f"from {name} import core, values, world\n"
    edits = chance.sample(GOOD, EDITS)

    live, again = tmp_path / "live", tmp_path / "again"
    live.mkdir()
    again.mkdir()
    write_package(live, name, texts)
    service = load(name, live)
    start_in_memory(service)
    populate(service, name, seed)
    for edit in edits:
        assert edit[1] in service.reloader.sources.modules[f"{name}.{edit[0]}"].data.decode(), edit
        before, was = identities(service), shape(service)
        bad = chance.choice(BROKEN)
        report = reloaded(service, {f"{name}.{bad[0]}": replaced(bad)})
        assert not report.ok, bad
        assert (identities(service), shape(service)) == (before, was), bad
        report = reloaded(service, {f"{name}.{edit[0]}": replaced(edit)})
        assert report.ok, str(report)
        assert report.notes == [note for note in report.notes if note.startswith("renamed")]
        assert (identities(service), shape(service)) == (before, was), edit
        assert sets_hold_their_members(service)
        values = sys.modules[f"{name}.values"]
        assert all(
            type(node) is getattr(values, type(node).__name__)
            for node in _users(service)[0].state[1]
        )
        assert values.SWORD in _users(service)[0].state[1]
    by_reload = permanent(service, saved=False)
    stop(service, name)

    service = start(again, name, texts)
    populate(service, name, seed)
    for module, old, new in edits:
        assert service.save_all() == []
        stop(service, name)
        texts[module] = texts[module].replace(old, new, 1)
        service = start(again, name, texts)
        for store_cls in service.session.stores.values():
            for key in list(store_cls.manager.keys()):
                if key not in store_cls.manager.active():
                    store_cls.manager.get(key)
                elif key != "hall":
                    store_cls.manager.active()[key].load()
    by_restart = permanent(service, saved=False)
    # What a module body makes is made anew by a restart, and keeps its live values in a reload.
    for found in (by_reload, by_restart):
        hall = found["room"].pop("hall")
        assert "hall" in hall["text"]
    assert by_reload == by_restart
    stop(service, name)
