"""Managers: which objects are active, which are saved, and what happens to those that are neither."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.logger import LogEvent, globalLogPublisher

from cletus import Service
from cletus.errors import (
    CorruptStore,
    FieldValueError,
    InvalidKey,
    KeyInUse,
    NewerStore,
    NotSaved,
    StoreIOError,
    UnknownField,
)
from cletus.storage import Field, Manager, Store, TempStoreMixin
from tests.storage.rig import make_service, put, raw


@pytest.fixture
def service() -> Service:
    return make_service()


@pytest.fixture
def user(service: Service) -> Any:
    fields = {"name": Field(""), "score": Field(0, type=int), "room": Field("hall", session=True)}
    return type("User", (Store,), {"service": service, **fields})


@pytest.fixture
def logged() -> Any:
    events: list[LogEvent] = []
    globalLogPublisher.addObserver(events.append)
    yield events
    globalLogPublisher.removeObserver(events.append)


# -- active objects -----------------------------------------------------------------------------


def test_the_dict_of_active_objects_is_the_callers(user: Any) -> None:
    """It can be iterated while objects come and go, and changing it changes nothing."""
    user("bob")
    user("amy")
    for obj in user.manager.active().values():
        user.manager.remove(obj)
    user.manager.active()["eve"] = None

    assert user.manager.active() == {}


def test_a_second_object_replaces_the_first_with_a_warning(user: Any, logged: Any) -> None:
    """``User("bob").load()`` must work while bob is active."""
    first = user("bob")
    assert logged == []
    second = user("BOB")

    assert user.manager.active()["bob"] is second
    assert [event["log_level"].name for event in logged] == ["warn"]
    assert logged[0]["obj"] == "<User 'bob'>"

    user.manager.remove(first)
    assert user.manager.active()["bob"] is second


def test_adding_an_object_again_is_no_second_object(user: Any, logged: Any) -> None:
    """Nothing is warned of."""
    bob = user("bob")
    user.manager.add_active(bob)

    assert logged == []


def test_removing_what_is_not_active_is_harmless(user: Any) -> None:
    """So an object may be removed twice."""
    bob = user("bob")
    user.manager.remove_active(bob)
    user.manager.remove_active(bob)

    assert user.manager.active() == {}


def test_an_object_that_could_not_be_made_is_not_active(service: Service) -> None:
    """Neither a wrong key nor a wrong value nor a default that raises leaves one behind."""

    def default() -> None:
        raise RuntimeError("no default today")

    thing = type("Thing", (Store,), {"service": service, "a": Field()})
    broken = type("Broken", (Store,), {"service": service, "a": Field(default)})
    with pytest.raises(InvalidKey):
        thing("no key!")
    with pytest.raises(UnknownField, match="Thing has no field 'b'; it has a"):
        thing("x", b=1)
    with pytest.raises(RuntimeError):
        broken("x")

    assert thing.manager.active() == broken.manager.active() == {}


# -- saved objects ------------------------------------------------------------------------------


def test_saved_objects_are_apart(service: Service, user: Any, logged: Any) -> None:
    """They are as they are saved; none becomes active, no active one is touched or replaced."""
    bob = user("bob", score=1)
    bob.save()
    bob.score = 5
    bob.room = "attic"
    saved = user.manager.saved()["bob"]

    assert (saved.score, saved.room) == (1, "hall")
    assert (bob.score, bob.room) == (5, "attic")
    saved.score = 7
    assert user.manager.active() == {"bob": bob}
    assert logged == []

    saved.save()
    assert user.manager.saved()["bob"].score == 7


def test_keys_loads_nothing(service: Service, user: Any) -> None:
    """It also lists what cannot be read."""
    user("bob").save()
    put(service, "user", "amy", "{")

    assert sorted(user.manager.keys()) == ["amy", "bob"]
    assert user.manager.unreadable() == {}


def test_what_cannot_be_read_hinders_no_other(service: Service, user: Any, logged: Any) -> None:
    """It is left out of ``saved()`` and ``all()``, logged with its place, and listed."""
    user("bob").save()
    put(service, "user", "amy", '{\n  "score": 1,\n}')
    put(service, "user", "eve", '{\n  "name": "Eve",\n  "score": "many"\n}')
    put(service, "user", "zoe", '{"_version": 4}')

    assert set(user.manager.saved()) == {"bob"}
    unreadable = user.manager.unreadable()
    assert set(unreadable) == {"amy", "eve", "zoe"}
    assert isinstance(unreadable["amy"], CorruptStore)
    assert (unreadable["amy"].line, unreadable["eve"].line) == (2, 3)
    assert isinstance(unreadable["zoe"], NewerStore)
    assert len([event for event in logged if event["log_level"].name == "error"]) == 3
    assert "memory:user/amy:2" in str(logged[0]["error"])
    assert set(user.manager.all()) == {"bob"}

    put(service, "user", "amy", '{"score": 1}')
    assert set(user.manager.saved()) == {"amy", "bob"}
    assert set(user.manager.unreadable()) == {"eve", "zoe"}


def test_files_that_are_no_keys(service: Service, user: Any) -> None:
    """A file that somebody put there under another name than a key is listed as unreadable."""
    put(service, "user", "Bob", "{}")
    put(service, "user", "big bob", "{}")

    assert user.manager.saved() == {}
    assert set(user.manager.unreadable()) == {"Bob", "big bob"}
    assert "rename it" in str(user.manager.unreadable()["Bob"])


def test_all_prefers_what_is_active(service: Service, user: Any) -> None:
    """An active object's file is not even read."""
    bob = user("bob")
    put(service, "user", "bob", "{")

    assert user.manager.all() == {"bob": bob}
    assert user.manager.unreadable() == {}


# -- one object ---------------------------------------------------------------------------------


def test_get_gives_the_active_object(user: Any) -> None:
    """In whichever case the key is written."""
    bob = user("bob")

    assert user.manager.get("BOB") is bob


def test_get_makes_a_saved_object_active(user: Any, logged: Any) -> None:
    """It is loaded once."""
    user("bob", score=3).save()
    user.manager.remove(user.manager.active()["bob"])
    bob = user.manager.get("bob")

    assert bob.score == 3
    assert user.manager.get("bob") is bob
    assert user.manager.active() == {"bob": bob}
    assert logged == []


@pytest.mark.parametrize("key", ["nobody", "", "../bob", "a b", "\0", "x" * 500])
def test_get_gives_none(user: Any, key: str) -> None:
    """Where there is no such object, or nothing can be called so; and none is made."""
    assert user.manager.get(key) is None
    assert user.manager.active() == {}


def test_get_of_what_cannot_be_read_raises(service: Service, user: Any) -> None:
    """It is not as if it were not there, or somebody would make it anew."""
    put(service, "user", "bob", "{")
    with pytest.raises(CorruptStore):
        user.manager.get("bob")

    assert user.manager.active() == {}
    assert set(user.manager.unreadable()) == {"bob"}


def test_create_makes_an_object(user: Any) -> None:
    """It is active, has its values, and is not saved yet."""
    bob = user.manager.create("Bob", score=3)

    assert (bob.key, bob.score) == ("bob", 3)
    assert user.manager.active() == {"bob": bob}
    assert user.manager.keys() == []


def test_create_never_replaces(service: Service, user: Any) -> None:
    """Not an active object, not a saved one, and not one that cannot be read."""
    bob = user("bob")
    user("amy").save()
    user.manager.remove(user.manager.active()["amy"])
    put(service, "user", "eve", "{")
    for key in ("BOB", "amy", "eve"):
        with pytest.raises(KeyInUse, match="there is a user"):
            user.manager.create(key)

    assert user.manager.active() == {"bob": bob}
    with pytest.raises(InvalidKey):
        user.manager.create("a b")


def test_create_sees_what_is_being_saved(user: Any) -> None:
    """A ``save_soon`` that is on its way counts as saved."""
    bob = user("bob")
    bob.save_soon()
    user.manager.remove(bob)
    with pytest.raises(KeyInUse):
        user.manager.create("bob")

    assert user.manager.get("bob") is not None


def test_delete_removes_from_memory_and_home(user: Any) -> None:
    """What was saved is gone, what was active is not active; a second time there is nothing."""
    user("bob").save()
    user("amy")
    user.manager.delete("BOB")
    user.manager.delete("amy")

    assert user.manager.all() == {}
    with pytest.raises(NotSaved):
        user.manager.delete("bob")


def test_delete_overtakes_what_is_being_saved(service: Service, user: Any) -> None:
    """A ``save_soon`` on its way does not bring the object back."""
    user("bob").save_soon()
    user.manager.delete("bob")
    service.reactor.advance(1)

    assert user.manager.keys() == []


def test_an_unreadable_object_can_be_deleted(service: Service, user: Any) -> None:
    """That is said in so many words; it is no longer listed."""
    put(service, "user", "bob", "{")
    user.manager.saved()
    user.manager.delete("bob")

    assert user.manager.unreadable() == {}
    assert user.manager.keys() == []


def test_an_object_that_cannot_be_deleted_stays(user: Any, monkeypatch: Any) -> None:
    """The error goes through, and the object is active as before."""
    bob = user("bob")
    bob.save()

    def fail(store: str, key: str) -> None:
        raise StoreIOError(store, key, "no", action="delete")

    monkeypatch.setattr(user.session.writer, "delete", fail)
    with pytest.raises(StoreIOError):
        bob.delete()

    assert user.manager.active() == {"bob": bob}


# -- saving many --------------------------------------------------------------------------------


def test_save_all_saves_what_is_active(service: Service, user: Any) -> None:
    """Or the objects that it is given."""
    bob, amy = user("bob", score=1), user("amy", score=2)
    assert user.manager.save_all([amy]) == []
    assert user.manager.keys() == ["amy"]
    assert user.manager.save_all() == []
    assert sorted(user.manager.keys()) == ["amy", "bob"]
    assert raw(service, "user", "bob") == bob.to_json().encode()


def test_save_all_tells_which_object_failed_and_why(service: Service, user: Any) -> None:
    """The others are saved."""
    put(service, "user", "eve", "{")
    bob, amy, eve = user("bob"), user("amy"), user("eve")
    bob.score = "many"
    unsaved = user.manager.save_all()

    assert [each.obj for each in unsaved] == [bob, eve]
    assert isinstance(unsaved[0].error, FieldValueError)
    assert isinstance(unsaved[1].error, CorruptStore)
    assert str(unsaved[0]).startswith("<User 'bob'> was not saved: ")
    assert user.manager.saved()["amy"].to_dict() == amy.to_dict()
    assert raw(service, "user", "eve") == b"{"


# -- temporary stores ---------------------------------------------------------------------------


def test_a_temporary_store_has_nothing_saved(service: Service) -> None:
    """Its manager knows active objects alone, and asks the home for nothing."""
    fight = type("Fight", (TempStoreMixin, Store), {"service": service})
    put(service, "fight", "old", "{}")
    duel = fight.manager.create("duel")

    assert fight.manager.keys() == []
    assert fight.manager.saved() == {}
    assert fight.manager.all() == {"duel": duel}
    assert fight.manager.get("old") is None
    assert fight.manager.get("duel") is duel
    assert fight.manager.save_all() == []
    fight.manager.create("old")
    with pytest.raises(KeyInUse):
        fight.manager.create("duel")
    duel.delete()
    assert set(fight.manager.active()) == {"old"}
    with pytest.raises(NotSaved):
        fight.manager.delete("duel")


def test_a_manager_without_super_init_works(service: Service) -> None:
    """Its constructor is the application's own business."""

    class Noted(Manager):
        def __init__(self) -> None:
            self.notes: list[str] = []

    thing = type("Thing", (Store,), {"service": service, "manager": Noted()})
    obj = thing("x")

    assert thing.manager.active() == {"x": obj}
    assert thing.manager.notes == []
