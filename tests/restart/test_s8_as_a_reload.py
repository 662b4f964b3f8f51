"""S8: a restart and a reload of the same edit agree on stores, dialogues and timers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.harness import Caller
from tests.restart.conftest import Serving

APP = """
import datetime as dt
import json
from cletus import Dialogue, Service, events, step
from cletus.storage import Field, Store

service = Service()


class Person(Store):
    service = service
    version = 1
    name = Field("")
    gold = Field(3)
    born = Field(dt.date(2001, 2, 3), type=dt.date)
    mood = Field("calm", session=True)
    friend = Field(None, session=True)


class Order(Dialogue):
    dish = Field("")
    guests = Field(1)

    @step("Dish? ")
    def ask_dish(self, line):
        self.dish = line
        return self.ask_drink

    @step("Drink? ")
    def ask_drink(self, line):
        return self.done(line)


class Menu(Dialogue):
    @step("Menu? ")
    def choose(self, line):
        return self.call(Order(), then=self.ordered)

    def ordered(self, drink):
        self.client.write(f"ordered {drink}")
        return self.choose


PRICES = {"soup": 3}
rules = Person("rules", name="as stated", gold=1)


@service.every(1000)
def tick():
    pass


@service.every(2000)
def tock():
    pass


def ring():
    pass


def buzz():
    pass


@service.listen(events.Receive)
def receive(event):
    client, word = event.client, event.data
    if word == "begin":
        ann = Person("ann", name="Ann", gold=7)
        ann.mood = "gay"
        ann.friend = Person("bob", name="Bob")
        client.user = ann
        rules.gold = 5
        PRICES["bread"] = 1
        client.prices = PRICES
        service.call_later(3000, ring)
        service.call_later(4000, buzz)
        client.write("begun")
    elif word == "menu":
        client.start_dialogue(Menu())
    elif word == "state":
        client.write(json.dumps(state(), sort_keys=True, default=str))


def state():
    people = sorted(Person.manager.active().values(), key=lambda person: person.key)
    named = lambda value: f"<{value.key}>" if isinstance(value, Store) else value
    timers = service.session.current.timers
    return {
        "people": {p.key: {k: named(v) for k, v in p.to_dict(session=True).items()} for p in people},
        "rules": rules is Person.manager.get_active("rules"),
        "users": [getattr(client.user, "key", None) for client in service.clients],
        "same": [getattr(client, "prices", PRICES) == PRICES for client in service.clients],
        "prices": PRICES,
        "dialogues": [
            [(type(d).__name__, d.step, d.snapshot()["data"]) for d in client.dialogues] for client in service.clients
        ],
        "timers": sorted((t.target_name, t.interval, round(t.remaining, -2)) for t in timers if t.active),
    }
"""

#: It is given what a file has: text, and not a date.
MIGRATION = """
    @classmethod
    def migrate(cls, data, version):
        data["name"] += " " + data["born"]

"""

EDITS = {
    "stated": [
        ('name="as stated", gold=1', 'name="as stated anew", gold=1'),
        ('PRICES = {"soup": 3}', 'PRICES = {"soup": 5}'),
    ],
    "nothing": [("import json", "import json  # nothing")],
    "more": [
        ('name = Field("")', 'name = Field("")\n    age = Field(40)'),
        ("gold = Field(3)", 'coins = Field(3, renamed_from="gold")'),
        ("gold=7", "coins=7"),
        ("gold=1", "coins=1"),
        ("rules.gold = 5", "rules.coins = 5"),
        ("guests = Field(1)", 'guests = Field(1)\n    wine = Field("red")'),
        ('PRICES = {"soup": 3}', 'PRICES = {"soup": 4, "pie": 9}'),
    ],
    "less": [
        ('    mood = Field("calm", session=True)\n', ""),
        ('        ann.mood = "gay"\n', ""),
        ("    guests = Field(1)\n", ""),
        ("@service.every(2000)\ndef tock():\n    pass\n", ""),
        ("def buzz():\n    pass\n", ""),
        ("        service.call_later(4000, buzz)\n", ""),
    ],
    "other": [
        ("version = 1", "version = 2"),
        ("    name = Field", MIGRATION + "    name = Field"),
        ("ask_drink", "ask_wine"),
        ("every(1000)", "every(500)"),
        ('name="as stated", gold=1', 'name="as stated anew", gold=1'),
    ],
}


#: What the other edits show as well.
SOAK = {"nothing", "stated"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.soak] * (name in SOAK)) for name in EDITS]
)
def test_s8_as_a_reload(
    serving: Callable[..., Serving], called: Callable[[int], Caller], name: str
) -> None:
    edited = APP
    for old, new in EDITS[name]:
        assert old in edited
        edited = edited.replace(old, new)
    seen = []
    for is_restart in (False, True):
        service = serving(*["--no-reload"] * is_restart, text=APP)
        people = [called(service.port) for _ in range(4)]
        for person, lines in zip(people, LINES, strict=True):
            for line, answer in lines:
                person.types(line)
                person.sees(answer)
        service.write("app.py", edited)
        if is_restart:
            report = service.restart()
            assert report["outcome"] == "taken over", report
        else:
            service.prints("Reloaded, generation 1")
        seen.append(state_of(people[0]))
        assert service.stop() == 0
        shutil.rmtree(service.folder / "store")
    assert seen[0] == seen[1]
    assert seen[0]["people"]["ann"]["friend"] == "<bob>"


LINES = (
    [("begin", "begun")],
    [("menu", "Menu? ")],
    [("menu", "Menu? "), ("x", "Dish? ")],
    [("menu", "Menu? "), ("x", "Dish? "), ("soup", "Drink? ")],
)


def state_of(person: Caller) -> Any:
    person.types("state")
    person.sees("{")
    return json.loads("{" + person.sees("\r\n"))
