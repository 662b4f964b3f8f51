"""Store objects that stay themselves through a reload: they get the new class, and keep the rest.

Most store classes have ordinary fields and ordinary methods. Taking their objects apart and putting
them together again would give what was there before, at many times the cost. So the object itself
goes on: of what hangs on it only that is exchanged which is of the old code.

All of it is exchanged before the commit, since the application's own code may run before it
(``add_active``, ``deserialise`` of another store's field): it must not meet a mixture, and what it
writes must last. ``undo`` takes everything back, what that code has written among it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from cletus.errors import CarryError, StoreGone
from cletus.reload.state.checkpoint import Contents
from cletus.reload.state.memo import check_layout
from cletus.reload.state.parking import park
from cletus.reload.state.plain_types import ATOMS
from cletus.reload.state.values import Carrier
from cletus.service.session import Generation, Session
from cletus.storage import Store

#: Methods of a store by which it could have its own way of being carried.
_ORDINARY = (
    "__init__",
    "__new__",
    "__setattr__",
    "__getattribute__",
    "to_dict",
    "from_dict",
    "restore",
)

#: What a store object knows beside its fields and is given back by ``from_dict``.
KEPT_ELSEWHERE = frozenset({"_unknown", "_parked"})


def those_who_stay(
    old_class: type[Store], new_class: type[Store], active: Mapping[str, Store]
) -> list[Store]:
    """Those of the active objects of a store that can stay themselves.

    Args:
        old_class: the store's class in force.
        new_class: the one of the same name in the new code.
        active: the objects by key.
    """
    if not _is_transparent(old_class, new_class):
        return []
    made = new_class.manager.active()  # by a module body: they are to be filled
    return [
        one
        for key, one in active.items()
        if key not in made and type(one) is old_class and KEPT_ELSEWHERE.isdisjoint(one.__dict__)
    ]


def may_be_wanted(old_class: type[Store], new_class: type[Store]) -> bool:
    """Whether a migration or a renaming may want fields that the new class does not declare."""
    return new_class.version != old_class.version or bool(new_class.schema.renames)


def place_of(store: Store) -> str:
    """An object in words, for messages."""
    return f"{type(store).__name__} {store.key!r}"


def _is_transparent(old_class: type[Store], new_class: type[Store]) -> bool:
    """Whether the attributes of an old object, carried, are just those of its successor."""
    if new_class is old_class or may_be_wanted(old_class, new_class):
        return False
    return (
        old_class.schema.is_transparent
        and new_class.schema.is_transparent
        and new_class.schema.agrees_with(old_class.schema)
        and all(
            getattr(kind, method) is getattr(Store, method)
            for kind in (old_class, new_class)
            for method in _ORDINARY
        )
    )


class Staying:
    """The objects that stay themselves in one reload.

    Args:
        session: whose they are.
        carrier: takes what hangs on them to the new code.
    """

    def __init__(self, session: Session, carrier: Carrier) -> None:
        self._session = session
        self._carrier = carrier
        self._taken: list[tuple[Sequence[Store], type[Store]]] = []
        # Each of them with a copy of its attributes.
        self._former: list[tuple[Store, dict[str, Any]]] = []
        self._contents = Contents()

    def take(self, objects: Sequence[Store], new_class: type[Store]) -> None:
        """Give them their new class, and fields that are new their initial values.

        Args:
            objects: all of one class, and at least one.
            new_class: the one that has its name in the new code.

        Raises:
            CarryError: Python will not let them have it, or the application's own code raised.
        """
        old_class = type(objects[0])
        self._taken.append((objects, old_class))
        check_layout(objects[0], new_class, f"Store {new_class.__name__}")
        self._note(objects)
        self._carrier.known.stay(objects)
        for one in objects:
            object.__setattr__(one, "__class__", new_class)
        added = [name for name in new_class.fields if name not in old_class.fields]
        for one in objects if added else ():
            one.__dict__.update(_initial(one, added))
        add_active = new_class.manager.add_active
        for one in objects:
            try:
                add_active(one)
            except Exception as error:
                raise CarryError(place_of(one), "add_active() raised") from error

    def replaced(self, new_class: type[Store], active: Mapping[str, Store]) -> list[Store]:
        """Those that stay no longer, for the application has made others in their places meanwhile.

        The ``__init__`` of another store may do so. It is as with what a module body makes: that
        one is filled, and what was there becomes its alias.

        Args:
            new_class: whose.
            active: its active objects by now.
        """
        gone = [
            one
            for one, _ in self._former
            if type(one) is new_class and active.get(one.key, one) is not one
        ]
        if gone:
            ids = set(map(id, gone))
            self._former = [pair for pair in self._former if id(pair[0]) not in ids]
        return gone

    def carry(self, staged: Generation) -> None:
        """Exchange what of all that hangs on them is of the old code.

        At once, since the application's own code may look at them and write to them before the commit.

        Args:
            staged: the new generation.

        Raises:
            CarryError: a value cannot be carried.
            CarryFailed: the application's own code raised.
        """
        updates = self._carrier.known.updates
        before = len(updates)
        self._carry_each(staged)
        self._contents.note(container for container, _ in updates[before:])
        for container, content in updates[before:]:
            exchange(container, content)
        del updates[before:]

    def undo(self) -> None:
        """Make all of them what they were: class, attributes, and what was in their lists and dicts."""
        for objects, old_class in self._taken:
            for one in objects:
                object.__setattr__(one, "__class__", old_class)
        self._contents.restore()

    def _note(self, objects: Sequence[Store]) -> None:
        attributes = [vars(one) for one in objects]
        former = [one.copy() for one in attributes]
        self._former += zip(objects, former, strict=True)
        self._contents.note(attributes)
        self._contents.note(chain.from_iterable(map(dict.values, former)))

    def _carry_each(self, staged: Generation) -> None:
        """The loop that a reload's pause consists of: nothing is called for what nearly all values are."""
        memo = self._carrier.known.memo
        for one, former in self._former:
            for name, value in former.items():
                kind = type(value)
                if kind in ATOMS or memo.get(id(value)) is value:
                    continue
                if (kind is list and ATOMS.issuperset(map(type, value))) or (
                    kind is dict
                    and ATOMS.issuperset(map(type, value.values()))
                    and ATOMS.issuperset(map(type, value))
                ):
                    memo[id(value)] = value
                    continue
                new = self._carried(one, name, value, staged)
                if new is not value and one.__dict__.get(name) is value:
                    one.__dict__[name] = new

    def _carried(self, one: Store, name: str, value: Any, staged: Generation) -> Any:
        """One value for the new code."""
        is_field = name in type(one).fields
        place = f"{place_of(one)}, {'field' if is_field else 'attribute'} {name!r}"
        try:
            return self._carrier.carry_in_place(value, place)
        except StoreGone as error:
            if not is_field:
                raise not_waiting(error) from None
            gone = staged.waiting.setdefault((type(one).__name__.lower(), one.key), {})
            gone[name] = park({name: value}, self._session.application, place)
            return _initial(one, [name])[name]


def not_waiting(error: StoreGone) -> CarryError:
    """What is raised for an attribute that is no field, and refers to an object of a store that is gone."""
    reason = (
        f"{error.reason}; a field would wait for its return: declare one, or delete the attribute"
    )
    return CarryError(error.location, reason)


def exchange(container: Any, content: Any) -> None:
    """Give a list or dict the content that it has in the new code. Plain assignments."""
    if isinstance(container, list):
        container[:] = content
    else:
        container.update(content)


def _initial(one: Store, names: Sequence[str]) -> dict[str, Any]:
    """What these fields have in an object of its class that was just made with its key."""
    fresh: Store = object.__new__(type(one))
    fresh.key = one.key
    try:
        for name in names:
            type(one).fields[name].contribute_to_instance(fresh, name)
    except Exception as error:
        raise CarryError(f"{place_of(one)}, field {name!r}", "its default raised") from error
    return {name: vars(fresh)[name] for name in names}
