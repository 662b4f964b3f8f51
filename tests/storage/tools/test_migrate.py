"""Migrating: what is of an earlier version is saved anew by the code's own functions, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from cletus import Service
from cletus.errors import CorruptStore, StoreFull
from cletus.storage import Field, Store, TempStoreMixin
from cletus.storage.backends.memory import Memory
from cletus.storage.interfaces import Failure
from cletus.storage.tools.migrate import Migration, in_words
from tests.storage.rig import make_service


class Counting(Memory):
    """Tells what was written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[str] = []
        self.full: set[str] = set()

    def write_many(self, documents: Any) -> list[Failure]:
        self.written += [each.key for each in documents]
        fitting = [each for each in documents if each.key not in self.full]
        no_room = [each for each in documents if each.key in self.full]
        errors = [
            Failure(each, StoreFull(each.store, each.key, "no space", action="save"))
            for each in no_room
        ]
        return super().write_many(fitting) + errors


@pytest.fixture
def home() -> Counting:
    home = Counting()
    home.open()
    return home


@pytest.fixture
def service() -> Service:
    return make_service()


@pytest.fixture
def ship(service: Service) -> Any:
    def migrate(cls: Any, data: dict[str, Any], version: int) -> None:
        if version == 0:
            data["crew"] = data["crew"].split()

    members = {
        "migrate": classmethod(migrate),
        "crew": Field([]),
        "speed": Field(0, renamed_from="pace"),
    }
    return type("Ship", (Store,), {"service": service, "version": 2, **members})


NEWEST = b'{"_version":2,  "crew":[]}'


def put(home: Memory, **texts: bytes) -> None:
    for key, text in texts.items():
        home.write("ship", key, text)


def test_only_what_is_outdated_is_written(home: Counting, ship: Any) -> None:
    """Through all steps, with unknown fields; what is of the newest version keeps its very bytes."""
    put(home, argo=b'{"crew":"Jason Orpheus","built":1300}', beagle=NEWEST)
    put(home, pinta=b'{"_version":2,"crew":[],"pace":3}')
    (argo, pinta) = Migration(home, [ship], write=True).run()
    assert (argo.store, argo.key, argo.location, argo.error) == (
        "ship",
        "argo",
        "memory:ship/argo",
        None,
    )
    assert pinta.key == "pinta"
    assert home.written == ["argo", "pinta"]
    assert home.read("ship", "argo").decode() == (
        '{\n  "_version": 2,\n  "crew": [\n    "Jason",\n    "Orpheus"\n  ],\n  "speed": 0,\n'
        '  "built": 1300\n}\n'
    )
    assert b'"speed": 3' in home.read("ship", "pinta")
    assert home.read("ship", "beagle") == NEWEST
    assert list(Migration(home, [ship], write=True).run()) == []
    assert ship.manager.active() == {}


def test_a_trial_writes_nothing(home: Counting, ship: Any) -> None:
    """And tells the same."""
    put(home, argo=b'{"crew":"Jason"}', eve=b"no")
    outcomes = list(Migration(home, [ship], write=False).run())
    assert [(one.key, one.error is None) for one in outcomes] == [("argo", True), ("eve", False)]
    assert home.written == []


def test_what_fails_hinders_no_other(home: Counting, ship: Any) -> None:
    """Whether it cannot be read, or its migrate() raises, or it cannot be written."""
    put(home, argo=b'{"crew":"Jason"}', broken=b"no", late=b'{"_version":3}', none=b"{}")
    put(home, full=b'{"crew":""}', Odd=b"{}")
    home.full = {"full"}
    found = {one.key: one.error for one in Migration(home, [ship], write=True).run()}
    assert found.pop("argo") is None
    assert {key: type(error).__name__ for key, error in found.items()} == {
        "Odd": "InvalidKey",
        "broken": "CorruptStore",
        "late": "NewerStore",
        "none": "CorruptStore",
        "full": "StoreFull",
    }
    assert isinstance(found["none"], CorruptStore)
    assert in_words(found["none"]).endswith("Ship.migrate() of data of version 0: KeyError: 'crew'")
    assert home.read("ship", "broken") == b"no"
    assert home.read("ship", "full") == b'{"crew":""}'


def test_what_the_application_raises_is_told(home: Counting, service: Service) -> None:
    """It is an outcome like any other."""

    def refuse(self: Any, key: str, **values: Any) -> None:
        raise RuntimeError("not now")

    user = type("User", (Store,), {"service": service, "__init__": refuse})
    home.write("user", "bob", b"{}")
    (found,) = Migration(home, [user], write=True).run()
    assert found.error is not None
    assert in_words(found.error) == "RuntimeError: not now"


def test_temporary_stores_have_nothing_to_migrate(home: Counting, service: Service) -> None:
    """What lies in their folder is left alone."""
    fight = type("Fight", (TempStoreMixin, Store), {"service": service, "version": 1})
    home.write("fight", "duel", b"{}")
    assert list(Migration(home, [fight], write=True).run()) == []
