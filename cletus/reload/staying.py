"""Store objects that stay themselves through a reload: they get the new class, and keep the rest.

Most store classes have ordinary fields and ordinary methods. Taking their objects apart and putting
them together again would give what was there before, at many times the cost. So the object itself
goes on: of what hangs on it only that is exchanged which is of the old code, and only at the commit.

The class has to be exchanged earlier, since the application's own code may run before the commit
(``deserialise`` of another store's field) and must not meet a mixture. ``undo`` takes it back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cletus.errors import StoreGone
from cletus.generation import Generation
from cletus.reload.aliases import check_layout
from cletus.reload.carrier import Carrier
from cletus.reload.kinds import ATOMS
from cletus.reload.parking import park
from cletus.session import Session
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
    return new_class.version != old_class.version or bool(new_class._layout.renames)


def place_of(store: Store) -> str:
    """An object in words, for messages."""
    return f"{type(store).__name__} {store.key!r}"


def _is_transparent(old_class: type[Store], new_class: type[Store]) -> bool:
    """Whether the attributes of an old object, carried, are just those of its successor."""
    if new_class is old_class or may_be_wanted(old_class, new_class):
        return False
    return (
        old_class._layout.is_transparent
        and new_class._layout.is_transparent
        and new_class._layout.agrees_with(old_class._layout)
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
        self._taken: list[tuple[Sequence[Store], type[Store], type[Store]]] = []

    def take(self, objects: Sequence[Store], new_class: type[Store]) -> None:
        """Give them their new class.

        Args:
            objects: all of one class, and at least one.
            new_class: the one that has its name in the new code.

        Raises:
            CarryError: Python will not let them have it.
        """
        old_class = type(objects[0])
        check_layout(objects[0], new_class, f"Store {new_class.__name__}")
        self._taken.append((objects, old_class, new_class))
        self._carrier.known.stay(objects)
        add_active = new_class.manager.add_active
        for one in objects:
            object.__setattr__(one, "__class__", new_class)
            add_active(one)

    def carry(self, staged: Generation) -> None:
        """Find out what of all that hangs on them is of the old code; the commit exchanges it.

        Args:
            staged: the new generation.

        Raises:
            CarryError: a value cannot be carried.
            CarryFailed: the application's own code raised.
        """
        for objects, old_class, new_class in self._taken:
            self._carry_each(objects, staged)
            if old_class.fields.keys() != new_class.fields.keys():
                self._add_fields(objects, new_class)

    def undo(self) -> None:
        """Give all of them their old class back."""
        for objects, old_class, _ in self._taken:
            for one in objects:
                object.__setattr__(one, "__class__", old_class)

    def _carry_each(self, objects: Sequence[Store], staged: Generation) -> None:
        """The loop that a reload's pause consists of: nothing is called for what nearly all values are."""
        memo, updates = self._carrier.known.memo, self._carrier.known.updates
        for one in objects:
            for name, value in one.__dict__.items():
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
                if new is not value:
                    updates.append((one.__dict__, {name: new}))

    def _carried(self, one: Store, name: str, value: Any, staged: Generation) -> Any:
        """One value for the new code."""
        place = f"{place_of(one)}, field {name!r}"
        try:
            return self._carrier.carry_in_place(value, place)
        except StoreGone:
            gone = staged.waiting.setdefault((type(one).__name__.lower(), one.key), {})
            gone[name] = park({name: value}, self._session.application, place)
            return self._initial(one, [name])[name]

    def _add_fields(self, objects: Sequence[Store], new_class: type[Store]) -> None:
        """Fields that are new have their initial values, from the commit on."""
        for one in objects:
            names = [name for name in new_class.fields if name not in one.__dict__]
            if names:
                initial = self._initial(one, names)
                self._carrier.known.updates.append((one.__dict__, initial))

    def _initial(self, one: Store, names: Sequence[str]) -> dict[str, Any]:
        """What fields have in an object that was just made with this one's key."""
        fresh: Store = object.__new__(type(one))
        fresh.key = one.key
        for name in names:
            type(one).fields[name].contribute_to_instance(fresh, name)
        return {name: vars(fresh)[name] for name in names}
