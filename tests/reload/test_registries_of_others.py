"""Lists, dicts and sets of other libraries that classes and functions of the application get into by themselves."""

from __future__ import annotations

import copyreg
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

LIBRARY = """
import weakref

class Plugin:
    plugins = []
    by_name = {}
    kinds = set()

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        Plugin.plugins.append(cls)
        Plugin.by_name[cls.__name__] = cls
        Plugin.kinds.add(cls)

class Meta(type):
    made = []

    def __init__(cls, name, bases, namespace):
        super().__init__(name, bases, namespace)
        Meta.made.append(cls)

class Model(metaclass=Meta):
    @classmethod
    def build(cls):
        return cls()

builders = {}

hooks = []
signals = {"start": []}
cache = {number: str(number) for number in range(100_000)}

class Settings:
    processors = None

settings = Settings()

def configure(*processors):
    settings.processors = list(processors)
    settings.factory = processors[0]

def hook(function):
    hooks.append(function)
    signals["start"].append((function, 10))
    return function
"""
PLUGINS = """
import library
from library import Model, Plugin, hook

class Lamp(Plugin):
    light = 1

class Row(Model):
    light = 1

library.builders["row"] = Row.build

@hook
def on_start():
    return 1
"""


@pytest.fixture
def library(tmp_path: Path) -> Iterator[ModuleType]:
    (tmp_path / "library.py").write_text(LIBRARY)
    sys.path.insert(0, str(tmp_path))
    import library

    yield library
    del sys.modules["library"]


def entries(library: Any) -> list[Any]:
    """All that is registered, with what it says."""
    plugin, meta = library.Plugin, library.Meta
    return [
        [cls.light for cls in plugin.plugins],
        {name: cls.light for name, cls in plugin.by_name.items()},
        sorted(cls.light for cls in plugin.kinds),
        [cls.__name__ for cls in meta.made],
        [function() for function in library.hooks],
        [(function(), rank) for function, rank in library.signals["start"]],
        [build().light for build in library.builders.values()],
    ]


def test_after_a_reload_they_have_the_new_code_once(
    run: Callable[..., Any], library: ModuleType
) -> None:
    app = run(plugins=PLUGINS)
    for number in (2, 3):
        report = app.reload(plugins=PLUGINS.replace("1", str(number)))
        assert report.ok
        assert report.holders == []
    assert entries(library) == [[3], {"Lamp": 3}, [3], ["Model", "Row"], [3], [(3, 10)], [3]]


def test_after_a_refused_reload_they_are_as_before(
    run: Callable[..., Any], library: ModuleType
) -> None:
    app = run(plugins=PLUGINS)
    before = entries(library)
    for _ in range(2):
        assert not app.reload(
            plugins=PLUGINS.replace("1", "2") + "\nclass New(Plugin):\n    light = 7\n1/0"
        ).ok
        assert entries(library) == before
    assert app.reload(plugins=PLUGINS.replace("1", "4")).ok
    assert entries(library) == [[4], {"Lamp": 4}, [4], ["Model", "Row"], [4], [(4, 10)], [4]]


CONFIGURED = """
from library import configure

def shout(line):
    return line.upper() + "1"

configure(shout)
"""


def test_what_a_refused_edit_has_configured_is_as_before(
    run: Callable[..., Any], library: Any
) -> None:
    app = run(log=CONFIGURED)
    assert not app.reload(log=CONFIGURED.replace("1", "2") + "\n1/0").ok
    assert [shout("a") for shout in library.settings.processors] == ["A1"]
    assert library.settings.factory("a") == "A1"
    assert app.reload(log=CONFIGURED.replace("1", "3")).ok
    assert [shout("a") for shout in library.settings.processors] == ["A3"]


def test_what_a_library_has_lost_or_never_had_before_is_put_right(
    run: Callable[..., Any], library: Any
) -> None:
    """A class that the new code lacks goes; what was registered while the service ran stays."""
    app = run(
        plugins=PLUGINS + "\nclass Torch(Plugin):\n    light = 1\n\ndef late():\n    return 9\n"
    )
    library.hook(app.module("plugins").late)
    assert app.reload(plugins=PLUGINS + "\ndef late():\n    return 10\n").ok
    assert [cls.__name__ for cls in library.Plugin.plugins] == ["Lamp"]
    assert list(library.Plugin.by_name) == ["Lamp"]
    assert sorted(function() for function in library.hooks) == [1, 9]


HUB = """
import functools, weakref
from collections import OrderedDict, defaultdict, deque

class Event:
    pass

class Job:
    def __init__(self, function, hub):
        self.call, self.hub = functools.partial(function, 0), hub

class Slotted:
    __slots__ = ("functions",)

class Hub:
    def __init__(self):
        self.by_class = weakref.WeakKeyDictionary()
        self.by_name = defaultdict(OrderedDict)
        self.receivers = {}
        self.jobs = []
        self.slotted = Slotted()
        self.slotted.functions = set()
        self.wrapped = []

    def register(self, function):
        self.by_class.setdefault(Event, deque()).append(function)
        self.by_name["start"][function] = function
        self.receivers[id(function)] = weakref.ref(function)
        self.jobs.append(Job(function, self))
        self.slotted.functions.add(function)
        self.wrapped.append(lambda: function(0))
        return function

    def fire(self):
        functions = [
            *self.by_class.get(Event, ()),
            *self.by_name["start"].values(),
            *(reference() for reference in self.receivers.values()),
            *(job.call.func for job in self.jobs),
            *self.slotted.functions,
        ]
        return [function(0) for function in functions] + [call() for call in self.wrapped]

hubs = {"main": Hub()}

@functools.singledispatch
def shown(value):
    return "anything"
"""
LISTENER = """
import hub
from hub import Hub, hubs, shown
from .core import service

if not hasattr(service, "hub"):
    service.hub = Hub()

@shown.register(int)
def shown_int(value):
    return 1

def late(number):
    return 9

@hubs["main"].register
@service.hub.register
def listener(number):
    return 1
"""


def test_registries_deep_in_a_library_have_the_code_in_force_once(
    run: Callable[..., Any], tmp_path: Path
) -> None:
    """Also in its own objects, in closures and by weak references, below its modules or the service."""
    (tmp_path / "hub.py").write_text(HUB)
    sys.path.insert(0, str(tmp_path))
    app = run(listener=LISTENER)
    hub: Any = sys.modules["hub"]
    hubs = (hub.hubs["main"], app.service.hub)

    def edited(number: int) -> str:
        return LISTENER.replace("return 1", f"return {number}")

    for number in (2, 3):
        before = [each.fire() for each in hubs]
        assert not app.reload(listener=edited(9) + "\n1/0").ok
        assert [each.fire() for each in hubs] == before
        assert hub.shown(5) == number - 1
        report = app.reload(listener=edited(number))
        assert report.ok
        assert hub.shown(5) == number
        for each in hubs:
            assert set(each.fire()) == {number}
            assert len(each.fire()) == 6
    hubs[0].register(app.module("listener").late)
    assert app.reload(listener=edited(4)).ok
    assert sorted(set(hubs[0].fire())) == [4, 9]


SQL = """
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.orm import Session
from .core import service

if not hasattr(service, "engine"):
    service.engine = create_engine("sqlite://")
    service.notes = []

@event.listens_for(Engine, "connect")
def on_connect(connection, record):
    service.notes.append("connect 1")

@event.listens_for(service.engine, "before_cursor_execute", retval=True)
def on_execute(connection, cursor, statement, parameters, context, many):
    service.notes.append("execute 1")
    return statement, parameters

@event.listens_for(Session, "after_begin", named=True)
def on_begin(**names):
    service.notes.append("begin 1")

def query():
    from sqlalchemy import text
    with Session(service.engine) as session:
        session.execute(text("select 1"))
    service.engine.dispose()
"""


def test_listeners_of_sqlalchemy_hear_once(run: Callable[..., Any]) -> None:
    app = run(sql=SQL)

    def heard() -> list[str]:
        app.service.notes.clear()
        app.module("sql").query()
        return sorted(app.service.notes)

    for number in (1, 2, 3):
        expected = [f"begin {number}", f"connect {number}", f"execute {number}"]
        text = SQL.replace('1")', f'{number}")')
        assert app.reload(sql=text + "\n").ok
        assert heard() == expected
        assert not app.reload(sql=SQL.replace('1")', '9")') + "\n1/0").ok
        assert heard() == expected


HOOKS = """
from APP.core import service

class Bus:
    def __init__(self):
        self.heard = []

if not hasattr(service, "hooks"):
    service.hooks, service.bus = [], Bus()

def on_start():
    return 1

def late():
    return 1

service.hooks.append(on_start)
service.bus.heard.append((on_start, 10))
"""


def test_what_a_module_adds_to_a_list_on_the_service_is_there_once(run: Callable[..., Any]) -> None:
    """As after a restart. What was added while the service ran stays."""
    app = run(hooks=HOOKS)
    app.service.hooks.append(app.module("hooks").late)
    hooks = list(app.service.hooks)
    assert not app.reload(hooks=lambda text: text.replace("1\n", "2\n") + "\n1/0").ok
    assert app.service.hooks == hooks
    assert app.reload(hooks=lambda text: text.replace("1\n", "2\n")).ok
    assert app.service.hooks == [app.module("hooks").late, app.module("hooks").on_start]
    assert [function() for function, _ in app.service.bus.heard] == [2]


STANDARD = """
import copyreg, shutil, sqlite3

class Point:
    pass

def reduced(point):
    return Point, ()

def packed(*arguments):
    return 1

copyreg.pickle(Point, reduced)
sqlite3.register_adapter(Point, reduced)
sqlite3.register_converter("point", packed)
if "points" not in dict(shutil.get_archive_formats()):
    shutil.register_archive_format("points", packed)
"""


def test_registries_of_the_standard_library_have_the_code_in_force_once(
    run: Callable[..., Any], request: pytest.FixtureRequest
) -> None:
    tables: list[Any] = [copyreg.dispatch_table, sqlite3.adapters, sqlite3.converters]
    before = [dict(table) for table in tables]
    request.addfinalizer(
        lambda: [
            table.clear() or table.update(was) for table, was in zip(tables, before, strict=True)
        ]
    )
    request.addfinalizer(lambda: shutil.unregister_archive_format("points"))

    def codes() -> list[Any]:
        own = [
            entry
            for table, was in zip(tables, before, strict=True)
            for key, entry in table.items()
            if key not in was
        ]
        return [getattr(code, "__code__", None) for code in own]

    app = run(points=STANDARD)
    registered = codes()
    assert len(registered) == 3
    assert not app.reload(points=STANDARD.replace("1", "2") + "\n1/0").ok
    assert codes() == registered
    assert app.reload(points=STANDARD.replace("return 1", "return 2")).ok
    assert sqlite3.converters["POINT"]() == 2
    assert len(codes()) == 3


def test_a_library_that_only_a_refused_edit_has_imported_keeps_nothing_of_it(
    run: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "library.py").write_text(LIBRARY)
    sys.path.insert(0, str(tmp_path))
    app = run(plugins="X = 1")
    assert not app.reload(plugins=PLUGINS + "\n1/0").ok
    library: Any = sys.modules.pop("library")
    assert entries(library) == [[], {}, [], ["Model"], [], [], []]
