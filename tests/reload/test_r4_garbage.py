"""R4: after N reloads and a garbage collection, one generation of each application module is alive."""

from __future__ import annotations

import gc
from collections import Counter
from types import FunctionType

from cletus.reload.code.loader import Mark
from tests.example.conftest import lantern
from tests.reload.conftest import CORE

__all__ = ["lantern"]

RELOADS = 50
#: What people do between the reloads: something of every part of contrib.
LINES = (
    "Hello, everybody!",
    ".who",
    ".help",
    ".shout hey",
    ".tell {other} psst",
    ".reply hm",
    ".smile",
    ".wave {other}",
    ".look",
    ".go garden",
    ".go back",
    ".channels",
    ".join chat",
    ".chat hello",
    ".mail",
    ".profile",
    ".title is here",
    ".set",
    ".ignore {other}",
    ".unignore {other}",
    ".nonsense",
    ".page",
    ".y",
)


def census(package: str) -> Counter[str]:
    """How many modules, classes and functions of a package are alive, by name."""
    gc.unfreeze()  # what the tests before have left may be garbage that nothing collects
    gc.collect()
    found: Counter[str] = Counter()
    for one in gc.get_objects():
        kind, module = type(one), str(getattr(one, "__module__", ""))
        if kind is Mark and one.module.startswith(package):
            found[f"module {one.module}"] += 1
        elif issubclass(kind, type) and module.startswith(package):
            found[f"class {module}.{one.__qualname__}"] += 1
        elif kind is FunctionType and module.startswith(package):
            code = one.__code__
            found[f"function {module}.{one.__qualname__}:{code.co_name}"] += 1
    return found


def test_one_generation_of_the_talker(lantern):
    """Fifty reloads with people talking in between: nothing old is alive, and memory stays flat."""
    ann, bob = lantern.person("ann"), lantern.person("bob")
    first, objects = census("example_service"), 0
    names = sorted(
        name.partition(".")[2]
        for name in lantern.service.reloader.sources.modules
        if "." in name and not name.endswith("__main__")
    )
    for number in range(RELOADS):
        lantern.clock.advance(5)  # their address has a budget of lines
        if number % 10 == 0:
            lantern.person(f"guest{chr(97 + number // 10)}").hangs_up()
        line = LINES[number % len(LINES)]
        for person, other in ((ann, "bob"), (bob, "ann")):
            lantern.types(person, line.format(other=other))
            lantern.types(person, "q")  # out of the pager, if that is where they are
        module = names[number % len(names)]
        if number % 5 == 4:
            report = lantern.reload(**{module: lambda text: text + "\n1 / 0\n"})
            assert not report.ok
        else:
            report = lantern.reload(**{module: lambda text: text + "\n"})
            assert report.ok, report
        assert report.holders == []
        if number == 9:
            objects = len(gc.get_objects())
    last = census("example_service")
    assert sum(name.startswith("module ") for name in last) >= len(names)
    assert last == first
    # What people say is kept in places (channels, mail); the 40 reloads in between keep nothing.
    assert len(gc.get_objects()) < objects + 500
    assert lantern.types(ann, "still here").count("still here") == 1


def test_people_in_the_middle_of_things(lantern):
    """Those who stand in a dialogue keep no old code alive either."""
    people = [lantern.connect() for _ in range(3)]
    people[1].says("zoe")
    people[2].says("zed", "y", "lantern light")
    lantern.types(lantern.person("ann"), ".mail send bob")
    before = census("example_service")
    for _ in range(5):
        report = lantern.reload(users=lambda text: text + "\n")
        assert report.ok, report
        assert report.holders == []
    assert census("example_service") == before
    assert len(people) == 3


CHATTER = (
    CORE
    + """
from cletus import Dialogue, events, step
from cletus.storage import Field, Store

class Thing(Store):
    service = service
    near = Field(None, session=True)
    def ring(self): pass

class Ask(Dialogue):
    @step("? ")
    def first(self, line):
        return None

class Plain:
    pass

@service.listen(events.Connect)
async def connect(event):
    while True:
        await event.client.ask("? ")

@service.listen(events.Receive)
def receive(event):
    pass

@service.every(5)
def tick():
    pass
"""
)


def test_everything_that_the_framework_holds(run):
    """Stores, dialogues, timers, listeners, conversations and attributes hold the new code only."""
    others = census("app0")  # what earlier tests have left behind under the same name
    running = run(core=CHATTER)
    person, other = running.person(), running.person()
    things = [running.store("thing")(f"thing{number}") for number in range(20)]
    core = running.module("core")
    for one, next_one in zip(things, [*things[1:], things[0]], strict=True):
        one.near = [next_one, core.Plain()]
    running.service.call_later(99, things[0].ring)
    running.service.plain = core.Plain()
    other.client.plain = {"one": core.Plain()}
    del things, one, next_one, core
    for number in range(20):
        running.clock.advance(1)
        person.types("x")
        edited = CHATTER + ("1 / 0\n" if number % 3 == 2 else "\n" * number)
        report = running.reload(core=edited)
        assert report.ok is (number % 3 != 2), report
        assert report.holders == [], report
    counts = census("app0")
    counts.subtract(others)
    assert counts["module app0.core"] == 1
    assert counts["class app0.core.Thing"] == 1
    assert counts["class app0.core.Plain"] == 1
    assert counts["function app0.core.tick:tick"] == 1
