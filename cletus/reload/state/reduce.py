"""Objects taken apart and put together again, by what their own ``__reduce_ex__`` says of them.

This is how ``copy`` and ``pickle`` see an object: what makes it, and then its state, items and pairs.
It covers plain classes, slots, dataclasses, attrs, named tuples, exceptions, subclasses of containers,
and whatever has its own ``__reduce__``, ``__getstate__`` or ``__setstate__``.

But ``copy`` and ``pickle`` put things together again for the same class. Here its fields may have
changed meanwhile: so those of records go by their names, and new ones have their defaults.
"""

from __future__ import annotations

import copyreg
import dataclasses
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import attrs
import msgspec


@dataclass(frozen=True, slots=True)
class TakenApart:
    """The parts of one object, in the order in which they are put together.

    Attributes:
        make: what makes the object from the arguments.
        arguments: these.
        state: what it is then given; ``None`` for nothing.
        items: what is appended to it.
        pairs: the keys and values that are set in it.
        set_state: what gives it the state, if not the usual way.
    """

    make: Callable[..., Any]
    arguments: tuple[Any, ...]
    state: Any = None
    items: Iterable[Any] | None = None
    pairs: Iterable[tuple[Any, Any]] | None = None
    set_state: Callable[[Any, Any], object] | None = None

    def fill(self, new: Any, carry: Callable[[Any], Any]) -> None:
        """Give a new object all that comes after its making, each part carried."""
        if self.state is not None:
            self._give_state(new, carry(self.state))
        for one in self.items or ():
            new.append(carry(one))
        for name, one in self.pairs or ():
            new[carry(name)] = carry(one)
        for name, make in _defaults(type(new)):
            if not hasattr(new, name):
                object.__setattr__(new, name, make(new))

    def _give_state(self, new: Any, state: Any) -> None:
        if self.set_state is not None:
            self.set_state(new, state)
            return
        if hasattr(new, "__setstate__"):
            new.__setstate__(state)
            return
        slots: dict[str, Any] = {}
        if isinstance(state, tuple) and len(state) == 2:
            state, slots = state
        if state:
            new.__dict__.update(state)
        for name, one in (slots or {}).items():
            # Past the class's own __setattr__, which a frozen class forbids.
            object.__setattr__(new, name, one)


def take_apart(value: Any) -> TakenApart | str:
    """The parts of an object; if it says that it is to be found by a name in its module, that name.

    Raises:
        Exception: whatever its ``__reduce_ex__`` raises; generators and the like cannot be taken apart.
    """
    reduced: Any = value.__reduce_ex__(4)
    if isinstance(reduced, str):
        return reduced
    make, arguments, *others = reduced
    state, items, pairs, set_state = (*others, None, None, None, None)[:4]
    # Lists, since what an iterator makes on the fly must stay alive while it is being carried.
    parts = TakenApart(
        make,
        arguments,
        state,
        None if items is None else list(items),
        None if pairs is None else list(pairs),
        set_state,
    )
    return _by_names(value, parts)


def _by_names(value: Any, parts: TakenApart) -> TakenApart:
    """The parts of a record with its fields' names, where it goes by their order; others as given."""
    kind: Any = type(value)
    if parts.make is copyreg._reconstructor:  # type: ignore[attr-defined]  # what protocol 2 says for __newobj__
        return dataclasses.replace(parts, make=copyreg.__newobj__, arguments=parts.arguments[:1])  # type: ignore[attr-defined]  # as above
    if _is_named_tuple(value, parts):
        return dataclasses.replace(parts, make=_named_tuple, arguments=(kind, kind._fields, *value))
    if isinstance(value, msgspec.Struct) and kind.__reduce__ is msgspec.Struct.__reduce__:
        names = kind.__struct_fields__
        values = [getattr(value, name) for name in names]
        return TakenApart(_struct, (kind, names, *values))
    if getattr(kind, "__getstate__", None) is dataclasses._dataclass_getstate:  # type: ignore[attr-defined]  # what a frozen one with slots has
        slots = dict(zip(_names(kind), parts.state, strict=True))
        return dataclasses.replace(parts, state=slots, set_state=_set_slots)
    return parts


def _is_named_tuple(value: Any, parts: TakenApart) -> bool:
    """Whether it is one, and is made from its items, in their order."""
    return (
        isinstance(value, tuple)
        and hasattr(value, "_fields")
        and parts.make is copyreg.__newobj__  # type: ignore[attr-defined]  # as above
        and [id(one) for one in parts.arguments[1:]] == [id(one) for one in value]
    )


def _named_tuple(kind: Any, names: Iterable[str], *values: Any) -> Any:
    """A named tuple. Raises ``KeyError`` if it has a new field without default."""
    known = kind._field_defaults | dict(zip(names, values, strict=True))
    return kind._make([known[name] for name in kind._fields])


def _struct(kind: Any, names: Iterable[str], *values: Any) -> Any:
    """A ``msgspec.Struct``. Raises ``TypeError`` if it has a new field without default."""
    known = zip(names, values, strict=True)
    return kind(**{name: one for name, one in known if name in kind.__struct_fields__})


def _set_slots(new: Any, slots: dict[str, Any]) -> None:
    """Set those of a frozen dataclass that it still has."""
    for name in _names(type(new)):
        if name in slots:
            object.__setattr__(new, name, slots[name])


def _names(kind: Any) -> list[str]:
    return [one.name for one in dataclasses.fields(kind)]


def _defaults(kind: Any) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    """The fields of a dataclass or attrs class that have a default, with what makes it for an object."""
    if dataclasses.is_dataclass(kind):
        for field in dataclasses.fields(kind):
            if field.default_factory is not dataclasses.MISSING:
                yield field.name, _alone(field.default_factory)
            elif field.default is not dataclasses.MISSING:
                yield field.name, _always(field.default)
    elif attrs.has(kind):
        for one in attrs.fields(kind):
            default = one.default
            if isinstance(default, attrs.Factory):  # type: ignore[arg-type]  # it is a class, declared as a function
                yield one.name, default.factory if default.takes_self else _alone(default.factory)
            elif default is not attrs.NOTHING:
                yield one.name, _always(default)


def _alone(make: Callable[[], Any]) -> Callable[[Any], Any]:
    return lambda _: make()


def _always(default: Any) -> Callable[[Any], Any]:
    return lambda _: default
