"""What a store's class statement comes to, and which mistakes in it are told at once."""

from __future__ import annotations

from typing import Any

import pytest

from cletus import Service
from cletus.errors import DuplicateStore, StoreDeclarationError
from cletus.storage import Field, Manager, Store, TempStoreMixin
from tests.storage.rig import make_service


@pytest.fixture
def service() -> Service:
    return make_service()


def define(name: str, *bases: type, **attributes: Any) -> Any:
    return type(name, bases or (Store,), attributes)


# -- order and inheritance ----------------------------------------------------------------------


def test_fields_are_in_the_order_of_declaration(service: Service) -> None:
    """Bases first, abstract stores and plain mixins alike, in the order of Python's own lookup."""

    class Named:
        name = Field("")
        title = Field("")

    class Base(Store):
        abstract = True
        created = Field()

    thing = define("Thing", Named, Base, service=service, b=Field(), a=Field())

    assert list(thing.fields) == ["created", "name", "title", "b", "a"]
    assert list(thing("x").to_dict()) == ["created", "name", "title", "b", "a"]


def test_a_subclass_overrides_a_field(service: Service) -> None:
    """The field is the subclass's then, and its parent's stays as it was."""
    thing = define("Thing", service=service, a=Field(1), b=Field(2))
    sword = define("Sword", thing, a=Field(3, session=True))

    assert sword("x").to_dict(session=True) == {"b": 2, "a": 3}
    assert sword("x").to_dict() == {"b": 2}
    assert thing("x").to_dict() == {"a": 1, "b": 2}


def test_none_removes_a_field(service: Service) -> None:
    """And a field can come back in a subclass of that."""
    thing = define("Thing", service=service, a=Field(1), b=Field(2))
    sword = define("Sword", thing, a=None)
    magic = define("Magic", sword, a=Field(5))

    assert list(sword.fields) == ["b"]
    assert sword("x").a is None
    assert magic("x").to_dict() == {"b": 2, "a": 5}


def test_anything_else_in_its_place_removes_a_field_too(service: Service) -> None:
    """What an object's attribute is, Python's lookup says: here a property."""
    thing = define("Thing", service=service, a=Field(1), b=Field(2))
    sword = define("Sword", thing, a=property(lambda self: 7))

    assert sword("x").to_dict() == {"b": 2}
    assert sword("x").a == 7


def test_of_two_bases_the_nearer_one_decides(service: Service) -> None:
    """A diamond is resolved as Python resolves it."""
    base = define("Base", service=service, abstract=True, a=Field("base"))
    left = define("Left", base)
    right = define("Right", base, a=Field("right"))
    both = define("Both", left, right)

    assert both("x").a == "right"
    assert left("x").a == "base"


def test_an_inherited_field_is_the_classs_own(service: Service) -> None:
    """What a field notes about its class on itself is not its parent's."""

    class Noting(Field[Any]):
        def contribute_to_class(self, store_cls: type[Store], name: str) -> None:
            self.store_cls = store_cls

    thing = define("Thing", service=service, a=Noting())
    sword = define("Sword", thing)
    shield = define("Shield", thing)

    assert [each.fields["a"].store_cls for each in (thing, sword, shield)] == [thing, sword, shield]
    assert [each.a.store_cls for each in (thing, sword, shield)] == [thing, sword, shield]


def test_an_inherited_field_contributes_its_descriptor_again(service: Service) -> None:
    """Where a field replaced the attribute on a parent, a subclass has the field all the same."""

    class Constant(Field[Any]):
        def contribute_to_class(self, store_cls: type[Store], name: str) -> None:
            setattr(store_cls, name, property(lambda obj: f"{store_cls.__name__}!", _ignore))

    base = define("Base", abstract=True, a=Constant())
    thing = define("Thing", base, service=service)
    sword = define("Sword", thing)

    assert list(sword.fields) == ["a"]
    assert (thing("x").a, sword("x").a) == ("Thing!", "Sword!")


def _ignore(obj: Any, value: Any) -> None:
    """A setter that sets nothing."""


def test_whatever_contributes_is_asked(service: Service) -> None:
    """Not only fields and managers; and it need not be derived from anything of ours."""
    seen: list[tuple[str, str]] = []

    class Tag:
        def contribute_to_class(self, store_cls: Any, name: str) -> None:
            seen.append((store_cls.__name__, name))
            store_cls.tagged = True

    thing = define("Thing", service=service, tag=Tag())
    sword = define("Sword", thing)

    assert seen == [("Thing", "tag"), ("Sword", "tag")]
    assert thing.tagged
    assert list(sword.fields) == []


def test_a_field_need_not_be_a_field(service: Service) -> None:
    """Whatever has ``contribute_to_instance`` is one, if it serialises and deserialises."""

    class Own:
        session = False

        def contribute_to_class(self, store_cls: Any, name: str) -> None: ...

        def contribute_to_instance(self, store: Any, name: str) -> None:
            setattr(store, name, 1)

        def serialise(self, obj: Any, name: str) -> Any:
            return getattr(obj, name)

        def deserialise(self, obj: Any, name: str, data: Any) -> None:
            setattr(obj, name, data)

    thing = define("Thing", service=service, own=Own())
    obj = thing("x")
    assert obj.to_dict() == {"own": 1}
    obj.own = 5
    obj.save()
    assert thing.manager.saved()["x"].own == 5


def test_a_declaration_may_forget_to_call_super(service: Service) -> None:
    """A manager works without, in the class and in its subclasses, each having its own."""

    class Forgetful(Manager):
        def __init__(self) -> None:
            self.note = "mine"

        def contribute_to_class(self, store_cls: Any, name: str) -> None:
            store_cls.note = name

    thing = define("Thing", service=service, people=Forgetful())
    sword = define("Sword", thing)
    obj = thing("x")

    assert (thing.note, sword.note) == ("people", "people")
    assert thing.manager is thing.people
    assert sword.manager is sword.people
    assert thing.manager.active() == {"x": obj}
    assert sword.manager.active() == {}
    assert (thing.manager.store_cls, sword.manager.store_cls) == (thing, sword)


# -- managers -----------------------------------------------------------------------------------


def test_every_class_has_its_own_manager(service: Service) -> None:
    """Of the kind that it inherits."""

    class Special(Manager):
        pass

    base = define("Base", abstract=True, service=service, manager=Special())
    thing = define("Thing", base)
    sword = define("Sword", thing)
    plain = define("Plain", service=service)

    managers = [each.manager for each in (Store, base, thing, sword, plain)]
    assert len({id(manager) for manager in managers}) == 5
    assert [type(manager) for manager in managers] == [Manager, Special, Special, Special, Manager]
    assert [manager.store_cls for manager in managers[1:]] == [base, thing, sword, plain]


def test_the_manager_declared_last_is_the_manager(service: Service) -> None:
    """Whatever it and an inherited one are called."""
    one, two = type("One", (Manager,), {}), type("Two", (Manager,), {})
    thing = define("Thing", service=service, registry=one())
    sword = define("Sword", thing, manager=two())
    shield = define("Shield", sword, registry=one())

    assert [type(each.manager) for each in (thing, sword, shield)] == [one, two, one]
    assert shield.manager is shield.registry


def test_one_manager_for_two_classes_becomes_two(service: Service) -> None:
    """An instance that is assigned twice is not shared."""
    shared = Manager()
    thing = define("Thing", service=service, manager=shared)
    sword = define("Sword", service=service, manager=shared)

    assert thing.manager is not sword.manager
    assert (thing.manager.store_cls, sword.manager.store_cls) == (thing, sword)


# -- mistakes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attributes", "place", "reason"),
    [
        ({"_a": Field()}, "Thing._a", "underscore"),
        ({"save": Field()}, "Thing.save", "reserved"),
        ({"manager": Field()}, "Thing.manager", "reserved"),
        ({"fields": Field()}, "Thing.fields", "reserved"),
        ({"restore": Field()}, "Thing.restore", "reserved"),
        ({"save": Manager()}, "Thing.save", "reserved"),
        ({"manager": Manager}, "Thing.manager", r"the class Manager; write Manager\(\)"),
        ({"a": Field}, "Thing.a", r"the class Field; write Field\(\)"),
        ({"service": None}, "Thing.service", "needs the service"),
        ({"session": 5, "service": None}, "Thing.session", "not the session"),
        ({"service": "a name"}, "Thing.service", "'a name' is not a service"),
        ({"manager": None}, "Thing.manager", "every store has one"),
        ({"version": "2"}, "Thing.version", "'2' is not a version"),
        ({"version": True}, "Thing.version", "True is not a version"),
        ({"version": -1}, "Thing.version", "-1 is not a version"),
        ({"a": Field("x", type=int)}, "Thing.a", "the default: expected int, found str"),
        ({"a": Field([1, ""], type=list[int])}, "Thing.a", r"the default\[1\]: expected int"),
        (
            {"a": Field(renamed_from="b"), "b": Field()},
            "Thing.a",
            "called 'b', but a field is called so",
        ),
    ],
)
def test_a_wrong_declaration_is_told_at_once(
    service: Service, attributes: dict[str, Any], place: str, reason: str
) -> None:
    """The error names class and attribute, and the class is not registered."""
    with pytest.raises(StoreDeclarationError, match=reason) as caught:
        define("Thing", **{"service": service, **attributes})

    assert str(caught.value).startswith(place)
    assert caught.value.store == "Thing"
    assert caught.value.attribute == place.partition(".")[2]
    assert service.session.stores == {}


def test_a_mistake_of_a_mixin_is_told_where_it_is_used(service: Service) -> None:
    """A plain mixin knows nothing of stores until then."""
    with pytest.raises(StoreDeclarationError, match=r"^Thing\._a: "):
        define("Thing", type("Mixin", (), {"_a": Field()}), Store, service=service)


def test_a_manager_that_cannot_be_copied(service: Service) -> None:
    """The error says what to write."""

    class Titled(Manager):
        def __init__(self, title: str) -> None:
            self.title = title

    with pytest.raises(StoreDeclarationError, match=r"Titled\.__copy__ must pass on") as caught:
        define("Thing", service=service, people=Titled("x"))
    assert caught.value.attribute == "people"


def test_a_contribution_that_raises(service: Service) -> None:
    """The error names class and attribute, and has the cause chained."""

    class Broken(Field[Any]):
        def contribute_to_class(self, store_cls: Any, name: str) -> None:
            raise KeyError("oh")

    with pytest.raises(
        StoreDeclarationError, match=r"Broken\.contribute_to_class raised"
    ) as caught:
        define("Thing", service=service, a=Broken())
    assert isinstance(caught.value.__cause__, KeyError)


def test_two_stores_of_one_name(service: Service) -> None:
    """Their names differ only in case, so would share one folder."""
    first = define("Thing", service=service)
    with pytest.raises(DuplicateStore, match="rename the class in"):
        define("THING", service=service)

    assert service.session.stores == {"thing": first}


def test_a_name_that_cannot_be_a_folder(service: Service) -> None:
    """Store names are held to the rules for keys."""
    with pytest.raises(StoreDeclarationError, match="longer than 120 bytes"):
        define("T" * 121, service=service)


def test_a_kind_of_field_may_be_defined_within(service: Service) -> None:
    """A class of fields that stands in the store's body is no forgotten instance."""
    owner = service

    class Thing(Store):
        service = owner

        class Own(Field[Any]):
            pass

        a = Own(3)

    assert Thing("x").to_dict() == {"a": 3}


def test_temporary_in_whichever_order(service: Service) -> None:
    """The mixin works behind ``Store`` as well."""
    for bases in ((TempStoreMixin, Store), (Store, TempStoreMixin)):
        thing = define(f"Thing{bases[0].__name__}", *bases, service=service)
        assert thing.schema.is_temporary
        assert define(f"Sub{thing.__name__}", thing).schema.is_temporary


def test_the_service_is_inherited(service: Service) -> None:
    """From an abstract base that states it, in either way; the nearest says which."""
    other = make_service()
    base = define("Base", abstract=True, service=service)
    by_session = define("BySession", abstract=True, session=service.session)

    assert define("Thing", base).session is service.session
    assert define("Sword", by_session).session is service.session
    assert define("Shield", base, service=other).session is other.session
    assert define("Ring", base, session=other.session).session is other.session
    assert define("Amulet", type("Mixin", (), {"service": service}), Store).session is base.session


def test_session_says_the_same_as_service(service: Service) -> None:
    """``session = service.session`` ties a store to the service just as ``service = service``."""
    by_session = define("BySession", session=service.session)
    assert by_session.service is service
    assert define("Sub", by_session).service is service


def test_the_schema_is_public(service: Service) -> None:
    """``Store.schema`` tells name, fields, version and whether the store is temporary."""
    user = define("User", service=service, score=Field(0), version=2)
    assert (user.schema.name, user.schema.version, user.schema.is_temporary) == ("user", 2, False)
    assert user.schema.fields is user.fields


@pytest.mark.parametrize(
    ("attribute", "hint"),
    [(Field(), 'renamed_from="schema"'), ({"a": 1}, "choose another"), (None, "choose another")],
)
def test_schema_is_reserved_for_the_schema(service: Service, attribute: Any, hint: str) -> None:
    """A field or attribute called ``schema`` is refused, where it would be replaced silently."""
    with pytest.raises(StoreDeclarationError, match=hint):
        define("User", service=service, schema=attribute)
    mixin = type("Mixin", (), {"schema": attribute})
    with pytest.raises(StoreDeclarationError, match=hint):
        define("User", mixin, Store, service=service)
