"""R11: a reload's pause grows linearly with the objects carried.

Time is measured in benchmarks/reload.py; here the work is counted, which no busy machine can blur.
"""

from __future__ import annotations

import itertools
import sys

import pytest

from cletus.reload.state import convert

THINGS = """
    from cletus.storage import Field, Store
    from APP.core import service

    class Thing(Store):
        service = service
        a = Field(0)
        b = Field("")
        c = Field(list)
        d = Field(dict)
        other = Field(session=True)
"""


def calls_of_a_reload(app, count, values=lambda number: [number], **edits):
    """How many Python functions a reload calls with so many objects, each referring to another."""
    manager = app.store("thing").manager
    for key in list(manager.active()):
        manager.remove_active(manager.active()[key])
    things = [app.store("thing")(f"t{n}", c=[n], d={"n": values(n)}) for n in range(count)]
    for one, other in zip(things, [*things[1:], things[0]], strict=True):
        one.other = other
    del things
    calls = 0

    def count_calls(_frame, event, _arg):
        nonlocal calls
        calls += event == "call"

    app.reload()
    sys.setprofile(count_calls)
    try:
        report = app.reload(**edits)
    finally:
        sys.setprofile(None)
    assert report.ok, str(report)
    assert report.stores == {"thing": count}
    return calls


@pytest.fixture(params=[0, convert.FEW], ids=["counted", "looked into"])
def few(request, monkeypatch):
    """References are counted, or all objects are looked into."""
    monkeypatch.setattr(convert, "FEW", request.param)


@pytest.mark.usefixtures("few")
def test_the_work_on_ordinary_objects_is_done_in_bulk(run):
    """A function of Python is called for many objects at once, not for each."""
    app = run(things=THINGS)
    few, many = (calls_of_a_reload(app, count) for count in (4_000, 16_000))
    assert many - few < 12_000 / 4


@pytest.mark.usefixtures("few")
def test_a_field_with_a_computed_default_costs_few_calls_for_each_object(run):
    """Everything is noted before the application's code runs, in bulk as well."""
    app = run(things=THINGS)
    calls, text = [], THINGS.replace("APP", app.name)
    for number, count in enumerate((6_000, 12_000)):
        text += f"        new{number} = Field(lambda: [])\n"
        calls.append(calls_of_a_reload(app, count, things=text))
    few, many = calls
    assert many - few < 6_000 * 6


def test_values_with_a_hash_of_their_own_are_looked_at_in_bulk(run):
    """Only a dict or set that has them as keys is filled again."""
    value = """
    import dataclasses

    @dataclasses.dataclass(frozen=True)
    class Exit:
        to: int
    """
    app = run(things=THINGS + value)

    def exits(number):
        return [app.module("things").Exit(number)]

    few, many = (calls_of_a_reload(app, count, exits) for count in (4_000, 16_000))
    assert many - few < 12_000 / 4


def test_a_long_chain_of_references_needs_no_deep_stack(run):
    """10,000 objects, each referring to the next one: references are not followed in depth."""
    app = run(things=THINGS)
    things = [app.store("thing")(f"t{n}") for n in range(10_000)]
    for one, other in itertools.pairwise(things):
        one.other = other
    del things
    report = app.reload()
    assert report.ok, str(report)
    first = app.active("thing")["t0"]
    assert first.other.other is app.active("thing")["t2"]


def test_data_nested_deeply_needs_no_deep_stack(run):
    app = run(things=THINGS)
    deep: list = [app.module("things").Thing]
    for _ in range(100_000):
        deep = [deep]
    app.store("thing")("t").other = deep
    report = app.reload()
    assert report.ok, str(report)
    while type(deep[0]) is list:
        deep = deep.pop()
    assert deep == [app.module("things").Thing]


def test_tuples_nested_too_deeply_refuse_the_reload_and_say_where(run):
    app = run(things=THINGS)
    deep: tuple = (app.module("things").Thing,)
    for _ in range(10_000):
        deep = (deep,)
    app.store("thing")("t").other = deep
    report = app.reload()
    assert not report.ok
    assert "Thing 't': tuples are nested too deeply" in report.error
