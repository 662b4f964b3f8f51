"""Classes that declare what their objects hold: dataclasses, attrs, msgspec, pydantic, named tuples.

Their values go by the names of their fields, never by position. A plain class declares nothing: all
that is known of its objects are their attributes.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import repeat
from types import MemberDescriptorType
from typing import Any

import attrs
import msgspec

from cletus.reload.state.plain_types import is_a, name_of
from cletus.reload.state.undo import MUTABLE, contents_of, restore_contents

_KINDS_OF_TYPE = (1 << 9) | (1 << 8)
_HEAP_TYPE = 1 << 9
"""``Py_TPFLAGS_HEAPTYPE``, and ``Py_TPFLAGS_IMMUTABLETYPE``, which those of the standard library have
in addition: with the former alone, a class was made by a class statement."""


@dataclass(frozen=True, slots=True)
class RecordField:
    """One declared field.

    Attributes:
        name: of the attribute.
        default: makes the default value for an object; ``None`` if the field is required.
        is_own_code: whether making the default may call code of the application.
    """

    name: str
    default: Callable[[Any], Any] | None
    is_own_code: bool = False


def record_fields(cls: Any) -> tuple[RecordField, ...]:
    """The fields that a class declares; none for a plain class."""
    if dataclasses.is_dataclass(cls):
        return tuple(_of_dataclass(cls))
    if attrs.has(cls):
        return tuple(_of_attrs(cls))
    if hasattr(cls, "__pydantic_fields__"):  # pydantic is not among what Cletus needs
        return tuple(_of_pydantic(cls))
    if issubclass(cls, msgspec.Struct):
        return tuple(_of_struct(cls))
    if is_named_tuple(cls):
        defaults = cls._field_defaults
        return tuple(
            RecordField(name, _always(defaults[name]) if name in defaults else None)
            for name in cls._fields
        )
    return ()


def is_named_tuple(cls: type) -> bool:
    """Whether this is a class made by ``NamedTuple`` or ``namedtuple``."""
    return issubclass(cls, tuple) and hasattr(cls, "_fields") and hasattr(cls, "_field_defaults")


def has_same_layout(old: type, new: type) -> bool:
    """Whether values that go by position mean the same in both classes."""
    if issubclass(old, msgspec.Struct) or issubclass(new, msgspec.Struct):
        fields = getattr(old, "__struct_fields__", None)
        return fields is not None and fields == getattr(new, "__struct_fields__", None)
    if is_named_tuple(old) or is_named_tuple(new):
        return getattr(old, "_fields", None) == getattr(new, "_fields", None)
    return True


def _is_of_class_statement(cls: type) -> bool:
    return cls.__flags__ & _KINDS_OF_TYPE == _HEAP_TYPE


@cache
def _slots(cls: type) -> dict[str, MemberDescriptorType]:
    return {
        name: attribute
        for base in reversed(cls.__mro__)
        if _is_of_class_statement(base)
        for name, attribute in vars(base).items()
        if isinstance(attribute, MemberDescriptorType)
    }


def slots_of(cls: type) -> dict[str, MemberDescriptorType]:
    """The slots of a class by name, as descriptors that read and write past its own methods."""
    return _slots(cls)


@cache
def _members(cls: type) -> dict[str, MemberDescriptorType]:
    return {
        name: attribute
        for base in reversed(cls.__mro__)
        for name, attribute in vars(base).items()
        if isinstance(attribute, MemberDescriptorType)
    }


def members_of(cls: type) -> dict[str, MemberDescriptorType]:
    """As ``slots_of``, with what C code keeps for each object: ``row_factory`` of a database connection."""
    return _members(cls)


def forget_classes() -> None:
    """Let go of the classes that have been asked about."""
    _slots.cache_clear()
    _members.cache_clear()


def attributes_of(obj: Any) -> dict[str, Any] | None:
    """The ``__dict__`` of an object, past a ``__getattribute__`` of its own class; ``None`` without."""
    try:
        attributes: dict[str, Any] = object.__getattribute__(obj, "__dict__")
    except AttributeError:
        return None
    return attributes if type(attributes) is dict else None


def attributes_of_all(objects: Sequence[Any]) -> list[dict[str, Any]]:
    """The ``__dict__`` of each object that has one; as ``attributes_of``, in bulk."""
    try:
        attributes: list[Any] = list(map(object.__getattribute__, objects, repeat("__dict__")))
    except AttributeError:
        attributes = list(map(attributes_of, objects))
    return [each for each in attributes if type(each) is dict]


def values_of(obj: Any) -> dict[str, Any]:
    """All that an object holds by name: its attributes, what is in its slots, its fields."""
    values: dict[str, Any] = {}
    for name, slot in slots_of(type(obj)).items():
        try:
            values[name] = slot.__get__(obj)
        except AttributeError:
            continue  # it was never set
    if is_named_tuple(type(obj)):
        values |= zip(type(obj)._fields, tuple.__iter__(obj), strict=True)
    return values | (attributes_of(obj) or {})


def make_anew(old: Any, new_class: Any) -> tuple[Any, list[str]]:
    """An object of another class with the values of this one, by name. No ``__init__`` is run.

    Returns:
        the new object, and the names of values that it cannot hold.
    """
    values = values_of(old)
    names = [field.name for field in record_fields(new_class)]
    if issubclass(new_class, msgspec.Struct):
        new = new_class(**{name: values[name] for name in names if name in values})
        return new, [name for name in values if name not in names]
    if is_named_tuple(new_class):
        known = {**new_class._field_defaults, **values}
        return tuple.__new__(new_class, [known[name] for name in names]), [
            name for name in values if name not in names
        ]
    new = _empty(old, new_class)
    return new, [name for name, value in values.items() if not set_value(new, name, value)]


def set_value(obj: Any, name: str, value: Any) -> bool:
    """Set an attribute past the class's own ``__setattr__``, which a frozen class forbids.

    Returns:
        Whether objects of its class can hold it.
    """
    slot = slots_of(type(obj)).get(name)
    if slot is not None:
        slot.__set__(obj, value)
        return True
    attributes = attributes_of(obj)
    if attributes is not None:
        attributes[name] = value
    return attributes is not None


def builtin_base(cls: type) -> Any:
    """The nearest base that was not made by a class statement: ``object``, ``list``, ``Exception``."""
    return next(base for base in cls.__mro__ if not _is_of_class_statement(base))


def loss_of(old: Any, new_class: type) -> str:
    """What an object would lose if it were made anew, beside attributes; "" if it is nothing.

    That is what it holds as a list, a dict, a string ..., if it is nothing of the sort any more.
    """
    former, base = _held_as(old), builtin_base(new_class)
    if former is object or issubclass(base, BaseException) or _sort_of(former) == _sort_of(base):
        return ""
    if is_a(old, MUTABLE) and not contents_of(old):
        return ""
    return f"{name_of(type(old))} is not a {former.__name__} any more: what is in it would be lost"


def _held_as(obj: Any) -> type:
    """As what an object holds something that has no name: ``dict``, ``str``; ``object`` if it does not."""
    cls = type(obj)
    if issubclass(cls, (BaseException, msgspec.Struct)) or is_named_tuple(cls):
        return object
    base: type = builtin_base(cls)
    return base


def _empty(old: Any, new_class: type) -> Any:
    """An object without attributes, with what the old one holds as a list, a dict, a number ..."""
    base, former = builtin_base(new_class), _held_as(old)
    if issubclass(base, BaseException):
        return base.__new__(new_class, *getattr(old, "args", ()))
    if _sort_of(former) != _sort_of(base):
        former = object  # nothing is lost
    if issubclass(base, MUTABLE):
        return _container(old, former, base, new_class)
    return base.__new__(new_class, *(() if former is object else (old,)))


def _container(old: Any, former: type, base: Any, new_class: type) -> Any:
    new = base.__new__(new_class)
    if issubclass(base, deque):
        base.__init__(new, (), old.maxlen if former is base else None)
    elif issubclass(base, defaultdict):
        base.__init__(new, old.default_factory if former is base else None)
    else:
        base.__init__(new)
    if former is not object:
        restore_contents(new, contents_of(old) if is_a(old, MUTABLE) else list(old))
    return new


#: What can hold the contents of another one of the same line.
_SORTS = ((dict,), (list, deque, set, tuple, frozenset), (int, float, complex))


def _sort_of(base: type) -> Any:
    return next((sort for sort in _SORTS if issubclass(base, sort)), base)


def _of_dataclass(cls: Any) -> Iterator[RecordField]:
    for field in dataclasses.fields(cls):
        if field.default_factory is not dataclasses.MISSING:
            yield _made(field.name, field.default_factory)
        elif field.default is not dataclasses.MISSING:
            yield RecordField(field.name, _always(field.default))
        else:
            # What __post_init__ sets is not asked for when an object is made.
            yield RecordField(field.name, None if field.init else _nothing)


def _of_attrs(cls: Any) -> Iterator[RecordField]:
    for attribute in attrs.fields(cls):
        default = attribute.default
        if isinstance(default, attrs.Factory):  # type: ignore[arg-type]  # a class, declared as a function
            if default.takes_self:
                yield RecordField(attribute.name, default.factory, True)
            else:
                yield _made(attribute.name, default.factory)
        elif default is not attrs.NOTHING:
            yield RecordField(attribute.name, _always(default))
        else:
            yield RecordField(attribute.name, None if attribute.init else _nothing)


def _of_struct(cls: Any) -> Iterator[RecordField]:
    for field in msgspec.structs.fields(cls):
        if field.default_factory is not msgspec.NODEFAULT:
            yield _made(field.name, field.default_factory)
        elif field.default is not msgspec.NODEFAULT:
            yield RecordField(field.name, _always(field.default))
        else:
            yield RecordField(field.name, None)


def _of_pydantic(cls: Any) -> Iterator[RecordField]:
    for name, field in cls.__pydantic_fields__.items():
        if field.is_required():
            yield RecordField(name, None)
        else:
            yield RecordField(name, _default_of(field), field.default_factory is not None)


def _default_of(field: Any) -> Callable[[Any], Any]:
    return lambda obj: field.get_default(call_default_factory=True, validated_data=vars(obj))


def _made(name: str, factory: Callable[[], Any]) -> RecordField:
    return RecordField(name, lambda _: factory(), not isinstance(factory, type))


def _always(default: Any) -> Callable[[Any], Any]:
    return lambda _: default


def _nothing(_: Any) -> Any:
    """For a field without a value of its own: it stays unset."""
    raise AttributeError
