"""Every sentence of the storage document, in its order; each test's docstring quotes its sentence."""
# ruff: noqa: D205, D209, D415
# - the sentences stand as they are in the document, which does not know our rules for docstrings

from __future__ import annotations

import copy
import gc
import json
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import cletus.storage
from cletus import Client, Service
from cletus.contrib.users import ClientField
from cletus.errors import InvalidKey, NotSavable, NotSaved, NotSupported, StoreDeclarationError
from cletus.storage import Field, Manager, Store, TempStoreMixin
from cletus.testing.transport import MemoryTransport
from tests.reload.conftest import Running, clean_imports, run
from tests.storage.rig import make_service, raw, reload

__all__ = ["clean_imports", "run"]  # fixtures


@pytest.fixture
def service() -> Service:
    return make_service()


@pytest.fixture
def user(service: Service) -> type[Store]:
    """A store class as a person would write it."""
    return _define_user(service)


def _define_user(owner: Service) -> type[Store]:
    class User(Store):
        service = owner
        name = Field("")
        score = Field(0)
        room = Field("hall", session=True)

    return User


# -- the introduction ---------------------------------------------------------------------------


def test_store_data_permanently_or_for_the_session(tmp_path: Path) -> None:
    """'which can be used to store data permanently, or just for the current session'"""
    before = make_service(str(tmp_path))
    _define_user(before)("bob", name="Bob", room="attic").save()
    before.session.close()

    bob = _define_user(make_service(str(tmp_path)))("bob").load()

    assert (bob.name, bob.room) == ("Bob", "hall")


def test_data_is_in_instances_of_subclasses(user: type[Store]) -> None:
    """'Data is stored in instances of Store subclasses, in field attributes defined using Field'"""
    bob, amy = user("bob", score=1), user("amy", score=2)

    assert (bob.score, amy.score) == (1, 2)
    assert list(user.fields) == ["name", "score", "room"]


def test_each_store_is_managed_by_a_manager(user: type[Store]) -> None:
    """'Each store is managed by a Manager.'"""
    assert isinstance(user.manager, Manager)


def test_keys_are_converted_to_lowercase(user: type[Store]) -> None:
    """'Store keys will be converted to lowercase'"""
    assert user("BoB").key == "bob"


@pytest.mark.parametrize("key", ["bob", "bob2", "big_bob", "big-bob", "жора", "7"])
def test_keys_contain_letters_digits_underscore_dash(user: type[Store], key: str) -> None:
    """'and can only contain alphabetic characters, digits and underscore or dash'"""
    assert user(key).key == key


@pytest.mark.parametrize("key", ["", "a b", "a/b", "..", "a.b", "a\0b", "a\n", "bob!", "é" * 61])
def test_keys_contain_nothing_else(user: type[Store], key: str) -> None:
    """'and can only contain alphabetic characters, digits and underscore or dash'"""
    with pytest.raises(InvalidKey, match="cannot be a key"):
        user(key)
    assert user.manager.active() == {}


def test_field_names_cannot_start_with_an_underscore(service: Service) -> None:
    """'Field names cannot start with an underscore'"""
    with pytest.raises(StoreDeclarationError, match=r"User\._name: .*underscore"):
        type("User", (Store,), {"service": service, "_name": Field()})


@pytest.mark.parametrize(
    "name",
    [
        *("service", "abstract", "manager", "to_dict", "to_json", "from_dict", "from_json"),
        *("save", "load", "key", "session", "delete", "fields", "save_soon", "version", "migrate"),
    ],
)
def test_field_names_cannot_be_reserved(service: Service, name: str) -> None:
    """'and cannot be one of the reserved store names (the attributes and methods listed below)'"""
    with pytest.raises(StoreDeclarationError, match=rf"User\.{name}: .*reserved"):
        type("User", (Store,), {"service": service, name: Field()})


def test_a_store_class_may_state_the_session(service: Service) -> None:
    """'A store class must be defined with the `session` instance it is tied to.'"""

    class User(Store):
        session = service.session

    assert service.session.find("user") is User


def test_a_store_class_must_state_its_service() -> None:
    """'A store class must be defined with the `session` instance it is tied to.'"""
    with pytest.raises(StoreDeclarationError, match=r"User\.service: .*needs the service"):
        type("User", (Store,), {})


def test_the_store_determines_its_path_from_settings(tmp_path: Path) -> None:
    """'This allows the store to determine its path from settings'"""
    _define_user(make_service(str(tmp_path / "elsewhere")))("bob").save()

    assert (tmp_path / "elsewhere" / "user" / "bob.json").is_file()


def test_data_persists_across_restarts(tmp_path: Path) -> None:
    """'and ensures data persists across restarts'"""
    before = make_service(str(tmp_path))
    _define_user(before)("bob", score=3).save()
    before.session.close()

    after = _define_user(make_service(str(tmp_path)))

    assert after.manager.get("bob").score == 3


def test_each_class_has_its_folder_and_each_key_its_file(tmp_path: Path) -> None:
    """'each store class has its own subfolders, and each key has its own file, with data stored in
    json format'"""
    service = make_service(str(tmp_path))
    user = _define_user(service)
    room = type("Room", (Store,), {"service": service, "title": Field("")})
    for obj in (user("bob", score=3), user("amy"), room("hall", title="The Hall")):
        obj.save()

    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.json")}
    assert files == {"user/bob.json", "user/amy.json", "room/hall.json"}
    assert json.loads((tmp_path / "user" / "bob.json").read_text()) == {"name": "", "score": 3}


def test_get_and_set_data_by_attributes(user: type[Store]) -> None:
    """'Once you have a store instance, you can get and set data by accessing the field attributes.'"""
    bob = user("bob")
    bob.score += 5

    assert bob.score == 5
    assert bob.to_dict()["score"] == 5


def test_a_session_field_is_temporary(service: Service, user: type[Store]) -> None:
    """'You can initialise a Field with session=True to make it a temporary session variable.'"""
    user("bob", room="cellar").save()

    assert b"cellar" not in raw(service, "user", "bob")
    assert user.manager.saved()["bob"].room == "hall"


def test_the_mixin_makes_a_store_that_cannot_be_saved(service: Service) -> None:
    """'If you don't want to be able to save a store at all, use the TempStoreMixin mixin'"""
    fight = type("Fight", (TempStoreMixin, Store), {"service": service, "round": Field(1)})

    with pytest.raises(NotSavable):
        fight("duel").save()
    assert service.session.writer.keys("fight") == []
    assert fight.manager.active()["duel"].round == 1


def test_managers_are_simple(tmp_path: Path) -> None:
    """'Managers are intentionally simple, and do not provide functionality for querying or
    filtering; data is stored in JSON files, not a proper database': a proper database can search."""
    assert not {"filter", "query", "order_by"} & set(dir(Manager))
    service = make_service(str(tmp_path / "store"))
    user = type("User", (Store,), {"service": service, "score": Field(0)})
    with pytest.raises(NotSupported):
        user.manager.find(score=0)
    service.session.close()


def test_fields_can_hold_references_to_anything(service: Service) -> None:
    """'using cletus stores for session data with fields holding references to ORM objects'"""
    row = object()

    def define() -> type[Store]:
        return type("User", (Store,), {"service": service, "row": Field(session=True)})

    define()("bob", row=row)
    reload(service, define)

    assert service.session.find("user").manager.get("bob").row is row


# -- Store --------------------------------------------------------------------------------------


def test_store_is_abstract() -> None:
    """'This is the abstract base class for storage models.'"""
    with pytest.raises(TypeError, match="Store is abstract"):
        Store("bob")


def test_service_is_the_service_responsible(service: Service, user: type[Store]) -> None:
    """'This must be set to the service responsible for this storage class.'"""
    assert user.service is service
    assert user("bob").service is service
    assert service.session.stores == {"user": user}


def test_abstract_classes_need_no_service() -> None:
    """'Abstract classes do not need a `service`.'"""

    class Thing(Store):
        abstract = True
        name = Field("")

    assert Thing.service is None


def test_an_abstract_class_is_not_registered(service: Service) -> None:
    """'If true, this class will not be registered for use.'"""
    owner = service

    class Thing(Store):
        service = owner
        abstract = True

    assert service.session.stores == {}
    with pytest.raises(TypeError, match="Thing is abstract"):
        Thing("x")

    class Sword(Thing):
        pass

    assert service.session.stores == {"sword": Sword}
    assert not Sword.abstract


def test_manager_accesses_all_stored_objects(user: type[Store]) -> None:
    """'`manager`: The Manager for this store, to provide a way to access all stored objects.'"""
    user("bob").save()
    user("amy")

    assert set(user.manager.all()) == {"bob", "amy"}


def test_to_dict_and_to_json_serialise_fields(user: type[Store]) -> None:
    """'Serialise store fields to dict or json'"""
    bob = user("bob", name="Bob", score=3)

    assert bob.to_dict() == {"name": "Bob", "score": 3}
    assert json.loads(bob.to_json()) == {"name": "Bob", "score": 3}


@pytest.mark.parametrize("session", [False, True])
def test_session_data_is_included_if_asked_for(user: type[Store], session: bool) -> None:
    """'`session`: if True, include session data, otherwise exclude it. Default: False'"""
    bob = user("bob")

    assert ("room" in bob.to_dict(session=session)) is session
    assert ("room" in json.loads(bob.to_json(session=session))) is session
    assert "room" not in bob.to_dict()
    assert "room" not in bob.to_json()


def test_from_dict_and_from_json_deserialise_fields(user: type[Store]) -> None:
    """'Deserialise store fields from dict'"""
    bob = user("bob")
    bob.from_dict({"name": "Bob"})
    bob.from_json('{"score": 4}')

    assert (bob.name, bob.score) == ("Bob", 4)


@pytest.mark.parametrize(("session", "room"), [(False, "hall"), (True, "attic")])
def test_session_data_is_ignored_unless_asked_for(
    user: type[Store], session: bool, room: str
) -> None:
    """'`session`: if True, include session data, otherwise ignore it. Default: False'"""
    bob, amy, eve = user("bob"), user("amy"), user("eve")
    bob.from_dict({"room": "attic"}, session=session)
    amy.from_json('{"room": "attic"}', session=session)
    eve.from_dict({"room": "attic"})

    assert (bob.room, amy.room, eve.room) == (room, room, "hall")


def test_save_saves_permanent_data(service: Service, user: type[Store]) -> None:
    """'Save permanent data to disk'"""
    user("bob", name="Bob").save()

    assert json.loads(raw(service, "user", "bob")) == {"name": "Bob", "score": 0}


def test_load_loads_permanent_data(user: type[Store]) -> None:
    """'Load permanent data from disk'"""
    user("bob", name="Bob").save()
    bob = user.manager.active()["bob"]
    bob.name = "somebody else"
    bob.load()

    assert bob.name == "Bob"
    with pytest.raises(NotSaved):
        user("nobody").load()


# -- Field --------------------------------------------------------------------------------------


def test_the_default_of_the_default_is_none(service: Service) -> None:
    """'`default`: Optional default value. Default: None'"""
    user = type("User", (Store,), {"service": service, "a": Field(), "b": Field(5)})

    assert user("bob").to_dict() == {"a": None, "b": 5}


def test_a_callable_default_is_called_for_each_object(service: Service) -> None:
    """'If it is a callable (eg a function) it will be called each time the store is instantiated,
    with no arguments.'"""
    calls: list[tuple[Any, ...]] = []

    def default(*args: Any) -> int:
        calls.append(args)
        return len(calls)

    user = type("User", (Store,), {"service": service, "number": Field(default)})

    assert calls == []
    assert (user("bob").number, user("amy").number) == (1, 2)
    assert calls == [(), ()]


def test_callables_avoid_shared_references(service: Service) -> None:
    """'Use this approach for lists and other objects, to avoid references being shared between
    instances.'"""
    user = type("User", (Store,), {"service": service, "friends": Field(list)})
    user("bob").friends.append("amy")

    assert user("amy").friends == []


def test_a_field_is_permanent_by_default(service: Service) -> None:
    """'`session`: [...] whether the field is a session value (True), or if it should be saved to
    disk (False). Default: False'"""
    user = type("User", (Store,), {"service": service, "a": Field(1), "b": Field(2, True)})

    assert user("bob").to_dict() == {"a": 1}
    assert not Field().session


class _Recorder(Field[Any]):
    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, ...]] = []

    def contribute_to_class(self, store_cls: type[Store], name: str) -> None:
        self.calls.append(("class", store_cls.__name__, name))

    def contribute_to_instance(self, store: Store, name: str) -> None:
        self.calls.append(("instance", store.key, name))
        setattr(store, name, None)


def test_contribute_to_class_is_called_once_when_the_class_is_created(service: Service) -> None:
    """'This is called by the store when the class is first created.'"""
    field = _Recorder()
    user = type("User", (Store,), {"service": service, "x": field})
    assert field.calls == [("class", "User", "x")]

    user("bob")
    assert field.calls[1:] == [("instance", "bob", "x")]


def test_contribute_to_class_normally_does_nothing(service: Service) -> None:
    """'Normally this does nothing'"""
    field = Field(3)
    user = type("User", (Store,), {"service": service, "x": field})
    before = dict(vars(user)), dict(vars(field))
    field.contribute_to_class(user, "x")

    assert (dict(vars(user)), dict(vars(field))) == before
    assert user.x is field


class _Clamped:
    """A descriptor that manages getting and setting."""

    def __init__(self, name: str, most: int) -> None:
        self.name, self.most = f"_{name}_value", most

    def __get__(self, obj: Any, owner: Any = None) -> Any:
        return self if obj is None else getattr(obj, self.name)

    def __set__(self, obj: Any, value: int) -> None:
        setattr(obj, self.name, min(value, self.most))


class ClampedField(Field[int]):
    def contribute_to_class(self, store_cls: type[Store], name: str) -> None:
        setattr(store_cls, name, _Clamped(name, 10))


def test_a_field_may_replace_the_attribute_by_a_descriptor(service: Service) -> None:
    """'such as replacing the attribute for the field with a descriptor to manage getting and setting
    the field value'"""

    def define() -> type[Store]:
        return type("User", (Store,), {"service": service, "level": ClampedField(1)})

    user = define()
    bob = user("bob")
    assert bob.level == 1
    bob.level = 99
    assert bob.level == 10
    bob.save()
    assert json.loads(raw(service, "user", "bob")) == {"level": 10}
    assert user("amy", level=50).level == 10
    assert user.manager.saved()["bob"].level == 10

    reload(service, define)
    assert service.session.find("user").manager.get("bob").level == 10


def test_contribute_to_instance_is_called_for_each_object(service: Service) -> None:
    """'This is called by the store when a new instance is initialised.'"""
    field = _Recorder()
    user = type("User", (Store,), {"service": service, "x": field})
    user("bob")
    user("amy")

    assert field.calls[1:] == [("instance", "bob", "x"), ("instance", "amy", "x")]


def test_contribute_to_instance_sets_the_default(user: type[Store]) -> None:
    """'This is normally used to set the default value for the field, by setting the instance
    attribute with the field's `name` on the `store`.'"""
    bob = user("bob")
    bob.score = 8
    user.fields["score"].contribute_to_instance(bob, "score")

    assert bob.score == 0
    assert vars(bob)["score"] == 0


class _Counter:
    def __init__(self) -> None:
        self.count = 0

    def hit(self) -> None:
        self.count += 1


class CounterField(Field[_Counter]):
    """Holds data internally for one store object."""

    def contribute_to_instance(self, store: Store, name: str) -> None:
        setattr(store, name, _Counter())

    def serialise(self, obj: Any, name: str) -> int:
        count: int = getattr(obj, name).count
        return count

    def deserialise(self, obj: Any, name: str, data: int) -> None:
        getattr(obj, name).count = data


def test_a_field_may_hold_data_for_each_object(service: Service) -> None:
    """'such as replacing the attribute with a per-instance descriptor, to hold data internally for
    that store instance'"""

    def define() -> type[Store]:
        return type("User", (Store,), {"service": service, "hits": CounterField()})

    user = define()
    bob, amy = user("bob"), user("amy")
    bob.hits.hit()
    bob.hits.hit()
    assert (bob.hits.count, amy.hits.count) == (2, 0)
    bob.save()
    assert json.loads(raw(service, "user", "bob")) == {"hits": 2}
    assert user.manager.saved()["bob"].hits.count == 2

    reload(service, define)
    assert service.session.find("user").manager.get("bob").hits.count == 2


class UpperField(Field[str]):
    """Has its own form when serialised."""

    def serialise(self, obj: Any, name: str) -> Any:
        return {"text": getattr(obj, name)}

    def deserialise(self, obj: Any, name: str, data: Any) -> None:
        setattr(obj, name, data["text"].upper())


def test_serialise_is_used_for_reloads_and_json(service: Service) -> None:
    """'Serialise the field value from the specified field name on the object provided. This is used
    for service reloads, and preparing data to be encoded to JSON to be saved to disk.'"""
    user = type("User", (Store,), {"service": service, "name": UpperField("bob")})
    bob = user("bob")

    assert user.fields["name"].serialise(bob, "name") == {"text": "bob"}
    assert bob.to_dict() == bob.to_dict(session=True) == {"name": {"text": "bob"}}
    bob.save()
    assert json.loads(raw(service, "user", "bob")) == {"name": {"text": "bob"}}


def test_deserialise_is_used_for_reloads_and_json(service: Service) -> None:
    """'Deserialise the specified serialised data onto the specified object under the field name
    provided. This is used for service reloads, and restoring data from decoded from JSON when being
    loaded from disk.'"""

    def define() -> type[Store]:
        return type("User", (Store,), {"service": service, "name": UpperField("bob")})

    define()("bob").save()
    assert service.session.find("user").manager.saved()["bob"].name == "BOB"
    reload(service, define)
    assert service.session.find("user").manager.get("bob").name == "BOB"


def test_core_objects_persist_and_old_code_is_collected(run: Callable[..., Running]) -> None:
    """'core cletus object instances will persist (Service, Client etc), and any objects in your code
    must be destroyed. [...] your code must update these attributes so that the objects use your new
    reloaded code, and the old code can be garbage collected.' (Cletus updates them itself.)"""
    app = run(things="class Pet:\n    def speak(self):\n        return 'old'\n")
    service, client = app.service, app.person().client
    client.pet = service.pet = app.module("things").Pet()
    old = weakref.ref(type(client.pet))

    assert app.reload(things=lambda text: text.replace("old", "new")).ok

    assert app.module("core").service is service
    assert service.clients[0] is client
    assert client.pet is service.pet
    assert client.pet.speak() == "new"
    gc.collect()
    assert old() is None


def test_client_field_rebinds_the_client(service: Service) -> None:
    """'Because the `User` store will be destroyed and recreated, but the `Client` instance will
    persist, it clears and sets the `client.user` attribute'"""

    def define() -> type[Store]:
        return type("User", (Store,), {"service": service, "client": ClientField()})

    client = Client(service, service.connections, MemoryTransport(), id=1, door="test")
    old_class = define()
    bob = old_class("bob")
    bob.client = client
    assert client.user is bob

    reload(service, define)

    new_class = service.session.find("user")
    assert new_class is not old_class
    assert client.user is new_class.manager.active()["bob"]
    assert client.user.client is client


def test_client_field_serialises_a_reference(service: Service) -> None:
    """'it intentionally allows the `client` value to be serialised as a reference. The ClientField is
    a session-only field, so this will not cause problems for JSON encoding.'"""
    user = type("User", (Store,), {"service": service, "client": ClientField()})
    client = Client(service, service.connections, MemoryTransport(), id=1, door="test")
    bob = user("bob")
    bob.client = client

    assert bob.to_dict(session=True) == {"client": client}
    assert json.loads(bob.to_json()) == {}


# -- Manager ------------------------------------------------------------------------------------


def test_a_manager_may_be_subclassed(service: Service) -> None:
    """'If will often be useful to subclass this when writing a custom store'"""
    owner = service

    class UserManager(cletus.storage.Manager):
        def get_by_username(self, name: str) -> Any:
            return next(user for user in self.all().values() if user.name == name)

    class User(cletus.storage.Store):
        service = owner
        registry = UserManager()
        name = Field("")

    bob = User("bob", name="Bob the Great")

    assert User.registry.get_by_username("Bob the Great") is bob
    assert User.manager is User.registry


def test_the_manager_is_assigned_as_an_instance(service: Service) -> None:
    """'you must assign an instance of the manager class, not the class itself'"""
    with pytest.raises(
        StoreDeclarationError, match=r"User\.manager: it is the class Manager; write"
    ):
        type("User", (Store,), {"service": service, "manager": Manager})


def test_active_has_all_active_objects_by_key(user: type[Store]) -> None:
    """'Return a dict of all active objects in the store (including unsaved), keyed using the
    object's key.'"""
    bob, amy = user("Bob"), user("amy")
    bob.save()

    assert user.manager.active() == {"bob": bob, "amy": amy}


def test_saved_has_all_saved_objects_by_key(user: type[Store]) -> None:
    """'Return a dict of all objects saved in the store, using the object's key as the dict key.'"""
    bob = user("Bob", name="Bob")
    bob.save()
    user("amy")
    bob.name = "changed since"

    saved = user.manager.saved()

    assert set(saved) == {"bob"}
    assert saved["bob"].name == "Bob"
    assert saved["bob"] is not bob
    assert user.manager.active()["bob"] is bob
    assert bob.name == "changed since"


def test_all_has_active_and_saved_objects(user: type[Store]) -> None:
    """'Return a dict containing of all active and saved objects, keyed using the object's key.'"""
    user("bob").save()
    user.manager.remove_active(user.manager.active()["bob"])
    amy = user("amy")

    everybody = user.manager.all()

    assert set(everybody) == {"bob", "amy"}
    assert everybody["amy"] is amy
    assert set(user.manager.active()) == {"amy"}


def test_of_both_the_live_object_is_used(user: type[Store]) -> None:
    """'If an object exists in both saved and live, the live object will be used.'"""
    bob = user("bob")
    bob.save()

    assert user.manager.all()["bob"] is bob


def test_add_active_is_called_whenever_an_object_is_instantiated(service: Service) -> None:
    """'Make the registry aware of an active object. This is called internally whenever an object is
    instantiated.'"""
    added: list[Any] = []

    class Watching(Manager):
        def add_active(self, obj: Any) -> None:
            added.append(obj)
            super().add_active(obj)

    user = type("User", (Store,), {"service": service, "manager": Watching()})
    bob = user("bob")
    assert added == [bob]

    user.manager.remove_active(bob)
    user.manager.add_active(bob)
    assert user.manager.active() == {"bob": bob}


def test_remove_active_removes_an_object(user: type[Store]) -> None:
    """'Remove an object from the active list when it is no longer needed in memory.'"""
    bob = user("bob")
    user.manager.remove_active(bob)

    assert user.manager.active() == {}


def test_remove_is_remove_active(user: type[Store]) -> None:
    """'when a user logs out you can call `User.manager.remove(user)` to remove them from the user
    manager's cache'"""
    bob = user("bob")
    user.manager.remove(bob)

    assert user.manager.active() == {}


def test_objects_are_not_collected_from_the_cache(user: type[Store]) -> None:
    """'By default objects are not garbage collected from a store's live cache.'"""
    user("bob").score = 7
    gc.collect()

    assert user.manager.active()["bob"].score == 7


def test_a_manager_contributes_a_new_instance_to_the_class(service: Service) -> None:
    """'This is called by the store when the class is first created. It normally creates and assigns a
    new instance of the manager.'"""
    calls: list[tuple[str, str]] = []

    class Noting(Manager):
        def contribute_to_class(self, store_cls: Any, name: str) -> None:
            calls.append((store_cls.__name__, name))
            super().contribute_to_class(store_cls, name)

    declared = Noting()
    user = type("User", (Store,), {"service": service, "people": declared})

    assert calls == [("User", "people")]
    assert type(user.people) is Noting
    assert user.people is not declared
    assert user.manager is user.people


def test_a_manager_with_arguments_overrides_copy(service: Service) -> None:
    """'If your custom manager's constructor takes additional arguments, you should override
    `__copy__` to pass these to the new instance.'"""

    class Titled(Manager):
        def __init__(self, title: str) -> None:
            self.title = title

        def __copy__(self) -> Titled:
            return Titled(self.title)

    user = type("User", (Store,), {"service": service, "manager": Titled("people")})
    admin = type("Admin", (user,), {})

    assert (user.manager.title, admin.manager.title) == ("people", "people")
    assert copy.copy(user.manager) is not user.manager
    assert user.manager is not admin.manager
    user("bob")
    assert admin.manager.active() == {}
