"""Where things stand: functions through what wraps them, classes and attributes by their names."""

from __future__ import annotations

import functools
from pathlib import Path

from cletus.check.finding import Location
from cletus.check.source_map import SourceMap, of_function
from cletus.reload.code.sources import Source

HERE = __file__


def plain():
    pass


@functools.cache
def cached():
    pass


class Outer:
    class Inner:
        first = 1
        second: int = 2

        def method(self):
            pass

    if HERE:
        third = 3


class Child(Outer.Inner):
    pass


def line_of(text: str) -> int:
    lines = Path(HERE).read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.strip() == text)


def texts() -> SourceMap:
    return SourceMap({__name__: Source(__name__, Path(HERE), False, Path(HERE).read_bytes(), b"")})


def test_a_function_is_found_through_what_wraps_it():
    place = Location(HERE, line_of("def plain():"))
    assert of_function(plain) == place
    assert of_function(functools.partial(functools.partial(plain))) == place
    assert of_function(cached) == Location(HERE, line_of("@functools.cache"))
    assert of_function(Outer.Inner().method) == Location(HERE, line_of("def method(self):"))
    assert of_function(print) == Location()


def test_a_class_and_its_attributes_are_found_by_name():
    assert texts().of_class(Outer.Inner) == Location(HERE, line_of("class Inner:"))
    assert texts().of_attribute(Outer.Inner, "second") == Location(HERE, line_of("second: int = 2"))
    assert texts().of_attribute(Outer.Inner, "method") == Location(
        HERE, line_of("def method(self):")
    )


def test_an_inherited_attribute_is_found_at_its_base():
    assert texts().of_attribute(Child, "first") == Location(HERE, line_of("first = 1"))


def test_what_is_not_found_has_the_place_of_its_class():
    assert texts().of_attribute(Child, "nothing") == Location(
        HERE, line_of("class Child(Outer.Inner):")
    )
    assert texts().of_class(int) == Location()
