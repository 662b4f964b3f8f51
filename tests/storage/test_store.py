"""Store objects: making, reading, comparing, saving and loading one."""

from __future__ import annotations

import gc
import json
import weakref
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from cletus import Service
from cletus.errors import (
    CorruptStore,
    FieldValueError,
    NewerStore,
    NotSavable,
    NotSaved,
    StoreFull,
    StoreIOError,
    UnreadableStore,
)
from cletus.storage import Field, Store, TempStoreMixin
from cletus.testing.log import Log
from tests.storage.rig import make_service, put, raw, reload


@pytest.fixture
def service() -> Service:
    return make_service()


def define_user(service: Service) -> Any:
    fields = {"name": Field(""), "score": Field(0, type=int), "room": Field("hall", session=True)}
    return type("User", (Store,), {"service": service, **fields})


@pytest.fixture
def user(service: Service) -> Any:
    return define_user(service)


def outcome(deferred: Deferred[Any]) -> list[Any]:
    """What a Deferred has fired with; empty if it has not."""
    results: list[Any] = []
    deferred.addBoth(results.append)
    return results


# -- making and looking -------------------------------------------------------------------------


def test_values_may_be_given_at_once(user: Any) -> None:
    """In place of defaults, session fields among them."""
    bob = user("bob", name="Bob", room="attic")

    assert bob.to_dict(session=True) == {"name": "Bob", "score": 0, "room": "attic"}


def test_an_object_is_not_active_before_its_values_are_checked(user: Any) -> None:
    """A value that does not fit its type is refused, and nothing half-made is left behind."""
    with pytest.raises(FieldValueError, match="score: expected int, found str"):
        user("bob", name="Bob", score="many")
    with pytest.raises(FieldValueError):
        user.manager.create("bob", score="many")
    assert user.manager.active() == {}


def test_an_object_whose_own_constructor_raises_is_not_left_active(service: Service) -> None:
    """``create`` leaves nothing behind, though the object was active when the error came."""

    def init(self: Any, key: str) -> None:
        Store.__init__(self, key)
        raise ValueError("no")

    thing: Any = type("Thing", (Store,), {"service": service, "__init__": init})
    with pytest.raises(ValueError, match="no"):
        thing.manager.create("x")
    assert thing.manager.active() == {}


def test_a_value_of_another_type_than_the_default_is_logged(service: Service) -> None:
    """Once, when it is loaded or saved; it is no error, for the field states no type."""
    fields = {
        "score": Field(0),
        "tags": Field([]),
        "note": Field(),
        "mood": Field("", session=True),
    }
    thing: Any = type("Thing", (Store,), {"service": service, **fields})
    put(service, "thing", "x", '{"score": "4", "tags": null, "note": 1}')
    put(service, "thing", "y", '{"score": "5"}')
    put(service, "thing", "z", '{"score": 1.5}')
    with Log().listening() as log:
        assert [thing(key).load().score for key in "xyz"] == ["4", "5", 1.5]
        thing("v", tags={}, mood=1).save()
    assert log.lines == [
        "<Thing 'x'>, score: the value is a str, the default a int",
        "<Thing 'v'>, tags: the value is a dict, the default a list",
    ]


def test_a_repr_shows_no_values(user: Any) -> None:
    """One might be a password, and a repr gets into logs."""
    assert repr(user("bob", name="hunter2")) == "<User 'bob'>"


def test_values_are_plain_attributes(user: Any) -> None:
    """They stand in the object's ``__dict__``, and nowhere else."""
    assert vars(user("bob", name="Bob")) == {
        "key": "bob",
        "name": "Bob",
        "score": 0,
        "room": "hall",
    }


def test_a_deleted_attribute_is_left_out(user: Any) -> None:
    """Reading it says what is the matter."""
    bob = user("bob")
    del bob.name

    assert bob.to_dict(session=True) == {"score": 0, "room": "hall"}
    with pytest.raises(AttributeError, match="<User 'bob'> has no value for its field 'name'"):
        _ = bob.name


def test_an_object_equals_itself_alone(user: Any) -> None:
    """Two objects under one key are two."""
    one, two = user("bob"), user("bob")

    assert one == one  # noqa: PLR0124 - that is what is tested
    assert one != two
    assert one != "bob"
    assert len({one, two}) == 2


def test_an_object_costs_little_more_than_a_plain_one(service: Service) -> None:
    """At most one and a half times a plain object with the same attributes."""
    names = [f"field{number}" for number in range(8)]
    thing: Any = type("Thing", (Store,), {"service": service, **{n: Field(0) for n in names}})

    class Plain:
        def __init__(self, key: str) -> None:
            self.key = key
            self.field0 = self.field1 = self.field2 = self.field3 = 0
            self.field4 = self.field5 = self.field6 = self.field7 = 0

    assert _bytes_each(thing) <= 1.5 * _bytes_each(Plain)


def _bytes_each(make: Any) -> float:
    import tracemalloc

    keys = [f"key{number}" for number in range(2000)]
    objects: list[Any] = [None] * len(keys)
    gc.collect()
    tracemalloc.start()
    for index, key in enumerate(keys):
        objects[index] = make(key)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return size / len(objects)


def test_an_object_can_be_collected(user: Any) -> None:
    """When it is no longer active, nothing of ours holds it."""
    bob = user("bob")
    bob.save()
    user.manager.saved()
    user.manager.remove(bob)
    reference = weakref.ref(bob)
    del bob
    gc.collect()

    assert reference() is None


# -- data ---------------------------------------------------------------------------------------


def test_values_are_handed_over_as_they_are(service: Service) -> None:
    """A reload must see that two fields share a list, and which client it is that one refers to."""
    shared, client = [1], object()
    fields = {"a": Field(), "b": Field(type=list[int]), "c": Field(session=True)}
    thing = type("Thing", (Store,), {"service": service, **fields})
    data = thing("x", a=shared, b=shared, c=client).to_dict(session=True)
    new = thing("y")
    new.from_dict(data, session=True)

    assert data["a"] is data["b"] is new.a is new.b is shared
    assert new.c is client


def test_missing_data_changes_nothing(user: Any) -> None:
    """``from_dict`` sets what it is given."""
    bob = user("bob", name="Bob", score=3)
    bob.from_dict({})
    bob.from_dict({"score": 4})

    assert (bob.name, bob.score) == ("Bob", 4)


def test_a_misfit_changes_nothing(user: Any) -> None:
    """All types are checked before the first field is set."""
    bob = user("bob", name="Bob", score=3)
    with pytest.raises(FieldValueError, match="User 'bob', score: expected int, found str"):
        bob.from_dict({"name": "somebody", "score": "many"})

    assert (bob.name, bob.score) == ("Bob", 3)


def test_bytes_and_text_are_both_json(user: Any) -> None:
    """As they come from files, and as ``to_json`` gives them."""
    bob = user("bob")
    bob.from_json(b'{"name": "\xc3\xa9"}')
    assert bob.name == "é"
    bob.from_json('{"name": "ö"}')
    assert bob.name == "ö"


def test_overridden_methods_are_used(service: Service) -> None:
    """Saving and reloading go through ``to_dict`` and ``from_dict``, which a store may override."""

    def define() -> Any:
        class User(Store):
            service: Any = owner
            name = Field("")

            def to_dict(self, session: bool = False) -> dict[str, Any]:
                return {**super().to_dict(session), "name": self.name.upper()}

            def from_dict(self, data: Any, session: bool = False, **more: Any) -> None:
                super().from_dict(data, session, **more)
                self.name = f"<{self.name}>"

        return User

    owner = service
    define()("bob", name="bob").save()
    assert json.loads(raw(service, "user", "bob")) == {"name": "BOB"}
    assert service.session.find("user").manager.saved()["bob"].name == "<BOB>"
    reload(service, define)
    assert service.session.find("user").manager.get("bob").name == "<BOB>"


# -- saving -------------------------------------------------------------------------------------


def test_save_writes_the_permanent_fields(service: Service, user: Any) -> None:
    """On return they are where a restart finds them."""
    user("bob", name="Bob", room="attic").save()

    assert raw(service, "user", "bob") == b'{\n  "name": "Bob",\n  "score": 0\n}\n'


def test_save_soon_writes_what_the_object_holds_now(service: Service, user: Any) -> None:
    """Later changes are not in it; the Deferred fires when it is safe."""
    bob = user("bob", score=1)
    first = outcome(bob.save_soon())
    bob.score = 2
    assert first == []
    assert bob.score == 2
    assert json.loads(raw(service, "user", "bob"))["score"] == 1
    service.reactor.advance(1)

    assert first == [None]
    assert user.manager.saved()["bob"].score == 1


def test_calls_of_save_soon_coalesce(service: Service, user: Any) -> None:
    """One write, of the newest values, and everybody is told."""
    bob = user("bob")
    results = []
    for score in range(5):
        bob.score = score
        results.append(outcome(bob.save_soon()))
    service.reactor.advance(1)

    assert results == [[None]] * 5
    assert user.manager.saved()["bob"].score == 4


def test_save_soon_fails_with_what_save_raises(service: Service, user: Any) -> None:
    """Through the Deferred, and before anything is written."""
    put(service, "user", "amy", "{")
    bob, amy = user("bob"), user("amy")
    bob.score = "many"
    for obj, error in ((bob, FieldValueError), (amy, CorruptStore)):
        with pytest.raises(error):
            obj.save()
        (failure,) = outcome(obj.save_soon())
        assert failure.check(error)

    assert user.manager.keys() == ["amy"]


def test_save_soon_fails_when_the_home_does(service: Service, user: Any, monkeypatch: Any) -> None:
    """The object in memory is as it was, and can be saved once there is room."""
    from cletus.storage import Failure

    backend = service.session.writer._backend

    def full(documents: Any) -> list[Failure]:
        error = StoreFull("user", "bob", "no space", action="save")
        return [Failure(document, error) for document in documents]

    bob = user("bob", score=1)
    with monkeypatch.context() as patch:
        patch.setattr(backend, "write_many", full)
        result = outcome(bob.save_soon())
        service.reactor.advance(1)
    assert result[0].check(StoreFull)
    assert bob.score == 1
    bob.save()
    assert user.manager.saved()["bob"].score == 1


def test_what_is_saved_soon_is_loaded(user: Any) -> None:
    """Who leaves and comes back within the same moment finds what was saved."""
    bob = user("bob", score=9)
    bob.save_soon()
    user.manager.remove(bob)

    assert user.manager.get("bob").score == 9
    assert user("bob").load().score == 9
    assert user.manager.saved()["bob"].score == 9


def test_save_overtakes_save_soon(service: Service, user: Any) -> None:
    """The newest values stay."""
    bob = user("bob", score=1)
    bob.save_soon()
    bob.score = 2
    bob.save()
    service.reactor.advance(1)

    assert user.manager.saved()["bob"].score == 2


# -- what cannot be read is never overwritten ---------------------------------------------------

UNREADABLE = [
    "",
    "{",
    "[]",
    '{"score": "many"}',
    '{"_version": 9, "name": "Bob"}',
    '{"_version": "x"}',
]


@pytest.mark.parametrize("text", UNREADABLE)
def test_save_does_not_overwrite_what_cannot_be_read(
    service: Service, user: Any, text: str
) -> None:
    """Not after a failed load, not by an object that never looked, not soon, not in a group."""
    put(service, "user", "bob", text)
    fresh = user("bob", name="another Bob")
    loaded = user("bob")
    with pytest.raises(UnreadableStore):
        loaded.load()
    for bob in (fresh, loaded):
        with pytest.raises(UnreadableStore):
            bob.save()
        assert outcome(bob.save_soon())[0].check(UnreadableStore)
        assert [each.obj for each in user.manager.save_all([bob])] == [bob]
    service.reactor.advance(1)

    assert raw(service, "user", "bob") == text.encode()
    assert set(user.manager.unreadable()) == {"bob"}


@pytest.mark.parametrize("text", UNREADABLE)
def test_force_overwrites_it(service: Service, user: Any, text: str) -> None:
    """That is asked for in so many words; then it is readable, and saving is as ever."""
    put(service, "user", "bob", text)
    user.manager.saved()
    bob = user("bob", name="another Bob")
    bob.save(force=True)
    bob.score = 4
    bob.save()

    assert user.manager.unreadable() == {}
    assert user.manager.saved()["bob"].to_dict() == {"name": "another Bob", "score": 4}
    put(service, "user", "amy", text)
    result = outcome(user("amy").save_soon(force=True))
    service.reactor.advance(1)
    assert result == [None]


def test_a_readable_file_may_be_overwritten(service: Service, user: Any) -> None:
    """An object that was made anew under a saved key replaces what was saved."""
    user("bob", name="old").save()
    user("bob", name="new").save()

    assert user.manager.saved()["bob"].name == "new"


def test_an_object_looks_but_once(service: Service, user: Any, monkeypatch: Any) -> None:
    """What it has read or written itself it does not read again before each save."""
    reads: list[str] = []
    read = service.session.writer.read

    def counted(store: str, key: str) -> bytes:
        reads.append(key)
        return read(store, key)

    bob = user("bob")
    monkeypatch.setattr(service.session.writer, "read", counted)
    for _ in range(3):
        bob.save()
    assert reads == ["bob"]
    bob.load()
    bob.save()
    assert reads == ["bob", "bob"]


def test_what_is_under_a_key_and_cannot_be_looked_at(tmp_path: Path) -> None:
    """A folder where a file should be is a named error, and stays."""
    service = make_service(str(tmp_path))
    user = define_user(service)
    (tmp_path / "user" / "bob.json").mkdir(parents=True)
    bob = user("bob", score=1)
    with pytest.raises(StoreIOError, match=r"bob\.json"):
        bob.save()
    with pytest.raises(StoreIOError):
        bob.load()
    assert user.manager.saved() == {}
    assert isinstance(user.manager.unreadable()["bob"], StoreIOError)
    assert bob.score == 1
    assert (tmp_path / "user" / "bob.json").is_dir()


# -- loading ------------------------------------------------------------------------------------


def test_load_returns_the_object(user: Any) -> None:
    """So it can be written in one go."""
    user("bob", score=3).save()
    bob = user("bob").load()

    assert bob.score == 3
    assert user.manager.active()["bob"] is bob


def test_load_leaves_session_fields(user: Any) -> None:
    """They are of this run of the service, and no file has them."""
    user("bob").save()
    bob = user("bob", room="attic").load()

    assert bob.room == "attic"


def test_loading_what_is_not_saved(user: Any) -> None:
    """The error names store and key."""
    with pytest.raises(NotSaved, match="user 'bob' is not saved"):
        user("bob").load()
    assert user.manager.unreadable() == {}


def test_a_failed_load_changes_nothing(service: Service, user: Any) -> None:
    """The object is as it was, and the file, too."""
    put(service, "user", "bob", '{"name": "somebody", "score": []}')
    bob = user("bob", name="Bob", score=1)
    with pytest.raises(CorruptStore):
        bob.load()

    assert bob.to_dict() == {"name": "Bob", "score": 1}


def test_whatever_a_field_raises_is_corruption_with_a_place(service: Service) -> None:
    """A file with which a field of the application cannot do anything is told with its path."""

    class Picky(Field[Any]):
        def deserialise(self, obj: Any, name: str, data: Any) -> None:
            raise KeyError("nothing pleases me")

    thing = type("Thing", (Store,), {"service": service, "a": Picky()})
    put(service, "thing", "x", '{"a": 1}')
    with pytest.raises(CorruptStore, match=r"memory:thing/x: .*KeyError: 'nothing pleases me'"):
        thing("x").load()


def test_corruption_is_told_with_path_line_and_reason(tmp_path: Path) -> None:
    """It is what a person needs to mend the file."""
    service = make_service(str(tmp_path))
    user = define_user(service)
    user("bob").save()
    path = tmp_path / "user" / "bob.json"
    path.write_text('{\n  "name": "Bob",\n  "score": 1,\n}\n')
    with pytest.raises(CorruptStore) as caught:
        user("bob").load()
    error = caught.value

    assert (error.path, error.line) == (str(path), 3)
    assert "trailing comma" in error.reason
    assert str(error).startswith(f"{path}:3: user 'bob' cannot be read: ")


def test_a_newer_version_is_told_with_its_path(tmp_path: Path) -> None:
    """And the file is left alone."""
    service = make_service(str(tmp_path))
    user = define_user(service)
    user("bob").save()
    path = tmp_path / "user" / "bob.json"
    path.write_text('{"_version": 3}')
    with pytest.raises(NewerStore, match=str(path)) as caught:
        user("bob").load()

    assert (caught.value.version, caught.value.ours) == (3, 0)
    assert path.read_text() == '{"_version": 3}'


# -- deleting, and stores without files ---------------------------------------------------------


def test_delete_removes_an_object(user: Any) -> None:
    """From memory and from its home; one that was never saved is only removed."""
    bob, amy = user("bob"), user("amy")
    bob.save()
    bob.delete()
    amy.delete()
    amy.delete()

    assert user.manager.all() == {}
    bob.save()
    assert user.manager.keys() == ["bob"]


def test_a_temporary_object_cannot_be_saved(service: Service) -> None:
    """In whichever way it is tried; in a reload it lives on."""

    def define() -> Any:
        return type("Fight", (Store, TempStoreMixin), {"service": service, "round": Field(1)})

    fight = define()
    duel = fight("duel", round=3)
    for attempt in (duel.save, duel.load, lambda: duel.save(force=True)):
        with pytest.raises(NotSavable, match="Fight 'duel' is temporary"):
            attempt()
    assert outcome(duel.save_soon())[0].check(NotSavable)
    assert [str(each.error) for each in fight.manager.save_all([duel])] == [
        str(NotSavable("Fight", "duel"))
    ]
    assert service.session.writer.keys("fight") == []
    reload(service, define)
    assert service.session.find("fight").manager.get("duel").round == 3
