"""The layout of a class: whatever its fields override, the quick way does as the slow one."""

from __future__ import annotations

from typing import Any

import pytest

from cletus.storage import Field
from cletus.storage.schema import FieldSchema


class OwnInstance(Field[Any]):
    def contribute_to_instance(self, store: Any, name: str) -> None:
        setattr(store, name, "own")


class OwnSerialise(Field[Any]):
    def serialise(self, obj: Any, name: str) -> Any:
        return [getattr(obj, name)]


class OwnDeserialise(Field[Any]):
    def deserialise(self, obj: Any, name: str, data: Any) -> None:
        setattr(obj, name, f"<{data}>")


class Thing:
    """Whatever has attributes."""


def schema_of(owner: type[Any] = Thing, **fields: Any) -> FieldSchema:
    return FieldSchema(fields, owner)


KINDS = [Field, OwnInstance, OwnSerialise, OwnDeserialise]


@pytest.mark.parametrize("first", KINDS)
@pytest.mark.parametrize("second", KINDS)
@pytest.mark.parametrize("typed", [None, str])
def test_every_mixture_does_what_its_fields_do(first: Any, second: Any, typed: Any) -> None:
    """Calling each field's methods one by one comes to the same."""
    fields = {"a": first("x", type=typed), "b": second("y"), "c": Field("z", session=True)}
    layout = schema_of(**fields)
    quick, slow = Thing(), Thing()
    layout.initialise(quick)
    for name, field in fields.items():
        field.contribute_to_instance(slow, name)
    assert vars(quick) == vars(slow)

    for session in (False, True):
        names = "abc" if session else "ab"
        data = layout.serialise(quick, session=session)
        assert list(data) == list(names)
        assert data == {name: fields[name].serialise(slow, name) for name in names}

    data = {"c": "3", "b": "2", "a": "1"}
    layout.deserialise(quick, data, session=True)
    restored = Thing()
    layout.initialise(restored)
    assert layout.restore(restored, data)
    for name in "abc":
        fields[name].deserialise(slow, name, data[name])
    assert vars(quick) == vars(restored) == vars(slow)


def test_one_field_alone() -> None:
    """And none at all."""
    obj = Thing()
    layout = schema_of(a=Field(1))
    layout.initialise(obj)
    assert layout.serialise(obj, session=False) == {"a": 1}
    assert schema_of().serialise(obj, session=True) == {}


def test_a_class_with_a_will_of_its_own_is_not_bypassed() -> None:
    """Where setting an attribute means more, ``restore`` leaves it to ``deserialise``."""

    class Strict(Thing):
        def __setattr__(self, name: str, value: Any) -> None:
            super().__setattr__(name, value * 2)

    class Managed(Thing):
        a = property(lambda self: 1, lambda self, value: None)

    for owner in (Strict, Managed):
        obj = owner()
        assert not schema_of(owner, a=Field()).restore(obj, {"a": 1})
        assert vars(obj) == {}


def test_restore_leaves_strange_data_to_others() -> None:
    """It does nothing then, not even in part."""
    obj = Thing()
    assert not schema_of(a=Field()).restore(obj, {"a": 1, "b": 2})
    assert vars(obj) == {}


def test_earlier_names_are_collected() -> None:
    """So that data without them costs nothing."""
    layout = schema_of(a=Field(renamed_from="x"), b=Field(), c=Field(renamed_from=("y", "z")))

    assert layout.renames == (("a", ("x",)), ("c", ("y", "z")))
    assert schema_of(b=Field()).renames == ()
