"""Fields that refer to other store objects: what they hold, what they give, what they refuse."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cletus import Service
from cletus.errors import CorruptStore, FieldValueError
from cletus.storage import (
    Field,
    Store,
    StoreField,
    TempStoreMixin,
)
from tests.storage.rig import define_rooms_and_users, make_service, put, raw, reload


@pytest.fixture
def service() -> Service:
    return make_service()


@pytest.fixture
def stores(service: Service) -> Any:
    return define_rooms_and_users(service)


# -- one reference ------------------------------------------------------------------------------


def test_a_reference_gives_the_active_object(stores: Any) -> None:
    """The same as the manager has; by the store's name or by its class; ``None`` to begin with."""
    user, room = stores
    bob, hall = user("bob"), room("hall")
    assert (bob.room, bob.home) == (None, None)
    bob.room = bob.home = hall

    assert bob.room is hall
    assert bob.home is hall
    bob.room = None
    assert bob.room is None
    assert user("amy", room=hall).room is hall


def test_a_reference_loads_the_object(stores: Any) -> None:
    """Where it is not active: once, and then it is."""
    user, room = stores
    hall = room("hall", title="The Hall")
    bob = user("bob", room=hall)
    hall.save()
    room.manager.remove(hall)

    assert bob.room.title == "The Hall"
    assert bob.room is room.manager.active()["hall"]


def test_a_reference_to_what_is_gone_is_none(service: Service, stores: Any) -> None:
    """The object was deleted, or never saved, or its store is no more."""
    user, room = stores
    hall = room("hall")
    bob = user("bob", room=hall)
    hall.delete()
    assert bob.room is None

    room("hall")
    assert bob.room is room.manager.active()["hall"]
    del service.session.current.stores["room"]
    assert bob.room is None


def test_a_reference_to_what_cannot_be_read_raises(service: Service, stores: Any) -> None:
    """It is there, so it is not ``None``."""
    user, _ = stores
    bob = user("bob")
    bob.from_dict({"room": "hall"})
    put(service, "room", "hall", "{")
    with pytest.raises(CorruptStore):
        _ = bob.room


def test_loading_one_object_does_not_load_the_world(service: Service, stores: Any) -> None:
    """Neither its references, nor the references of those."""
    user, room = stores
    hall, attic = room("hall"), room("attic")
    hall.next, attic.next = attic, hall
    bob = user("bob", room=hall, visited=[hall, attic], exits={"up": attic})
    bob.friends.add(bob)
    for obj in (bob, hall, attic):
        obj.save()
    for obj in (bob, hall, attic):
        obj.manager.remove(obj)

    bob = user.manager.get("bob")
    bob.to_dict(session=True)
    bob.save()
    assert (hall in bob.visited, len(bob.visited), len(bob.exits)) == (True, 2, 1)
    assert room.manager.active() == {}
    assert bob.room.next.next is bob.room


def test_a_file_has_keys_alone(service: Service, stores: Any) -> None:
    """They can be edited by hand; what names nothing is no damage, what cannot be a key is."""
    user, room = stores
    hall, attic = room("hall"), room("attic")
    bob = user("bob", room=hall, home=hall, visited=[hall, attic, hall], exits={"up": attic})
    bob.friends.update([bob])
    bob.save()

    assert json.loads(raw(service, "user", "bob")) == {
        "room": "hall",
        "visited": ["hall", "attic", "hall"],
        "friends": ["bob"],
        "exits": {"up": "attic"},
    }
    put(service, "user", "amy", '{"room": "Nowhere", "visited": ["HALL"]}')
    amy = user("amy").load()
    assert amy.room is None
    assert amy.visited == [hall]
    put(service, "user", "eve", '{\n"room": "no room"\n}')
    with pytest.raises(
        CorruptStore, match=r"eve:2: .*room: expected a key, found 'no room' cannot"
    ):
        user("eve").load()


@pytest.mark.parametrize("data", [5, ["hall"], {"key": "hall"}, True])
def test_data_that_is_no_key(stores: Any, data: object) -> None:
    """The error names the store that is meant."""
    with pytest.raises(FieldValueError, match="expected an object of the store 'room'"):
        stores[0]("bob").from_dict({"room": data})


def test_objects_of_other_stores_are_refused(stores: Any) -> None:
    """Naming the field, what was expected and what was found; nothing is changed."""
    user, room = stores
    bob, hall = user("bob"), room("hall")
    bob.room = hall
    for wrong, found in ((bob, "User"), ("hall", "str"), (5, "5"), (room, "type")):
        with pytest.raises(FieldValueError, match=f"'room', found {found}") as caught:
            bob.room = wrong
        assert (caught.value.store, caught.value.key, caught.value.field) == ("User", "bob", "room")
    assert bob.room is hall


def test_a_class_of_an_earlier_generation_will_do(service: Service) -> None:
    """Only its name is kept."""
    _, room = define_rooms_and_users(service)
    field = StoreField(room)

    assert field.store == "room"
    assert room not in vars(field).values()


# -- reloads ------------------------------------------------------------------------------------


def test_references_survive_a_reload(service: Service, stores: Any) -> None:
    """Each gives the successor, also in cycles, unsaved and temporary objects among them."""
    user, room = stores
    hall, attic = room("hall"), room("attic")
    hall.next, attic.next = attic, hall
    bob = user("bob", room=hall, home=attic, visited=[attic, hall], exits={"up": attic})
    bob.friends.add(bob)
    assert bob.to_dict(session=True)["visited"] == ["attic", "hall"]

    reload(service, lambda: define_rooms_and_users(service))

    new_user, new_room = service.session.find("user"), service.session.find("room")
    bob = new_user.manager.active()["bob"]
    hall, attic = new_room.manager.active()["hall"], new_room.manager.active()["attic"]
    assert type(bob) is new_user
    assert new_user is not user
    assert (bob.room, bob.home) == (hall, attic)
    assert hall.next.next is hall
    assert [*bob.visited] == [attic, hall]
    assert {*bob.friends} == {bob}
    assert dict(bob.exits) == {"up": attic}


def test_references_to_temporary_objects(service: Service) -> None:
    """They are found while they are active."""
    fight = type("Fight", (TempStoreMixin, Store), {"service": service})
    user = type("User", (Store,), {"service": service, "fight": StoreField("fight", session=True)})
    duel = fight("duel")
    bob = user("bob", fight=duel)
    assert bob.fight is duel
    duel.delete()
    assert bob.fight is None


def test_a_store_object_in_a_plain_field(service: Service, stores: Any) -> None:
    """A reload sees the object itself; in JSON it is refused, naming the fields that are for it."""
    _, room = stores
    hall = room("hall")
    fields = {"plain": Field(), "typed": Field(type=list[Any]), "temporary": Field(session=True)}
    thing = type("Thing", (Store,), {"service": service, **fields})
    for value in ({"plain": hall}, {"plain": {"a": [hall]}}, {"typed": [hall]}):
        obj = thing("x", **value)
        data = obj.to_dict(session=True)
        assert all(data[name] is part for name, part in value.items())
        with pytest.raises(
            FieldValueError, match="Room, an object of a store: hold it in a StoreF"
        ):
            obj.save()
    thing("x", temporary=hall).save()


def test_fields_of_references_can_be_inherited_and_renamed(service: Service) -> None:
    """As all fields are."""
    room = type("Room", (Store,), {"service": service})
    base = type(
        "Base", (Store,), {"abstract": True, "room": StoreField("room", renamed_from="place")}
    )
    user = type("User", (base,), {"service": service})
    hall = room("hall")
    put(service, "user", "bob", '{"place": "hall"}')

    assert user("bob").load().room is hall
    assert isinstance(user.room, StoreField)
