"""What an object has and its class does not declare: it is kept, written back, and given back."""

from __future__ import annotations

import datetime as dt
import gc
import json
import weakref
from dataclasses import dataclass
from typing import Any

import pytest

from cletus import Service
from cletus.storage import Field, Store, StoreField
from tests.storage.rig import make_service, put, raw, reload


@pytest.fixture
def service() -> Service:
    return make_service()


def define(service: Service, **fields: Any) -> Any:
    return type("User", (Store,), {"service": service, **fields})


def bob_of(service: Service) -> Any:
    store_cls: Any = service.session.find("user")
    return store_cls.manager.get("bob")


def test_what_a_file_has_and_the_code_does_not_is_written_back(service: Service) -> None:
    """In its order, behind the fields; also what people note there under an underscore."""
    user = define(service, name=Field(""))
    put(service, "user", "bob", '{"_comment": "nice", "age": [1, {"a": null}], "name": "Bob"}')
    bob = user.manager.get("bob")
    bob.name = "Robert"
    assert bob.to_dict() == {"name": "Robert"}
    bob.save()

    saved = json.loads(raw(service, "user", "bob"))
    assert saved == {"name": "Robert", "_comment": "nice", "age": [1, {"a": None}]}
    assert list(saved) == ["name", "_comment", "age"]


def test_loading_again_forgets_what_the_file_no_longer_has(service: Service) -> None:
    """The file is what counts."""
    user = define(service, name=Field(""))
    put(service, "user", "bob", '{"age": 3, "old": 1}')
    bob = user("bob").load()
    put(service, "user", "bob", '{"age": 4}')
    bob.load()

    assert json.loads(bob.to_json()) == {"name": "", "age": 4}


def test_a_field_that_disappears_is_back_when_it_returns(service: Service) -> None:
    """Over several reloads, for permanent and session fields, typed and untyped."""

    def fields() -> dict[str, Any]:
        return {
            "name": Field(""),
            "born": Field(type=dt.date),
            "seen": Field([]),
            "client": Field(session=True),
        }

    client = object()
    bob = define(service, **fields())("bob", name="Bob", born=dt.date(2000, 1, 2), client=client)
    bob.seen.append("hall")

    reload(service, lambda: define(service, other=Field(1)))
    bob = bob_of(service)
    assert bob.to_dict(session=True) == {
        "other": 1,
        "_unknown": {"name": "Bob", "born": "2000-01-02", "seen": ["hall"]},
        "_parked": {"client": client},
    }
    assert not hasattr(bob, "name")

    reload(service, lambda: define(service, name=Field("")))
    assert bob_of(service).name == "Bob"

    reload(service, lambda: define(service, **fields()))
    bob = bob_of(service)
    assert (bob.name, bob.born, bob.seen) == ("Bob", dt.date(2000, 1, 2), ["hall"])
    assert bob.client is client
    assert bob.to_dict(session=True).keys() == {*fields(), "_unknown"}
    assert bob.to_dict(session=True)["_unknown"] == {"other": 1}


def test_parked_permanent_fields_are_saved(service: Service) -> None:
    """So a restart with the field back has it, too; in JSON's form."""
    define(service, born=Field(type=dt.date))("bob", born=dt.date(2000, 1, 2))
    reload(service, lambda: define(service, name=Field("")))
    bob_of(service).save()

    assert json.loads(raw(service, "user", "bob")) == {"name": "", "born": "2000-01-02"}


def test_parked_session_fields_are_never_saved(service: Service) -> None:
    """Neither is what has no form in JSON; both live on in memory."""
    secret, thing = "hunter2", object()
    define(service, secret=Field(session=True), thing=Field())("bob", secret=secret, thing=thing)
    reload(service, lambda: define(service, name=Field("")))
    reload(service, lambda: define(service, name=Field("")))
    bob_of(service).save()
    assert json.loads(raw(service, "user", "bob")) == {"name": ""}
    assert "hunter2" not in bob_of(service).to_json(session=True)

    reload(service, lambda: define(service, secret=Field(session=True), thing=Field()))
    assert bob_of(service).secret == "hunter2"
    assert bob_of(service).thing is thing


def test_what_is_parked_keeps_no_old_class_alive(service: Service) -> None:
    """A dataclass that vanished with its field is parked as JSON has it."""

    def with_pet() -> Any:
        @dataclass
        class Pet:
            name: str

        define(service, pet=Field(type=Pet))
        return Pet

    first = with_pet()
    service.session.find("user")("bob", pet=first("Rex"))  # type: ignore[misc]  # it was defined
    reference = weakref.ref(first)
    del first
    reload(service, lambda: define(service, name=Field("")))
    gc.collect()
    assert reference() is None

    kind = []
    reload(service, lambda: kind.append(with_pet()))
    assert bob_of(service).pet == kind[0]("Rex")


def test_a_file_of_later_code_waits_for_that_code(service: Service) -> None:
    """A field from a file that the code did not know is filled when a reload brings the code."""
    define(service, name=Field(""))
    put(service, "user", "bob", '{"name": "Bob", "room": "hall", "born": "2000-01-02"}')
    assert bob_of(service).name == "Bob"

    def define_all() -> None:
        type("Room", (Store,), {"service": service})("hall")
        define(service, room=StoreField("room"), born=Field(type=dt.date))

    reload(service, define_all)
    bob = bob_of(service)
    assert bob.room.key == "hall"
    assert bob.born == dt.date(2000, 1, 2)
    assert json.loads(bob.to_json()) == {"room": "hall", "born": "2000-01-02", "name": "Bob"}


def test_a_permanent_field_that_becomes_a_session_field(service: Service) -> None:
    """Its value stays in memory and leaves the file; the other way round it enters the file."""
    define(service, mood=Field(""), room=Field("", session=True))("bob", mood="glad", room="hall")
    bob_of(service).save()
    reload(service, lambda: define(service, mood=Field("", session=True), room=Field("")))
    bob = bob_of(service)
    assert (bob.mood, bob.room) == ("glad", "hall")
    bob.save()

    assert json.loads(raw(service, "user", "bob")) == {"room": "hall"}


def test_an_ordinary_object_keeps_nothing(service: Service) -> None:
    """It has no attribute for it, and pays nothing."""
    define(service, name=Field(""))("bob").save()
    bob = bob_of(service)
    bob.load()
    reload(service, lambda: define(service, name=Field(""), more=Field(1)))

    assert not {"_unknown", "_parked"} & vars(bob_of(service)).keys()
