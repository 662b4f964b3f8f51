"""Many objects are looked into if they may hold code, and only then.

What refers to the old code is counted; here each way of referring to it is tried, in one object of many.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from cletus import events
from cletus.reload.state import convert
from tests.reload.conftest import applications

THINGS = """
    import collections, enum, functools, sys, types, weakref
    import msgspec
    from cletus import events
    from cletus.storage import Field, Store
    from APP.core import service

    class Colour(enum.Enum):
        RED = 1

    class Can(enum.Flag):
        READ = 1
        WRITE = 2

    class Plain:
        def act(self):
            pass

        @classmethod
        def make(cls):
            return cls()

        class Inner:
            pass

    class Empty:
        __slots__ = ()

    class Uncounted(msgspec.Struct, gc=False):
        x: int

    Pair = collections.namedtuple("Pair", "left right")

    def look():
        pass

    @functools.lru_cache
    def cached():
        pass

    class Other(Store):
        service = service

    class Thing(Store):
        service = service
        a = Field(session=True)

    COMMANDS = {"look": look}
    NESTED = [(1, {"classes": [Plain]})]
    PLAIN = Plain()
"""

#: What an object may hold, and how the code is found in it.
HELD = {
    "function": ("look", "{}"),
    "class": ("Plain", "{}"),
    "inner class": ("Plain.Inner", "{}"),
    "module": ("sys.modules[__name__]", "{}"),
    "enum member": ("Colour.RED", "{}"),
    "enum class": ("Colour", "{}"),
    "combination of flags": ("Can.READ | Can.WRITE", "type({})"),
    "manager": ("Other.manager", "{}"),
    "cached function": ("cached", "{}"),
    "method": ("Plain().act", "{}.__func__"),
    "class method": ("Plain.make", "{}.__func__"),
    "partial": ("functools.partial(look, 1)", "{}.func"),
    "partial of an argument": ("functools.partial(print, look)", "{}.args[0]"),
    "list": ("[look]", "{}[0]"),
    "tuples": ("(1, (2, look))", "{}[1][1]"),
    "value of a dict": ("{'a': {'b': Plain}}", "{}['a']['b']"),
    "key of a dict": ("{Plain: 1}", "next(iter({}))"),
    "set": ("{Plain}", "next(iter({}))"),
    "frozenset": ("frozenset([Plain])", "next(iter({}))"),
    "deque": ("collections.deque([look])", "{}[0]"),
    "ordered dict": ("collections.OrderedDict(a=look)", "{}['a']"),
    "default dict": ("collections.defaultdict(Plain, a=1)", "{}.default_factory"),
    "object of a library": ("types.SimpleNamespace(f=look)", "{}.f"),
    "view of a dict": ("types.MappingProxyType({'a': look})", "{}['a']"),
    "weak reference to a class": ("weakref.ref(Plain)", "{}()"),
    "weak reference to a function": ("weakref.ref(look)", "{}()"),
    "weak set": ("weakref.WeakSet([Plain])", "next(iter({}))"),
    "weak dict": ("weakref.WeakKeyDictionary({Plain: 1})", "next(iter({}))"),
    "object that is not collected": ("Uncounted(1)", "type({})"),
    "container of a module": ("COMMANDS", "{}['look']"),
    "containers in a module's": ("NESTED[0]", "{}[1]['classes'][0]"),
}


#: Code of another test that has not been collected would count if it had the same name.
NAMES = (f"counted{number}" for number in count())


@pytest.fixture
def run(tmp_path) -> Iterator[Any]:
    with applications(tmp_path, NAMES) as start:
        yield start


@pytest.fixture
def answers(monkeypatch) -> list[bool]:
    """Whether the objects may hold code, for each reload; the references are counted for one object, too."""
    monkeypatch.setattr(convert, "MANY", 0)
    monkeypatch.setattr(convert, "FEW", 0)
    counted: list[bool] = []
    may_hold_code = convert.Conversion._may_hold_code

    def note(self, *arguments):
        counted.append(may_hold_code(self, *arguments))
        return counted[-1]

    monkeypatch.setattr(convert.Conversion, "_may_hold_code", note)
    return counted


@pytest.fixture
def app(run, answers) -> Any:
    app = run(things=THINGS)
    for number in range(3):
        app.store("thing")(f"t{number}", a=[number, {"n": number}])
    settle(app, answers)
    return app


def settle(app, answers) -> None:
    """Go on when nothing refers to the old code any more, neither this test nor one before."""
    assert app.reload().ok
    gc.collect()
    answers.clear()
    assert app.reload().ok
    assert answers == [False]
    answers.clear()


def evaluated(app, text: str, value: Any = None) -> Any:
    return eval(text, vars(app.module("things")) | {"value": value})


def test_nobody_looks_into_objects_that_hold_plain_data(app, answers):
    assert app.reload().ok
    assert app.reload(things=THINGS.replace("APP", app.name) + "    NEW = 1\n").ok
    assert answers == [False, False]


@pytest.mark.parametrize("name", HELD)
def test_what_an_object_holds_is_of_the_new_code(app, answers, name):
    expression, code = HELD[name]
    app.active("thing")["t2"].a = evaluated(app, expression)
    assert app.reload().ok
    assert answers == [True]
    new = evaluated(app, code.format(f"({expression})"))
    assert evaluated(app, code.format("value"), app.active("thing")["t2"].a) is new


@pytest.mark.parametrize("name", ["Plain", "Empty", "Pair"])
def test_objects_that_are_collected_have_been_converted_before(app, answers, name):
    made = evaluated(app, f"{name}(*[1, 2][:{2 * (name == 'Pair')}])")
    app.active("thing")["t2"].a = made
    assert app.reload().ok
    assert answers == [False]
    assert app.active("thing")["t2"].a is made
    assert type(made) is evaluated(app, name)


def test_code_without_a_name_is_noticed(app, answers):
    """No module leads to it, so that its references cannot be counted from there."""
    app.active("thing")["t2"].a = evaluated(app, "lambda: 1")
    report = app.reload()
    assert answers == [True]
    assert "thing 't2'" in str(report).lower()


def test_an_object_of_a_class_without_a_name_is_noticed(app, answers):
    app.active("thing")["t2"].a = evaluated(app, "type('Local', (), {'__module__': __name__})()")
    app.reload()
    assert answers == [True]


def test_an_object_of_the_module_may_be_held_by_many(app, answers):
    """It stays the same object: only code has to be exchanged."""
    app.active("thing")["t2"].a = plain = evaluated(app, "PLAIN")
    assert app.reload().ok
    assert answers == [False]
    assert evaluated(app, "PLAIN") is plain is app.active("thing")["t2"].a


CONVERSATION = """
    from cletus import events
    from APP.core import service
    from APP.things import look

    @service.listen(events.Receive)
    async def receive(event):
        seen = [look]
        event.client.write(await event.client.ask("Name? "))
"""


def test_whoever_waits_for_an_answer_does_not_hinder(run, answers):
    """A suspended call refers to its function and to what it has looked up; it starts again."""
    app = run(things=THINGS, conversation=CONVERSATION)
    app.store("thing")("t1")
    client = app.person()
    client.types("hello")
    settle(app, answers)


def test_what_the_service_holds_is_looked_into_first(app, answers):
    """Once it has been exchanged, nothing else refers to the old code."""
    app.service.registry = {"look": evaluated(app, "look"), "colour": evaluated(app, "Colour.RED")}
    assert app.reload().ok
    assert answers == [False]
    assert app.service.registry["look"] is evaluated(app, "look")
    assert app.service.registry["colour"] is evaluated(app, "Colour.RED")


def test_a_module_body_may_hand_out_old_code(app, answers):
    """The references are counted when the new modules have been imported."""
    app.service.hook = evaluated(app, "look")
    handing_out = THINGS.replace("APP", app.name)
    handing_out += "    for thing in service.things(): thing.a = service.hook\n"
    app.service.things = lambda: list(app.active("thing").values())
    assert app.reload(things=handing_out).ok
    assert answers == [True]
    assert app.active("thing")["t2"].a is evaluated(app, "look") is app.service.hook


def test_listeners_timers_and_their_arguments_do_not_hinder(app, answers):
    app.service.listen(events.Receive)(evaluated(app, "look"))
    app.service.call_later(60, evaluated(app, "look"))
    settle(app, answers)
