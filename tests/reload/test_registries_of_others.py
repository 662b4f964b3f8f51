"""Lists, dicts and sets of other libraries that classes and functions of the application get into by themselves."""

from __future__ import annotations

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
    pass

hooks = []
signals = {"start": []}
cache = {number: str(number) for number in range(100_000)}

def hook(function):
    hooks.append(function)
    signals["start"].append((function, 10))
    return function
"""
PLUGINS = """
from library import Model, Plugin, hook

class Lamp(Plugin):
    light = 1

class Row(Model):
    pass

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
    ]


def test_after_a_reload_they_have_the_new_code_once(
    run: Callable[..., Any], library: ModuleType
) -> None:
    app = run(plugins=PLUGINS)
    for number in (2, 3):
        report = app.reload(plugins=PLUGINS.replace("1", str(number)))
        assert report.ok
        assert report.holders == []
    assert entries(library) == [[3], {"Lamp": 3}, [3], ["Model", "Row"], [3], [(3, 10)]]


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
    assert entries(library) == [[4], {"Lamp": 4}, [4], ["Model", "Row"], [4], [(4, 10)]]


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


def test_a_library_that_only_a_refused_edit_has_imported_keeps_nothing_of_it(
    run: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "library.py").write_text(LIBRARY)
    sys.path.insert(0, str(tmp_path))
    app = run(plugins="X = 1")
    assert not app.reload(plugins=PLUGINS + "\n1/0").ok
    library: Any = sys.modules.pop("library")
    assert entries(library) == [[], {}, [], ["Model"], [], []]
