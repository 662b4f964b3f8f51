"""What Python's own tools see of a new generation: tracebacks, inspect, pickle, typing and so on."""

from __future__ import annotations

import importlib.resources
import inspect
import linecache
import pickle
import traceback
import typing
from pathlib import Path

import pytest

from tests.reload.code.test_modules import reload_files


def test_tracebacks_show_the_new_source(run):
    """A traceback quotes the lines that run, also when the file holds something else by now."""
    running = run(a="def f():\n    raise ValueError('first')\n")
    assert running.reload(a="# moved\ndef f():\n    raise ValueError('second')\n").ok
    with pytest.raises(ValueError, match="second") as caught:
        running.module("a").f()
    assert "raise ValueError('second')" in "".join(traceback.format_exception(caught.value))
    assert inspect.getsource(running.module("a").f).endswith("raise ValueError('second')\n")


def test_tracebacks_quote_what_runs_after_a_refusal(run):
    """While a broken edit is on disk, tracebacks go on quoting the code that runs."""
    running = run(a="def f():\n    raise ValueError('first')\n")
    path = Path(running.module("a").__file__)
    path.write_text("# nothing here\n\n1 / 0\n")
    assert not reload_files(running).ok
    linecache.checkcache()
    with pytest.raises(ValueError, match="first") as caught:
        running.module("a").f()
    assert "raise ValueError('first')" in "".join(traceback.format_exception(caught.value))


def test_inspect_sees_the_new_source_while_it_is_imported(run):
    """A decorator that reads a function's source at import gets the new text."""
    text = "import inspect\ndef f():\n    return 1\nTEXT = inspect.getsource(f)\n"
    running = run(a=text)
    assert running.reload(a=text.replace("1", "2")).ok
    assert "return 2" in running.module("a").TEXT
    assert not running.reload(a=text.replace("1", "3") + "1 / 0").ok
    assert "return 2" in inspect.getsource(running.module("a").f)


TOOLS = """
import enum
import functools
import pickle
import typing
from dataclasses import dataclass, field

@dataclass
class Point:
    x: int = 0
    near: "list[Point]" = field(default_factory=list)

@dataclass(frozen=True, slots=True)
class Fixed:
    x: int = 0

class Colour(enum.Enum):
    RED = 1

class Flags(enum.Flag):
    A = enum.auto()
    B = enum.auto()

class Named(typing.NamedTuple):
    one: "Point"

@functools.singledispatch
def show(value):
    return "anything"

@show.register
def _(value: Point):
    return f"point {value.x}"

@functools.lru_cache
def cached(colour):
    return colour.name

PICKLED = pickle.dumps(Point(1))
"""


def test_tools_of_the_standard_library(run):
    """Dataclasses, enums, type hints, singledispatch and caches work in each new generation."""
    running = run(a=TOOLS)
    for _ in range(3):
        assert running.reload(a=lambda text: text + "\n").ok
        a = running.module("a")
        assert a.Point(1, [a.Point()]) == a.Point(1, [a.Point()])
        assert hash(a.Fixed(2)) == hash(a.Fixed(2))
        assert a.Colour["RED"] is a.Colour(1) is a.Colour.RED
        assert a.Flags(3) == a.Flags.A | a.Flags.B
        assert a.Named(a.Point(4)).one.x == 4
        assert typing.get_type_hints(a.Point) == {"x": int, "near": list[a.Point]}
        assert typing.get_type_hints(a.Named) == {"one": a.Point}
        assert a.show(a.Point(5)) == "point 5"
        assert a.show(5) == "anything"
        assert a.cached(a.Colour.RED) == "RED"


def test_pickle_by_name(run):
    """What one generation has pickled, the next one reads as its own class."""
    running = run(a=TOOLS)
    data = running.module("a").PICKLED
    assert running.reload(a=lambda text: text + "\n").ok
    point = pickle.loads(data)
    assert type(point) is running.module("a").Point
    assert pickle.loads(pickle.dumps(point)) == point
    assert pickle.loads(pickle.dumps(running.module("a").show)) is running.module("a").show


def test_resources_of_the_package(run):
    """``importlib.resources`` reads the files beside the modules."""
    running = run(a="from importlib.resources import files\nTEXT = files('APP') / 'motd.txt'\n")
    Path(running.module().__file__).with_name("motd.txt").write_text("hello")
    assert running.reload(a=lambda text: text + "N = 2\n").ok
    assert running.module("a").TEXT.read_text() == "hello"
    assert importlib.resources.files(running.module()).joinpath("motd.txt").is_file()


def test_main_block_of_an_imported_module_does_not_run(run):
    """What stands under ``if __name__ == "__main__"`` stays out of a module that is imported."""
    running = run(a="N = 1\nif __name__ == '__main__':\n    N = 2\n")
    assert running.reload(a=lambda text: text + "\n").ok
    assert running.module("a").N == 1
