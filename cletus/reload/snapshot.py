"""The active objects of a generation, taken out of old classes and put into new ones.

Freezing calls each field's ``serialise``, thawing its ``deserialise``; what happens to the values
between the two is the business of ``carrier.py``. Nothing old is changed here: the objects that
thawing makes are new ones, and until the commit the old ones are in force.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass
from typing import Any

from cletus.application import Application
from cletus.errors import CarryError
from cletus.generation import Generation
from cletus.reload.carrier import ATOMS, Carrier
from cletus.reload.parking import Parked, park, unpark
from cletus.reload.report import ReloadReport
from cletus.session import Session
from cletus.storage import Store
from cletus.storage.versions import as_saved


@dataclass(slots=True)
class Frozen:
    """One object's serialised fields.

    Attributes:
        old: the object.
        data: field name to serialised value.
    """

    old: Store
    data: dict[str, Any]


#: What a store object knows beside its fields and is given back by ``from_dict``.
_KEPT_ELSEWHERE = frozenset({"_unknown", "_parked"})

#: Store name to its frozen objects.
Snapshot = dict[str, list[Frozen]]


def freeze(session: Session) -> Snapshot:
    """Serialise every active object of every store of the generation in force.

    Raises:
        CarryError: a field's ``serialise`` raised.
    """
    session.freezing = True
    try:
        return {
            name: [_frozen(old) for old in store_cls.manager.active().values()]
            for name, store_cls in session.current.stores.items()
        }
    finally:
        session.freezing = False


def thaw(
    snapshot: Snapshot,
    session: Session,
    staged: Generation,
    carrier: Carrier,
    report: ReloadReport,
) -> None:
    """Build the same objects on the classes of the staged generation.

    Args:
        snapshot: what ``freeze`` gave.
        session: whose generation ``staged`` is going to be.
        staged: the new generation.
        carrier: takes values to the new code; it learns the successor of each object.
        report: is told what was carried, added and dropped.

    Raises:
        CarryError: an object, a field or a value cannot be carried.
    """
    parked = _park_stores(snapshot, session, staged, report)
    successors = _make_successors(snapshot, staged, carrier)
    for name, frozen in snapshot.items():
        if name in staged.stores:
            _compare_fields(session.current.stores[name], staged.stores[name], frozen, report)
            report.stores[name] = len(frozen)
    for one, new in successors:
        _fill(one, new, carrier, session)
    _return_stores(parked, session, staged, report)
    staged.parked = parked


def _park_stores(
    snapshot: Snapshot, session: Session, staged: Generation, report: ReloadReport
) -> dict[str, Parked]:
    """Keep the objects of stores that the new code lacks; what is parked already stays so."""
    parked = dict(session.current.parked)
    for name, frozen in snapshot.items():
        if frozen and name not in staged.stores:
            values = {one.old.key: one.data for one in frozen}
            parked[name] = park(values, session.application, f"Store {name}")
            report.stores_parked[name] = len(frozen)
    return parked


def _return_stores(
    parked: dict[str, Parked], session: Session, staged: Generation, report: ReloadReport
) -> None:
    """Give stores that are back their objects back."""
    for name in parked.keys() & staged.stores.keys():
        store_cls = staged.stores[name]
        values = unpark(parked.pop(name), session, f"Store {name}")
        for key, data in values.items():
            obj = store_cls.manager.active().get(key) or store_cls(key)
            obj.from_dict(data, session=True)
        report.stores_returned[name] = len(values)


def keep_foreign_stores(session: Session, staged: Generation, application: Application) -> None:
    """Store classes that are not of the application's modules stay, unless the new code replaces them."""
    for name, store_cls in session.current.stores.items():
        imported = name in session.current.imported_stores
        if not imported and not application.owns(store_cls.__module__):
            staged.stores.setdefault(name, store_cls)


def _frozen(old: Store) -> Frozen:
    try:
        return Frozen(old, old.to_dict(session=True))
    except Exception as error:
        raise CarryError(_place(old), "serialise() raised") from error


def _make_successors(
    snapshot: Snapshot, staged: Generation, carrier: Carrier
) -> list[tuple[Frozen, Store]]:
    """All new objects, before any of them is filled, since they may refer to each other."""
    made = []
    for name, frozen in snapshot.items():
        new_class = staged.stores.get(name)
        if new_class is None:
            continue
        if frozen and type(frozen[0].old) is not new_class:
            _check_layout(type(frozen[0].old), new_class)
        ready = new_class.manager.active()
        for one in frozen:
            new = one.old if type(one.old) is new_class else ready.get(one.old.key)
            if new is None:
                new = _make(new_class, one.old)
            if new is not one.old:
                carrier.succeed(one.old, new)
                made.append((one, new))
    return made


def _make(new_class: type[Store], old: Store) -> Store:
    try:
        return new_class(old.key)
    except Exception as error:
        raise CarryError(_place(old), "the new class cannot be instantiated") from error


def _check_layout(old_class: type[Store], new_class: type[Store]) -> None:
    """The commit turns old objects into aliases of new ones; find out now if Python will not let it."""
    probe = old_class.__new__(old_class)
    try:
        object.__setattr__(probe, "__class__", new_class)
    except TypeError as error:
        raise CarryError(
            f"Store {new_class.__name__}",
            f"its objects' layout has changed in a way that needs a restart: {error}",
        ) from None


def _fill(one: Frozen, new: Store, carrier: Carrier, session: Session) -> None:
    old_class, new_class = type(one.old), type(new)
    if new_class.version == old_class.version and not new_class._layout.renames:
        wanted: Container[str] = new_class.fields
    else:
        wanted = one.data  # a migration may want any of them
    place = _place(one.old)
    data, parked = _carried(one, wanted, carrier, session, place)
    try:
        if new_class.version != old_class.version or new_class._layout.renames:
            data = new_class.upgrade(data, old_class.version, before=old_class)
        new.from_dict(data, session=True, parked=parked)
    except Exception as error:
        raise CarryError(place, "it cannot be filled") from error
    _carry_undeclared(one, new, carrier, place)


def _carried(
    one: Frozen, wanted: Container[str], carrier: Carrier, session: Session, place: str
) -> tuple[dict[str, Any], set[str]]:
    """The data for the new code, and the names of what is session data that it may not declare."""
    data: dict[str, Any] = {}
    parked: set[str] = set()
    carry = carrier.carry
    for name, value in one.data.items():
        if type(value) in ATOMS:
            data[name] = value
        elif name in wanted:
            data[name] = carry(value, f"{place}, field {name!r}")
        else:
            data[name] = _parked_value(one.old, name, value, carrier, session, place)
    old = one.old
    if old._unknown or old._parked:
        for name, value in {**old._parked, **old._unknown}.items():
            wakes = isinstance(value, Parked) and name in wanted
            back = unpark(value, session, place)[name] if wakes else value
            data.setdefault(name, carry(back, f"{place}, parked field {name!r}"))
    fields = type(old).fields
    parked.update(name for name in one.data if getattr(fields[name], "session", False))
    parked.update(old._parked)
    return data, parked


def _parked_value(
    old: Store, name: str, value: Any, carrier: Carrier, session: Session, place: str
) -> Any:
    """The value of a field that the new code lacks; its classes may be gone with it."""
    field = type(old).fields[name]
    if getattr(field, "typed", None) is not None and not field.session:
        return as_saved(type(old), {name: value})[name]
    try:
        return carrier.carry(value, f"{place}, field {name!r}")
    except CarryError:
        return park({name: value}, session.application, f"{place}, field {name!r}")


def _carry_undeclared(one: Frozen, new: Store, carrier: Carrier, place: str) -> None:
    """Attributes that are no fields are nobody's promise, but losing them silently helps nobody."""
    old, present = vars(one.old), vars(new)
    for name in old.keys() - one.data.keys() - present.keys() - _KEPT_ELSEWHERE:
        present[name] = carrier.carry(old[name], f"{place}, attribute {name!r}")


def _compare_fields(
    old: type[Store], new: type[Store], frozen: Iterable[Frozen], report: ReloadReport
) -> None:
    name = new.__name__
    report.fields_added += [f"{name}.{one}" for one in new.fields if one not in old.fields]
    for field in old.fields:
        if field not in new.fields:
            report.fields_dropped[f"{name}.{field}"] = sum(field in one.data for one in frozen)


def _place(store: Store) -> str:
    return f"{type(store).__name__} {store.key!r}"
