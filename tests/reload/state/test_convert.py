"""Every object of the application goes on as itself, whoever holds it, and its values with it."""

from __future__ import annotations

import collections
import contextlib
import gc
import sqlite3
import weakref
from collections import deque
from contextvars import Context
from functools import partial
from types import MappingProxyType, MethodType, SimpleNamespace
from typing import Any

import pytest
from twisted.internet.task import LoopingCall

from tests.reload.test_r1_nothing_changes import fingerprint

WORLD = """
    import dataclasses, enum, functools, typing
    import attrs, msgspec
    from cletus.storage import Field, Store
    from APP.core import service

    class Player:
        def __init__(self):
            self.hp = 1
        def regenerate(self):
            self.hp += 1
        def __hidden(self):
            return "v1"
        def hide(self):
            return self.__hidden

    class Proxy:
        def __init__(self, target):
            self.target = target
        def __getattr__(self, name):
            return getattr(self.target, name)

    @dataclasses.dataclass
    class Item:
        name: str
        worth: int = 1

    class Box(Store):
        service = service
        one = Field(session=True)
        two = Field(session=True)
        three = Field(session=True)
"""


@pytest.fixture
def app(run):
    return run(world=WORLD)


@pytest.fixture
def box(app):
    return app.store("box")("box")


def edit(app, *pairs: str, **more):
    """Reload with these texts in place of others in the module."""

    def edited(text):
        for old, new in zip(pairs[::2], pairs[1::2], strict=True):
            assert old in text
            text = text.replace(old, new)
        return text

    return app.reload(world=edited, **more)


def edited(app, *pairs: str):
    report = edit(app, *pairs)
    assert report.ok, str(report)
    return report


# -- in place ----------------------------------------------------------------------------------


def test_a_plain_object_stays_itself_for_a_library_that_calls_its_methods(app):
    """What the LoopingCall of Twisted does, it does to the player whom everybody sees."""
    client = app.person().client
    client.player = player = app.module("world").Player()
    loop = LoopingCall(player.regenerate)
    loop.clock = app.clock
    loop.start(1, now=False)
    edited(app, "self.hp = 1", "self.hp = 5")
    app.clock.advance(1)
    assert client.player is player
    assert player.hp == 2
    loop.stop()


def test_a_proxy_is_not_asked_for_anything(app, box):
    world = app.module("world")
    box.one = world.Proxy(world.Proxy(world.Player()))
    edited(app, "self.hp = 1", "self.hp = 5")
    assert box.one.hp == 1
    assert type(box.one) is app.module("world").Proxy


def test_values_that_are_in_each_other_s_sets_are_found_there(run):
    """Their hash is that of the new code, when both are of the new code."""
    app = run(
        world=WORLD
        + """
    @dataclasses.dataclass(frozen=True)
    class Node:
        name: str
        near: set = dataclasses.field(default_factory=set, compare=False)
    """
    )
    world, box = app.module("world"), app.store("box")("box")
    hall, attic = world.Node("hall"), world.Node("attic")
    hall.near.add(attic)
    attic.near.add(hall)
    box.one, box.two = hall, {hall: {attic: 1}}
    hashed = "        def __hash__(self):\n            return len(self.name)\n"
    report = app.reload(world=lambda text: text + hashed.replace("    ", " " * 4, 1)[4:])
    assert report.ok, str(report)
    assert box.one is hall
    assert hall in attic.near
    assert attic in hall.near
    assert box.two[hall][attic] == 1
    assert hash(hall) == 4


CLOSED = """
    class Journal:
        def __init__(self):
            self.closed = [False]
        def __del__(self):
            self.closed[0] = True
"""


@pytest.mark.parametrize("slots", ["", "    __slots__ = ('closed',)\n"])
@pytest.mark.parametrize("tail", ["", "    1/0\n"])
def test_nothing_is_closed_by_a_reload_whether_good_or_refused(run, slots, tail):
    """There is no copy whose end would close what the live object uses; nor is there an old one."""
    app = run(world=WORLD + CLOSED, last="")
    box = app.store("box")("box")
    box.one = app.module("world").Journal()
    closed = box.one.closed
    broken = "from APP.world import Box\nBox('x')\n1/0\n".replace("APP", app.name) if tail else ""
    report = app.reload(
        world=lambda text: text.replace("class Journal:\n", f"class Journal:\n{slots}"),
        last=broken,
    )
    assert report.ok is not bool(tail)
    gc.collect()
    assert closed == [False]
    assert box.one.closed is closed


# -- another layout ------------------------------------------------------------------------------

LAYOUTS = {
    "a dataclass gets slots": "@dataclasses.dataclass(slots=True)",
    "frozen slots": "@dataclasses.dataclass(slots=True, frozen=True)",
    "attrs": "@attrs.define",
    "msgspec": "@(lambda cls: msgspec.defstruct('Item', [('name', str), ('worth', int, 1)],"
    " module=__name__))",
}


def holders(item: Any) -> dict[str, Any]:
    """Everything that can hold an object."""

    def closure():
        return item

    return {
        "list": [item],
        "dict value": {"x": item},
        "tuple": (1, (item,)),
        "deque": deque([item]),
        "partial": partial(print, item),
        "closure": closure,
        "another library's object": SimpleNamespace(deep=[item]),
        "weak reference": weakref.ref(item),
    }


def held(kind: str, holder: Any) -> Any:
    if kind == "closure":
        return holder()
    if kind == "partial":
        return holder.args[0]
    if kind == "another library's object":
        return holder.deep[0]
    if kind == "weak reference":
        return holder()
    while isinstance(holder, list | dict | tuple | deque):
        holder = holder["x"] if isinstance(holder, dict) else holder[-1]
    return holder


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("kind", ["list", "dict value", "tuple", "deque", "partial", "closure"])
def test_another_layout_is_made_anew_by_names_in_the_place_of_the_old_one(app, box, layout, kind):
    item = app.module("world").Item("lamp", 5)
    box.one, box.two = holders(item)[kind], item
    del item
    edited(
        app,
        "    @dataclasses.dataclass\n    class Item".replace("    ", ""),
        f"{layout}\nclass Item",
    )
    item = box.two
    assert type(item) is app.module("world").Item
    assert (item.name, item.worth) == ("lamp", 5)
    assert held(kind, box.one) is item


@pytest.mark.parametrize("kind", ["another library's object", "weak reference"])
def test_other_holders_of_what_is_made_anew(app, box, kind):
    item = app.module("world").Item("lamp", 5)
    box.one, box.two = holders(item)[kind], item
    outside = [item]
    del item
    text = "@dataclasses.dataclass"
    edited(app, text, f"{text}(slots=True, weakref_slot=True)")
    assert held(kind, box.one) is box.two
    assert outside[0] is box.two


@pytest.mark.parametrize(
    ("before", "after", "made", "holds"),
    [
        ("collections.deque", "collections.deque", "([1, 2], 3)", "deque([1, 2], maxlen=3)"),
        ("collections.defaultdict", "collections.defaultdict", "(int, a=1)", "{'a': 1}"),
        ("collections.OrderedDict", "collections.OrderedDict", "(a=1)", "{'a': 1}"),
        ("dict", "collections.OrderedDict", "(a=1)", "{'a': 1}"),
        ("list", "collections.deque", "([1])", "deque([1])"),
        ("object", "dict", "()", "{}"),
        ("dict", "object", "()", None),
        ("dict", "object", "(a=1)", "is not a dict any more: what is in it would be lost"),
        ("str", "object", "('a')", "is not a str any more: what is in it would be lost"),
    ],
)
def test_what_is_made_anew_holds_what_the_old_one_held(run, before, after, made, holds):
    """As a list, a dict and so on. What cannot hold it refuses the reload: nothing is lost in silence."""
    text = f"import collections\nclass Bag({before}):\n    label = None\n"
    app = run(world=text)
    app.service.bag = bag = eval(f"Bag{made}", vars(app.module("world")))
    bag.label = "old"
    slots = "    __slots__ = ('label',)\n"
    report = app.reload(world=f"import collections\nclass Bag({after}):\n{slots}")
    if holds is not None and holds.startswith("is not"):
        assert holds in report.error
        assert app.service.bag is bag
        return
    assert report.ok, str(report)
    bag = app.service.bag
    assert type(bag) is app.module("world").Bag
    assert bag.label == "old"
    if holds is not None:
        base = next(cls for cls in (collections.deque, dict) if isinstance(bag, cls))
        assert repr(base(bag) if base is dict else base(bag, bag.maxlen)) == holds
    assert getattr(bag, "default_factory", int) is int


def test_a_proxy_of_what_is_made_anew_stands_for_the_new_object(run):
    app = run(world="class Room:\n    pass\n")
    app.service.room = room = app.module("world").Room()
    room.name = "hall"
    app.service.seen = {"near": weakref.proxy(room)}
    del room
    assert app.reload(world="class Room:\n    __slots__ = ('name', '__weakref__')\n").ok
    app.service.room.name = "attic"
    assert app.service.seen["near"].name == "attic"


def test_a_refused_reload_puts_the_old_object_back_everywhere(run):
    app = run(world=WORLD, last="")
    item, box = app.module("world").Item("lamp", 5), app.store("box")("box")
    box.one, box.two = {"deep": (item, [item])}, frozenset({1})
    keys = {item.name: item}
    before = fingerprint(app)
    bad = (
        "from cletus.storage import Field\nfrom APP.world import Box\n"
        "Box.fields['one'].deserialise = None\n"
    )
    report = edit(
        app,
        "@dataclasses.dataclass",
        "@dataclasses.dataclass(slots=True)",
        "one = Field(session=True)",
        "one = Field(session=True)\n    new = Field(lambda: 1 / 0)",
        last=bad.replace("APP", app.name),
    )
    assert not report.ok
    assert fingerprint(app) == before
    assert box.one["deep"][0] is box.one["deep"][1][0] is keys["lamp"] is item


def test_slots_that_are_taken_away_let_their_values_go_and_the_report_counts_them(app, box):
    edited(app, "@dataclasses.dataclass", "@dataclasses.dataclass(slots=True)")
    box.one = [app.module("world").Item("lamp", 5), app.module("world").Item("rope", 6)]
    report = edited(app, "    worth: int = 1\n", "")
    assert [item.name for item in box.one] == ["lamp", "rope"]
    assert report.fields_dropped == {"Item.worth": 2}


@pytest.mark.parametrize(
    "layout", ["@dataclasses.dataclass", "@dataclasses.dataclass(slots=True)", "@attrs.define"]
)
def test_a_new_required_field_refuses_naming_class_field_and_number(app, box, layout):
    edited(app, "@dataclasses.dataclass", layout)
    box.one = [app.module("world").Item(name) for name in "abc"]
    report = edit(app, "    worth: int = 1", "    worth: int\n    weight: int")
    assert not report.ok
    assert (
        "Box 'box', field 'one': app0.world.Item has a new required field, 'weight', which 3 objects "
        "lack: give it a default"
    ) in report.error
    assert [item.name for item in box.one] == ["a", "b", "c"]


def test_objects_of_the_old_code_alone_do_not_refuse_a_required_field(run):
    """The new module body makes its table anew, with the new field."""
    app = run(world=WORLD + "\n    TABLE = {'x': [Item('lamp')]}\n")
    edited(
        app, "worth: int = 1", "worth: int\n    weight: int", "Item('lamp')", "Item('lamp', 1, 2)"
    )
    assert app.module("world").TABLE["x"][0].weight == 2


# -- enum members, functions, methods ----------------------------------------------------------

MOODS = """
    class Mood(enum.Enum):
        MERRY = "merry"
        SAD = "sad"

    class Plain:
        pass

    def traced(function):
        def traced(self):
            return function(self) + "!"
        return traced

    class Door:
        @traced
        def creak(self):
            return "v1"
        def __close(self):
            return "v1"
        def closer(self):
            return self.__close

    greet = lambda: "v1"
"""


@pytest.fixture
def moody(run):
    return run(world=WORLD + MOODS)


def test_an_enum_member_goes_by_its_name_and_then_by_its_value(moody):
    box, mood = moody.store("box")("box"), moody.module("world").Mood
    box.one, box.two = [mood.MERRY, {mood.SAD: {mood.MERRY}}], (mood.SAD, frozenset({mood.MERRY}))
    edited(moody, "MERRY", "GLAD", '"sad"', '"blue"')
    mood = moody.module("world").Mood
    assert box.one == [mood.GLAD, {mood.SAD: {mood.GLAD}}]
    assert box.two == (mood.SAD, frozenset({mood.GLAD}))
    assert box.one[0] is mood.GLAD


@pytest.mark.parametrize(
    ("value", "old", "new", "reason"),
    [
        ("Mood.SAD", "class Mood(enum.Enum)", "class Mood", "Mood is not an enum any more"),
        ("Plain()", "class Plain:\n    pass", "class Plain(enum.Enum):\n    X = 1", "an enum"),
    ],
)
def test_a_class_that_becomes_another_sort_refuses_naming_the_value(moody, value, old, new, reason):
    box = moody.store("box")("box")
    box.one = {"deep": [eval(value, vars(moody.module("world")))]}
    report = edit(moody, old, new)
    assert not report.ok
    assert report.error.startswith("Box 'box', field 'one': app0.world.")
    assert reason in report.error
    box.one = None
    assert edit(moody, old, new).ok


def test_private_and_decorated_methods_and_named_lambdas_are_found(moody):
    box, world = moody.store("box")("box"), moody.module("world")
    door = world.Door()
    box.one = [door.closer(), door.creak, world.greet, partial(door.creak)]
    box.two = weakref.WeakMethod(door.creak)
    moody.service.call_later(1, door.closer())
    report = edited(moody, '"v1"', '"v2"')
    assert report.warnings == []
    assert [call() for call in box.one] == ["v2", "v2!", "v2", "v2!"]
    assert box.two()() == "v2!"
    assert [timer.active for timer in moody.service.session.current.timers] == [True]


def test_what_a_library_holds_directly_is_of_the_new_code(moody):
    box, world = moody.store("box")("box"), moody.module("world")
    box.one = SimpleNamespace(call=world.greet, mood=world.Mood.SAD, table={"x": world.Plain})
    edited(moody, '"v1"', '"v2"')
    world = moody.module("world")
    assert box.one.call() == "v2"
    assert box.one.mood is world.Mood.SAD
    assert box.one.table["x"] is world.Plain


DECORATED = """
    import contextlib, weakref
    from twisted.internet.defer import inlineCallbacks, succeed

    @functools.singledispatch
    def shown(value):
        return "v1"

    @shown.register
    def shown_player(value: Player):
        return "v1 player"

    @inlineCallbacks
    def fetch():
        return (yield succeed("v1"))

    class Robot:
        @inlineCallbacks
        def fetch(self):
            return (yield succeed("v1"))
        @functools.singledispatchmethod
        def shown(self, value):
            return "v1"

    def noticed(reference):
        pass
"""


def test_functions_that_a_decorator_of_a_library_has_made_are_found(run):
    """Their globals are those of the library."""
    app = run(world=WORLD + DECORATED)
    box, world = app.store("box")("box"), app.module("world")
    box.one = [world.shown, world.fetch, world.Robot.fetch, world.Robot().fetch]
    box.two = world.Player()
    box.three = world.Robot().shown
    edited(app, "v1", "v2")
    shown, fetch, method, bound_method = box.one
    assert shown is app.module("world").shown
    assert [shown(1), shown(box.two)] == ["v2", "v2 player"]
    results = [fetch().result, method(app.module("world").Robot()).result, bound_method().result]
    assert results == ["v2"] * 3
    assert box.three(1) == "v2"  # it is for one object, and what has its name is for none


LIBRARIES = """
    import types
    from contextvars import ContextVar

    Made = dataclasses.make_dataclass("Made", [("x", int)], namespace={"word": lambda _: "v1"})
    Other = types.new_class("Other", (), {}, lambda space: space.update(word=lambda _: "v1"))
    SPEAKER = ContextVar("SPEAKER", default=None)
    OTHER = ContextVar("OTHER", default="v1")

    class Row:
        def __init__(self, cursor, values):
            self.word = "v1"

    def bye(word):
        return "v1"
"""


def test_what_tools_of_the_standard_library_hold_is_of_the_new_code(run):
    """Also what C code holds, if it lets it be set; what was called ``make_dataclass`` has a module."""
    app = run(world=WORLD + LIBRARIES)
    box, world = app.store("box")("box"), app.module("world")
    database = sqlite3.connect(":memory:")
    database.row_factory = world.Row
    stack, made = contextlib.ExitStack(), world.Made(1)
    stack.callback(world.bye, 1)
    finalizer = weakref.finalize(made, world.bye, 1)
    context = Context()
    context.run(world.SPEAKER.set, "ann")
    app.service.database, app.service.stack = database, stack
    box.one = [made, world.Other()]
    assert not app.reload(world=lambda text: text.replace("v1", "v2") + "\n1/0").ok
    assert database.row_factory is world.Row
    del world
    report = edited(app, "v1", "v2")
    assert report.holders == []
    world = app.module("world")
    assert [value.word() for value in box.one] == ["v2", "v2"]
    assert database.execute("select 1").fetchone().word == "v2"
    assert finalizer.peek()[1] is world.bye
    finalizer.detach()
    callback = stack._exit_callbacks[0][1]
    assert callback.__wrapped__ is world.bye
    assert world.bye in [cell.cell_contents for cell in callback.__closure__]
    assert context[world.SPEAKER] == "ann"
    assert world.OTHER.get() == "v2"  # with another default it is another variable
    database.close()


def test_a_manager_is_that_of_the_new_class_wherever_it_is(run):
    text = """
        from cletus.storage import Field, Manager, Store
        from APP.core import service

        class Players(Manager):
            def rich(self):
                return "v1"

        class Player(Store):
            service = service
            manager = Players()
    """
    app = run(world=text)
    manager = app.store("player").manager
    app.service.players, app.service.rich = [manager, manager], manager.rich
    assert app.reload(world=lambda text: text.replace("v1", "v2")).warnings == []
    assert app.service.players == [app.store("player").manager] * 2
    assert app.service.rich() == "v2"


def test_a_function_that_was_bound_to_an_object_is_of_the_new_code(run):
    app = run(world=WORLD + "\n    def howl(player):\n        return 'v1', player\n")
    box, world = app.store("box")("box"), app.module("world")
    player = world.Player()
    player.speak = MethodType(world.howl, player)
    box.one = player
    report = edited(app, "'v1'", "'v2'")
    assert report.warnings == []
    assert player.speak() == ("v2", player)


@pytest.mark.parametrize("key", ["{}", "({}, 1)", "Pair({}, 1)", "(1, ({},))"])
@pytest.mark.parametrize(
    "layout", ["@dataclasses.dataclass(frozen=True)\n    class Spot", "class Spot(Frozen)"]
)
def test_keys_whose_hash_depends_on_the_class_are_found(run, layout, key):
    text = f"""
    class Frozen(msgspec.Struct, frozen=True):
        pass

    class Pair(typing.NamedTuple):
        first: typing.Any
        second: int

    {layout}:
        x: int
    """
    app = run(world=WORLD + text)
    box = app.store("box")("box")

    def made():
        return eval(key.format("Spot(1)"), vars(app.module("world")))

    box.one, box.two = {made(): "here"}, {made()}
    bad = "one = Field(session=True)\n    bad = Field(lambda: 1 / 0)"
    grown = "        x: int\n".replace("    ", "", 1)
    refused = edit(app, grown, grown + "    y: int = 2\n", "one = Field(session=True)", bad)
    assert "ZeroDivisionError" in refused.error
    assert box.one[made()] == "here"
    assert made() in box.two
    edited(app, grown, grown + "    y: int = 2\n")
    assert box.one[made()] == "here"
    assert made() in box.two


def test_a_callback_of_a_weak_reference_is_of_the_new_code(run):
    app = run(world=WORLD + DECORATED)
    box, world = app.store("box")("box"), app.module("world")
    player = world.Player()
    box.one = weakref.ref(player, world.noticed)
    edited(app, "v1", "v2")
    assert box.one() is player
    assert box.one.__callback__ is app.module("world").noticed


def test_a_read_only_view_of_a_dict_shows_the_new_code(moody):
    box, world = moody.store("box")("box"), moody.module("world")
    box.one = MappingProxyType({"mood": world.Mood.SAD})
    edited(moody, '"v1"', '"v2"')
    assert box.one["mood"] is moody.module("world").Mood.SAD


def test_one_value_without_a_name_hinders_nobody(run):
    """It stays as it is; the report says where the first one is, and how many there are."""
    app = run(world=WORLD + "\n    def ask(word):\n        return lambda: word\n")
    boxes = [app.store("box")(name) for name in ("a", "b", "c")]
    for box in boxes:
        box.one, box.two = [app.module("world").ask(box.key)], app.module("world").ask
    report = edited(app, "return lambda: word", "return lambda: word + word")
    assert len(report.warnings) == 1
    assert (
        "Box 'a', field 'one' (and 2 more): app0.world.ask.<locals>.<lambda>" in report.warnings[0]
    )
    assert [box.one[0]() for box in boxes] == ["a", "b", "c"]
    assert boxes[0].two("x")() == "xx"


def test_a_value_without_a_name_on_the_service_is_said_to_be_there(run):
    """In words, not by the ``repr`` of the service."""
    app = run(world=WORLD + "\n    def ask(word):\n        return lambda: word\n")
    app.service.oracle = app.module("world").ask("who")
    report = edited(app, "return lambda: word", "return lambda: word + word")
    assert [warning.partition(": ")[0] for warning in report.warnings] == [
        "the service, attribute 'oracle'"
    ]


def test_records_that_the_garbage_collector_does_not_list_are_converted(run):
    """A struct without references cannot be part of a cycle."""
    app = run(world=WORLD + "\n    class Fixed(msgspec.Struct):\n        name: str = ''\n")
    box = app.store("box")("box")
    box.one = fixed = app.module("world").Fixed("lamp")
    box.two = [fixed, (fixed,)]
    assert not gc.is_tracked(fixed)
    edited(app, "class Player", "class Gamer")
    assert type(box.one) is app.module("world").Fixed
    assert box.one is fixed is box.two[0] is box.two[1][0]
    edited(
        app, "class Fixed(msgspec.Struct):\n", "class Fixed(msgspec.Struct):\n    worth: int = 3\n"
    )
    assert (box.one.name, box.one.worth) == ("lamp", 3)
    assert box.one is box.two[0] is box.two[1][0]


# -- what has been computed and stated ---------------------------------------------------------


def test_what_a_cached_property_has_computed_is_dropped_if_its_function_has_changed(run):
    cached = """
    class Sheet:
        strength = 10
        @functools.cached_property
        def power(self):
            return self.strength * 2
        @functools.cached_property
        def same(self):
            return [self.strength]
    """
    app = run(world=WORLD + cached)
    box = app.store("box")("box")
    box.one = sheet = app.module("world").Sheet()
    assert (sheet.power, sheet.same) == (20, [10])
    same = sheet.same
    edited(app, "* 2", "* 3", "class Sheet", "\n\nclass Sheet")
    assert sheet.power == 30
    assert sheet.same is same


FLYWEIGHTS = """
    class Weapon:
        def __init__(self, name, damage):
            self.name, self.damage, self.uses = name, damage, 0

    SWORD = Weapon("sword", damage=5)
    WEAPONS = {"axe": Weapon("axe", damage=8)}
    NOTHING = object()

    class Sack:
        DEFAULT = Weapon("fist", damage=1)

    def fights_with(weapon=SWORD, *, other=NOTHING):
        return weapon
"""


def test_what_a_module_names_is_one_object_before_and_after_with_the_new_body_s_values(run):
    """What the service has given it meanwhile lasts."""
    app = run(world=WORLD + FLYWEIGHTS)
    box, world = app.store("box")("box"), app.module("world")
    box.one = [world.SWORD, world.WEAPONS["axe"], world.NOTHING, world.Sack.DEFAULT]
    before = list(box.one)
    world.SWORD.uses = 3
    edited(app, "damage=5", "damage=7", "damage=8", "damage=9", "damage=1", "damage=2")
    world = app.module("world")
    now = [world.SWORD, world.WEAPONS["axe"], world.NOTHING, world.Sack.DEFAULT]
    assert [id(each) for each in now] == [id(each) for each in before] == list(map(id, box.one))
    assert [weapon.damage for weapon in (now[0], now[1], now[3])] == [7, 9, 2]
    assert world.SWORD.uses == 3
    assert world.fights_with() is world.SWORD
    assert world.fights_with.__kwdefaults__["other"] is world.NOTHING
    assert type(world.SWORD) is world.Weapon


def test_what_a_module_names_is_what_its_body_has_given_to_others(run):
    """The service and what hangs there are older than the new modules, and have the object in use."""
    app = run(
        world=WORLD
        + """
    class Bus:
        def __init__(self):
            self.by, self.kept, self.pair = {}, set(), ()

    class Look:
        def run(self):
            return "v1"

    LOOK = Look()
    if not hasattr(service, "bus"):
        service.bus = Bus()
    service.look, service.run_look, service.looks = LOOK, LOOK.run, (LOOK,)
    service.bus.by["look"] = LOOK
    service.bus.kept.add(LOOK)
    service.bus.pair = (LOOK, LOOK.run)
    """
    )
    service, look = app.service, app.module("world").LOOK

    def given():
        bus = service.bus
        methods = [service.run_look, bus.pair[1]]
        objects = [service.look, *service.looks, bus.by["look"], *bus.kept, bus.pair[0]]
        return [*objects, *(method.__self__ for method in methods)]

    assert not app.reload(world=lambda text: text + "\n1/0\n").ok
    assert {*map(id, given())} == {id(look)}
    edited(app, "v1", "v2")
    assert app.module("world").LOOK is look
    assert {*map(id, given())} == {id(look)}
    assert service.run_look() == service.bus.pair[1]() == "v2"


def test_what_a_module_names_may_become_of_a_related_class(run):
    """Who has it, has it still; another thing under the same name is another object."""
    app = run(
        world=WORLD
        + """
    class Weapon:
        def __init__(self, damage):
            self.damage, self.uses = damage, 0
        def hit(self):
            return self.damage

    class Sword(Weapon):
        def __init__(self, damage):
            super().__init__(damage)
            self.edge = "sharp"
        def hit(self):
            return self.damage * 10

    class Coin:
        pass

    BLADE = Weapon(5)
    """
    )
    box, blade = app.store("box")("box"), app.module("world").BLADE
    box.one, blade.uses = blade, 3
    bad = "two = Field(session=True)\n    bad = Field(lambda: 1 / 0)"
    refused = edit(app, "Weapon(5)", "Sword(6)", "two = Field(session=True)", bad)
    assert "ZeroDivisionError" in refused.error
    assert (type(blade), vars(blade)) == (app.module("world").Weapon, {"damage": 5, "uses": 3})
    edited(app, "Weapon(5)", "Sword(6)")
    assert box.one is blade is app.module("world").BLADE
    assert (blade.hit(), blade.uses, blade.edge) == (60, 3, "sharp")
    edited(app, "BLADE = Sword(6)", "BLADE = Coin()")
    assert app.module("world").BLADE is not blade
    assert box.one is blade
    assert blade.hit() == 60


def test_what_stands_under_an_enum_member_or_a_tuple_is_named_too(run):
    app = run(
        world=WORLD
        + """
    import enum

    class Kind(enum.Enum):
        SWORD = 1

    class Weapon:
        def __init__(self, damage):
            self.damage = damage

    KINDS = {Kind.SWORD: Weapon(5), ("axe", 1): Weapon(6)}
    """
    )
    box, world = app.store("box")("box"), app.module("world")
    box.one = list(world.KINDS.values())
    edited(app, "Weapon(5)", "Weapon(50)", "Weapon(6)", "Weapon(60)")
    world = app.module("world")
    assert [*map(id, box.one)] == [*map(id, world.KINDS.values())]
    assert [weapon.damage for weapon in box.one] == [50, 60]
    assert world.KINDS[world.Kind.SWORD] is box.one[0]


def test_types_of_the_application_in_types_of_the_language_are_of_the_new_code(run):
    app = run(
        world=WORLD
        + """
    from zope.interface import Interface, implementer

    class ISmell(Interface):
        pass

    @implementer(ISmell)
    class Rose:
        pass
    """
    )
    box, world = app.store("box")("box"), app.module("world")
    rose = world.Rose
    box.one = [list[rose], rose | None, dict[str, list[rose]], type[rose], world.ISmell, rose()]
    edited(app, "class Rose:", "class Rose:\n    red = True")
    world = app.module("world")
    rose, smell = world.Rose, world.ISmell
    assert box.one[:4] == [list[rose], rose | None, dict[str, list[rose]], type[rose]]
    assert box.one[4] is smell
    assert smell.providedBy(box.one[5])


def test_what_a_module_names_keeps_its_tools_of_libraries(run):
    """A weak dict, a lock or a table of another library is not what the body states anew."""
    text = """
    import threading, weakref

    class Registry:
        def __init__(self, size):
            self.size = size
            self.lock = threading.Lock()
            self.players = weakref.WeakValueDictionary()
            self.written = functools.partial(print, "x")

    class Hp:
        def __init__(self):
            self.values = weakref.WeakKeyDictionary()
        def __get__(self, obj, owner=None):
            return self if obj is None else self.values[obj]
        def __set__(self, obj, value):
            self.values[obj] = value

    class Hero:
        hp = Hp()

    REGISTRY = Registry(1)
    """
    app = run(world=WORLD + text)
    box, world = app.store("box")("box"), app.module("world")
    box.one, box.two = world.Player(), world.Hero()
    box.two.hp = 5
    world.REGISTRY.players["ann"] = box.one
    lock = world.REGISTRY.lock
    edited(app, "Registry(1)", "Registry(2)")
    registry = app.module("world").REGISTRY
    assert (registry.size, registry.lock, registry.players["ann"]) == (2, lock, box.one)
    assert box.two.hp == 5


def test_a_refused_edit_of_what_a_module_names_changes_nothing(run):
    app = run(world=WORLD + FLYWEIGHTS, last="")
    sword = app.module("world").SWORD
    report = edit(app, "damage=5", "damage=7", last="1/0")
    assert not report.ok
    app.store("box")("box")
    bad = "new = Field(lambda: 1/0)\n    two = Field"
    assert not edit(app, "damage=5", "damage=7", "two = Field", bad).ok
    assert app.module("world").SWORD is sword
    assert sword.damage == 5


ROOMS = """
    class Room(Store):
        service = service
        description = Field("")
        visits = Field(0)
        beside = Field(session=True)

    hall = Room("hall", description="A hall.")
    attic = Room("attic", description="An attic.")
    attic.beside = [hall]
    EXITS = {hall: "up"}
"""


def test_a_store_object_that_a_module_makes_takes_what_the_body_states_anew(run):
    app = run(world=WORLD + ROOMS)
    hall, attic = (app.active("room")[name] for name in ("hall", "attic"))
    hall.visits, attic.description = 7, "Painted by a player."
    edited(app, "A hall.", "A hall with a fire.")
    world = app.module("world")
    assert app.active("room") == {"hall": hall, "attic": attic}
    assert world.hall is hall is attic.beside[0]
    assert world.EXITS[hall] == "up"
    assert (hall.description, hall.visits) == ("A hall with a fire.", 7)
    assert attic.description == "Painted by a player."
    edited(app, "An attic.", "A dusty attic.")
    assert attic.description == "A dusty attic."


def test_what_was_loaded_is_not_what_the_body_states(run):
    """The object is loaded again by the new body: its document may be older than the live object."""
    text = "\n    hall = Room.manager.get('hall') or Room('hall', description='A hall.')\n"
    core = "from cletus import Service\nservice = Service()\nservice.configure(store='memory:')\n"
    app = run(core=core, world=WORLD + ROOMS.split("    hall =", maxsplit=1)[0] + text)
    hall = app.active("room")["hall"]
    hall.description = "Saved."
    hall.save()
    hall.description = "Live."
    edited(app, "'A hall.'", "'Another hall.'")
    assert app.active("room")["hall"] is hall is app.module("world").hall
    assert hall.description == "Live."


# -- fields ------------------------------------------------------------------------------------

OWN_FIELD = """
    class Deeds(Field):
        def contribute_to_instance(self, store, name):
            setattr(store, name, [])
        def serialise(self, obj, name):
            return " ".join(getattr(obj, name))
        def deserialise(self, obj, name, data):
            setattr(obj, name, data.split())

    class Hero(Store):
        service = service
        deeds = Deeds()
        gold = Field(0)
"""


@pytest.fixture
def heroic(run):
    app = run(world=WORLD + OWN_FIELD)
    app.hero = app.store("hero")("bob")
    app.hero.deeds = ["ate", "drank"]
    return app


def test_a_field_with_its_own_way_is_serialised_by_the_old_code_and_deserialised_by_the_new(heroic):
    edited(heroic, '" ".join', '"-".join', "data.split()", 'data.split(" ")[:1]')
    assert heroic.hero.deeds == ["ate"]
    assert heroic.active("hero")["bob"] is heroic.hero


def test_a_serialise_that_raises_does_not_lock_its_author_out(heroic):
    """The new code's is used, or the value stays in place; a roll back works, too."""
    edited(heroic, "getattr(obj, name))", "getattr(obj, nam))")
    heroic.hero.deeds.append("slept")
    report = edited(heroic, "class Player", "class Gamer")
    assert "field 'deeds': serialise raised" in report.warnings[0]
    edited(heroic, "getattr(obj, nam))", "getattr(obj, name))")
    assert heroic.hero.deeds == ["ate", "drank", "slept"]


def test_a_to_dict_that_raises_does_not_either(heroic):
    own = "    gold = Field(0)\n    def to_dict(self, session=False):\n        BODY\n"
    good = "return super().to_dict(session=session)"
    edited(heroic, "    gold = Field(0)\n", own.replace("BODY", "1/0"))
    heroic.hero.gold = 7
    edited(heroic, "1/0", good)
    assert (heroic.hero.deeds, heroic.hero.gold) == (["ate", "drank"], 7)
    edited(heroic, good, f"data = {good[7:]}\n        return data")
    assert (heroic.hero.deeds, heroic.hero.gold) == (["ate", "drank"], 7)


def test_a_stop_saves_what_can_be_saved(heroic):
    heroic.hero.gold = 5
    heroic.hero.save()
    edited(heroic, "getattr(obj, name))", "getattr(obj, nam))")
    heroic.hero.gold = 7
    backend = heroic.service.session.writer
    unsaved = heroic.service.session.save_all(rescue=True)
    assert [each.obj for each in unsaved] == [heroic.hero]
    assert b'"gold": 7' in backend.read("hero", "bob")
    assert b'"deeds": "ate drank"' in backend.read("hero", "bob")


def test_a_stop_saves_around_a_serialise_that_is_cut_off(heroic):
    """``CallTimedOut`` is not an ``Exception``: it would end the stop."""
    heroic.hero.gold = 7
    raising = "(_ for _ in ()).throw(__import__('cletus').errors.CallTimedOut(2))"
    edited(heroic, "getattr(obj, name))", f"{raising})")
    (unsaved,) = heroic.service.session.save_all(rescue=True)
    assert "not finished after 2.0 seconds" in str(unsaved)
    assert b'"gold": 7' in heroic.service.session.writer.read("hero", "bob")


def test_a_renaming_that_is_undone_brings_the_values_back(run):
    app = run(
        world=WORLD
        + "\n    class Purse(Store):\n        service = service\n        gold = Field(0)\n"
    )
    purse = app.store("purse")("bob")
    purse.gold = 7
    renamed = 'coins = Field(0, renamed_from="gold")'
    report = edited(app, "gold = Field(0)", renamed)
    assert "renamed: Purse.gold → coins" in report.notes
    assert (purse.coins, report.fields_dropped, report.fields_added) == (7, {}, [])
    report = edited(app, renamed, "gold = Field(0)")
    assert "renamed: Purse.coins → gold" in report.notes
    assert purse.gold == 7


# -- classes that go, move and come back -------------------------------------------------------


def test_objects_of_a_store_that_went_are_the_same_ones_when_it_is_back(app, box):
    """Wherever they were referred to. A stop meanwhile saves them."""
    client = app.person().client
    box.one = "kept"
    client.box, box.two = box, [box]
    report = edited(app, "class Box(Store)", "class Bax(Store)")
    assert report.stores_parked == {"box": 1}
    assert client.box is box
    assert box.one == "kept"
    assert app.service.save_all() == []
    assert app.service.session.writer.keys("box") == ["box"]
    report = edited(app, "class Bax(Store)", "class Box(Store)")
    assert report.stores_returned == {"box": 1}
    assert app.active("box")["box"] is box is client.box is box.two[0]
    assert type(box) is app.store("box")


def test_objects_of_a_plain_class_that_went_are_the_same_ones_when_it_is_back(app, box):
    box.one = [app.module("world").Player()]
    player = box.one[0]
    report = edited(app, "class Player", "class Gamer")
    assert (
        "Box 'box', field 'one': app0.world.Player is gone; it stays as it is" in report.warnings[0]
    )
    player.regenerate()
    edited(app, "class Gamer", "class Player")
    assert box.one[0] is player
    assert (type(player), player.hp) == (app.module("world").Player, 2)


@pytest.mark.parametrize("ambiguous", [False, True])
def test_a_plain_class_that_moved_is_found_by_its_name_where_only_one_has_it(run, ambiguous):
    player = "class Player:\n    pass\n"
    app = run(a=player, b="", c="", world=WORLD.replace("class Player", "class Other"))
    box = app.store("box")("box")
    box.one = app.module("a").Player()
    report = app.reload(a="", b=player, c=player if ambiguous else "")
    assert report.ok, str(report)
    assert bool(report.warnings) is ambiguous
    assert (type(box.one) is app.module("b").Player) is not ambiguous


def test_a_function_that_moved_is_found_by_its_name(run):
    app = run(a="def wave():\n    return 1\n", b="", world=WORLD)
    app.service.gesture = app.module("a").wave
    report = app.reload(a="", b="def wave():\n    return 2\n")
    assert (report.ok, report.warnings) == (True, [])
    assert app.service.gesture() == 2


SECRETIVE = """
from .core import service

class Proxy:
    def __init__(self, target):
        object.__setattr__(self, "_target", target)

    def __getattribute__(self, name):
        raise RuntimeError("working outside of a request")

    def word(self):
        return 1
"""


def test_objects_that_raise_whatever_they_are_asked_hinder_nothing(run):
    """``isinstance`` asks for ``__class__``, which a proxy of a library looks up somewhere else."""
    app = run(a=SECRETIVE + "\nLOCAL = Proxy(0)\n", world=WORLD)
    proxy = app.module("a").Proxy
    app.service.proxy = one = proxy(1)
    app.service.others = [proxy(2), (proxy(3),), {"key": proxy(4)}]
    app.store("box")("box").one = proxy(5)
    assert not app.reload(a=lambda text: text + "\n1/0").ok
    report = app.reload(a=lambda text: text.replace("return 1", "return 2").replace("\n1/0", ""))
    assert report.ok, str(report)
    assert app.service.proxy is one
    assert type(one).word(one) == 2


def test_a_store_that_is_renamed_takes_objects_files_and_references_along(run):
    app = run(
        world=WORLD
        + "\n    class Mailbox(Store):\n        service = service\n        mail = Field(list)\n"
    )
    bob, ann = app.store("mailbox")("bob"), app.store("mailbox")("ann")
    bob.mail, ann.mail = ["hello"], ["saved"]
    ann.save()
    app.store("mailbox").manager.remove_active(ann)
    box = app.store("box")("box")
    box.one, box.two = bob, {bob: 1}
    report = edited(
        app,
        "class Mailbox(Store):",
        'class Letters(Store):\n    renamed_from = "mailbox"',
    )
    assert report.ok
    assert app.active("letters") == {"bob": bob}
    assert box.one is bob
    assert box.two[bob] == 1
    letters = app.store("letters")
    assert letters.manager.keys() == ["ann"]
    assert letters.manager.get("ann").mail == ["saved"]
    letters.manager.get("ann").save()
    assert app.service.session.writer.keys("letters") == ["ann"]
    letters.manager.delete("ann")
    assert letters.manager.keys() == []
    assert letters.manager.get("ann") is None


def test_a_renaming_of_a_store_that_is_undone_takes_its_objects_back(run):
    """What was saved under the other name meanwhile stays there, and the report says so."""
    app = run(
        world=WORLD
        + "\n    class Mailbox(Store):\n        service = service\n        mail = Field(list)\n"
    )
    bob = app.store("mailbox")("bob")
    app.store("box")("box").one = bob
    renaming = "class Mailbox(Store):", 'class Letters(Store):\n    renamed_from = "mailbox"'
    edited(app, *renaming)
    ann, eve = app.store("letters")("ann"), app.store("letters")("eve")
    ann.save()
    eve.save()
    app.store("letters").manager.remove_active(eve)
    report = edited(app, *reversed(renaming))
    assert app.active("mailbox")["bob"] is app.active("box")["box"].one is bob
    assert list(app.active("mailbox")) == ["bob", "ann"]
    assert report.notes == ["renamed: store Letters → Mailbox"]
    (warning,) = report.warnings
    assert warning.startswith(
        "1 object saved as letters, and not active, cannot be found as mailbox"
    )
    app.service.save_all()
    assert sorted(app.service.session.writer.keys("mailbox")) == ["ann", "bob"]


def test_old_code_that_still_runs_makes_live_objects(run):
    """A coroutine that waits finds the live classes under their names."""
    text = """
    from twisted.internet.defer import Deferred
    from APP.world import Box, Player
    from APP.core import service

    async def begin(client):
        await service.gate
        client.box = Box("late")
        client.player = Player()
    """
    app = run(world=WORLD, talk=text)
    from twisted.internet.defer import Deferred

    app.service.gate = Deferred()
    client = app.person().client
    done = Deferred.fromCoroutine(app.module("talk").begin(client))
    for _ in range(2):
        edited(app, "self.hp = 1", "self.hp = 1 ")
    app.service.gate.callback(None)
    assert app.active("box")["late"] is client.box
    assert type(client.player) is app.module("world").Player
    del done
