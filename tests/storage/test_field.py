"""Fields: what they are on a class, and what on an object."""

from __future__ import annotations

from typing import Any

import pytest

from cletus import Service
from cletus.errors import FieldValueError
from cletus.storage import Field, Store
from tests.storage.rig import make_service


@pytest.fixture
def service() -> Service:
    return make_service()


def define(service: Service, **fields: Any) -> Any:
    return type("User", (Store,), {"service": service, **fields})


def test_the_class_has_the_field_and_the_object_the_value(service: Service) -> None:
    """``User.score`` is the field; ``user.score`` is what the object remembers."""
    field = Field(3)
    user = define(service, score=field)

    assert user.score is field
    assert user("bob").score == 3


@pytest.mark.parametrize(
    "default", [[], {}, set(), [1, 2], [[1], {"a": [2]}], {"a": {"b": []}}, {"a": 1}, {3}]
)
def test_a_container_as_default_is_copied_for_each_object(service: Service, default: Any) -> None:
    """Down to its innermost part, so nothing is ever shared by mistake."""
    user = define(service, value=Field(default))
    bob, amy = user("bob"), user("amy")

    assert bob.value == amy.value == default
    assert bob.value is not amy.value
    assert bob.value is not default
    for part, other in zip(bob.value, amy.value, strict=True):
        assert part is not other or isinstance(part, (int, str))
    if isinstance(default, dict):
        for name, part in bob.value.items():
            assert part is not amy.value[name] or isinstance(part, int)


def test_other_defaults_are_the_same_for_all(service: Service) -> None:
    """An object that is no container and cannot be called is what it is."""
    default = object()
    user = define(service, value=Field(default, session=True))

    assert user("bob").value is user("amy").value is default


def test_make_default_may_be_overridden(service: Service) -> None:
    """A kind of field may have its own way to a default."""

    class Counted(Field[int]):
        count = 0

        def make_default(self) -> int:
            Counted.count += 1
            return Counted.count

    user = define(service, number=Counted())

    assert (user("bob").number, user("amy").number) == (1, 2)


def test_an_overriding_method_may_call_the_fields(service: Service) -> None:
    """``super().deserialise`` checks the type, from data in either form."""

    class Doubled(Field[Any]):
        def serialise(self, obj: Any, name: str) -> Any:
            return super().serialise(obj, name) * 2

        def deserialise(self, obj: Any, name: str, data: Any) -> None:
            super().deserialise(obj, name, data // 2 if isinstance(data, int) else data)

        def contribute_to_instance(self, store: Any, name: str) -> None:
            super().contribute_to_instance(store, name)

    user = define(service, number=Doubled(1, type=int))
    bob = user("bob", number=5)

    assert bob.to_dict() == {"number": 10}
    bob.save()
    assert user.manager.saved()["bob"].number == 5
    with pytest.raises(FieldValueError, match="number: expected int, found str"):
        bob.from_dict({"number": "x"})


def test_a_field_without_a_default_may_be_unset(service: Service) -> None:
    """``None`` passes, whatever the type."""
    user = define(service, age=Field(type=int))
    bob = user("bob")
    assert bob.age is None
    bob.save()
    assert user.manager.saved()["bob"].age is None


def test_with_a_default_none_is_no_value(service: Service) -> None:
    """Unless the type says so."""
    user = define(service, age=Field(0, type=int), size=Field(0, type=int | None))
    with pytest.raises(FieldValueError, match="age: expected int, found null"):
        user("bob", age=None).save()

    user("bob", size=None).save()


def test_a_typed_field_converts_both_ways(service: Service) -> None:
    """What is in memory is of the type again after saving and loading."""
    user = define(service, tags=Field(set, type=set[int]))
    bob = user("bob")
    bob.tags.update({3, 1})
    bob.save()

    assert user.manager.saved()["bob"].tags == {1, 3}
    bob.from_dict({"tags": [5]})
    assert bob.tags == {5}


def test_was_is_a_tuple_of_names() -> None:
    """Also where one name was given as a text."""
    assert Field(renamed_from="old").renamed_from == ("old",)
    assert Field(renamed_from=("old", "older")).renamed_from == ("old", "older")
    assert Field().renamed_from == ()
