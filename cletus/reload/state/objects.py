"""The active objects of a generation, taken out of old classes and put into new ones.

Freezing calls each field's ``serialise``, thawing its ``deserialise``; what happens to the values
between the two is the business of ``carrier.py``. Nothing old is changed here: the objects that
thawing makes are new ones, and until the commit the old ones are in force. But most objects are so
ordinary that they can stay themselves: those are the business of ``staying.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cletus.errors import CarryError, CarryFailed, StoreGone
from cletus.reload.state.in_place import (
    KEPT_ELSEWHERE,
    Staying,
    may_be_wanted,
    not_waiting,
    place_of,
    those_who_stay,
)
from cletus.reload.state.memo import check_layout
from cletus.reload.state.parking import Parked, park, unpark
from cletus.reload.state.plain_types import ATOMS
from cletus.reload.state.values import Carrier
from cletus.service.application import Application
from cletus.service.report import ReloadReport
from cletus.service.session import Generation, Session
from cletus.storage import Store, versions
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


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The active objects of every store, by its name; each is in one of the two.

    Attributes:
        frozen: those that are taken out, and put into objects of the new class.
        staying: those that stay themselves.
        order: the keys of all, in their order, where there are some of each kind.
    """

    frozen: dict[str, list[Frozen]]
    staying: dict[str, list[Store]]
    order: dict[str, list[str]]


def freeze(session: Session, staged: Generation) -> Snapshot:
    """Serialise every active object of every store of the generation in force.

    Args:
        session: whose.
        staged: the generation that the objects will be of.

    Raises:
        CarryError: a field's ``serialise`` raised.
    """
    session.freezing = True
    snapshot = Snapshot({}, {}, {})
    try:
        for name, store_cls in session.current.stores.items():
            active = store_cls.manager.active()
            new_class = staged.stores.get(name)
            staying = [] if new_class is None else those_who_stay(store_cls, new_class, active)
            snapshot.staying[name] = staying
            others: list[Store] = []
            if len(staying) < len(active):
                stay = set(map(id, staying))
                others = [one for one in active.values() if id(one) not in stay]
                snapshot.order[name] = list(active)
            snapshot.frozen[name] = [_frozen(old) for old in others]
        return snapshot
    finally:
        session.freezing = False


def thaw(
    snapshot: Snapshot,
    session: Session,
    staged: Generation,
    carrier: Carrier,
    staying: Staying,
    report: ReloadReport,
) -> None:
    """Build the same objects on the classes of the staged generation.

    Args:
        snapshot: what ``freeze`` gave.
        session: whose generation ``staged`` is going to be.
        staged: the new generation.
        carrier: takes values to the new code; it learns the successor of each object.
        staying: takes those to the new classes that stay themselves.
        report: is told what was carried, added and dropped.

    Raises:
        CarryError: an object, a field or a value cannot be carried.
    """
    parked = _park_stores(snapshot.frozen, session, staged, report)
    for name, objects in snapshot.staying.items():
        if objects:
            staying.take(objects, staged.stores[name])
    successors = _make_successors(snapshot, staged, staying)
    for one, new in successors:
        carrier.known.succeed(one.old, new)
    for name, keys in snapshot.order.items():
        if name in staged.stores and snapshot.staying[name]:
            staged.stores[name].manager.order_active(keys)
    for name, frozen in snapshot.frozen.items():
        if name in staged.stores:
            _compare_fields(session.current.stores[name], staged.stores[name], frozen, report)
            report.stores[name] = len(frozen) + len(snapshot.staying[name])
    staying.carry(staged)
    for one, new in successors:
        _fill(one, new, carrier, session, staged)
    _carry_kept(snapshot.frozen, staged, carrier, report)
    _return_stores(parked, session, staged, report)
    _return_references(session, staged)
    staged.parked = parked


def _park_stores(
    snapshot: dict[str, list[Frozen]], session: Session, staged: Generation, report: ReloadReport
) -> dict[str, Parked]:
    """Keep the objects of stores that the new code lacks; what is parked already stays so."""
    parked = dict(session.current.parked)
    for name, frozen in snapshot.items():
        if frozen and name not in staged.stores:
            values = {one.old.key: one.data for one in frozen}
            version = type(frozen[0].old).version
            place = f"Store {name}"
            parked[name] = park(values, session.application, place, version=version)
            report.stores_parked[name] = len(frozen)
    return parked


def _return_stores(
    parked: dict[str, Parked], session: Session, staged: Generation, report: ReloadReport
) -> None:
    """Give stores that are back their objects back: first all of them, then what they hold.

    They may refer to each other.
    """
    back = [name for name in parked if name in staged.stores]
    for name in back:
        store_cls = staged.stores[name]
        for key in parked[name].names:
            if key not in store_cls.manager.active():
                store_cls(key)
        report.stores_returned[name] = len(parked[name].names)
    for name in back:
        active = staged.stores[name].manager.active()
        waiting = parked.pop(name)
        for key, data in unpark(waiting, session, f"Store {name}").items():
            flat, aside = versions.merge_extra_fields(data)
            flat = type(active[key]).upgrade(flat, waiting.version)
            active[key].from_dict(flat, session=True, parked=aside)


def _return_references(session: Session, staged: Generation) -> None:
    """Set the fields that waited for a store to come back, once all objects are there again."""
    for (name, key), fields in session.current.waiting.items():
        store_cls = staged.stores.get(name)
        obj = None if store_cls is None else store_cls.manager.active().get(key)
        for field, parked in fields.items():
            try:
                values = unpark(parked, session, f"{name} {key!r}, field {field!r}")
            except StoreGone:
                staged.waiting.setdefault((name, key), {}).setdefault(field, parked)
                continue
            if obj is not None and field in obj.fields:
                obj.from_dict(values, session=True)


def keep_foreign_stores(session: Session, staged: Generation, application: Application) -> None:
    """Store classes that are not of the application's modules stay, unless the new code replaces them."""
    for name, store_cls in session.current.stores.items():
        imported = name in session.current.imported_stores
        if not imported and not application.owns(store_cls.__module__):
            staged.stores.setdefault(name, store_cls)


def _carry_kept(
    snapshot: dict[str, list[Frozen]], staged: Generation, carrier: Carrier, report: ReloadReport
) -> None:
    """What the objects of stores that stay refer to may be of the application all the same."""
    for name, frozen in snapshot.items():
        for one in frozen:
            if type(one.old) is not staged.stores.get(name):
                continue
            for field, value in vars(one.old).items():
                try:
                    new = carrier.carry_in_place(value, f"{place_of(one.old)}, field {field!r}")
                except CarryError as error:
                    report.notes.append(f"{error}; it still refers to the old code")
                    continue
                if new is not value:
                    carrier.known.updates.append((vars(one.old), {field: new}))


def _frozen(old: Store) -> Frozen:
    try:
        return Frozen(old, old.to_dict(session=True))
    except Exception as error:
        raise CarryError(place_of(old), "serialise() raised") from error


def _make_successors(
    snapshot: Snapshot, staged: Generation, staying: Staying
) -> list[tuple[Frozen, Store]]:
    """All new objects, before any of them is filled, since they may refer to each other."""
    made = []
    for name, frozen in snapshot.frozen.items():
        new_class = staged.stores.get(name)
        old = [one for one in frozen if type(one.old) is not new_class]
        if new_class is None or not old:
            continue
        check_layout(old[0].old, new_class, f"Store {new_class.__name__}")
        ready = new_class.manager.active()
        for one in old:
            new = ready.get(one.old.key)
            made.append((name, one, _make(new_class, one) if new is None else new))
    return _last_made(made, snapshot, staged, staying) if made else []


def _last_made(
    made: Sequence[tuple[str, Frozen, Store]],
    snapshot: Snapshot,
    staged: Generation,
    staying: Staying,
) -> list[tuple[Frozen, Store]]:
    """The successors: what makes one object may make others, in the place of one that was there."""
    active = {name: store_cls.manager.active() for name, store_cls in staged.stores.items()}
    last = [(one, active[name].get(new.key, new)) for name, one, new in made]
    for name, objects in snapshot.staying.items():
        if objects:
            gone = staying.replaced(staged.stores[name], active[name])
            last += [(_frozen(one), active[name][one.key]) for one in gone]
    return last


def _make(new_class: type[Store], one: Frozen) -> Store:
    try:
        return new_class(one.old.key)
    except Exception as error:
        raise CarryError(place_of(one.old), "the new class cannot be instantiated") from error


def _fill(one: Frozen, new: Store, carrier: Carrier, session: Session, staged: Generation) -> None:
    try:
        new.restore(_carried(one, new, carrier, session, staged), type(one.old))
    except (CarryError, CarryFailed):
        raise
    except Exception as error:
        raise CarryError(place_of(one.old), "it cannot be filled") from error
    if type(new).schema.slots or not vars(one.old).keys() <= vars(new).keys():
        _carry_undeclared(one, new, carrier)


def _carried(
    one: Frozen, new: Store, carrier: Carrier, session: Session, staged: Generation
) -> dict[str, Any]:
    """The data for the new code, also of fields that it lacks or lacked until now."""
    new_class = type(new)
    wanted = new_class.fields
    data: dict[str, Any] = {}
    for name, value in one.data.items():
        if type(value) in ATOMS:
            data[name] = value
        elif name in versions.EXTRA_FIELDS:
            data[name] = _carried_kept(one.old, value, new_class, carrier, session)
        elif name in wanted or may_be_wanted(type(one.old), new_class):
            place = f"{place_of(one.old)}, field {name!r}"
            try:
                data[name] = carrier.carry(value, place)
            except StoreGone:
                waiting = staged.waiting.setdefault(
                    (type(one.old).__name__.lower(), one.old.key), {}
                )
                waiting[name] = park({name: value}, session.application, place)
                wanted[name].contribute_to_instance(new, name)
        else:
            data[name] = _parked_value(one.old, name, value, carrier, session)
    return data


def _carried_kept(
    old: Store,
    values: dict[str, Any],
    new_class: type[Store],
    carrier: Carrier,
    session: Session,
) -> dict[str, Any]:
    """What the object kept for fields that its class did not declare; some may be declared again."""
    carried = {}
    for name, value in values.items():
        place = f"{place_of(old)}, parked field {name!r}"
        if not isinstance(value, Parked):
            carried[name] = carrier.carry(value, place)
        elif name in new_class.fields:
            carried[name] = unpark(value, session, place)[name]
        else:
            carried[name] = value
    return carried


def _parked_value(old: Store, name: str, value: Any, carrier: Carrier, session: Session) -> Any:
    """The value of a field that the new code lacks; its classes may be gone with it."""
    field, place = type(old).fields[name], place_of(old)
    if getattr(field, "typed", None) is not None and not field.session:
        return as_saved(type(old), {name: value})[name]
    try:
        return carrier.carry(value, f"{place}, field {name!r}")
    except CarryError:
        return park({name: value}, session.application, f"{place}, field {name!r}")


def _carry_undeclared(one: Frozen, new: Store, carrier: Carrier) -> None:
    """Attributes that are no fields are nobody's promise, but losing them silently helps nobody."""
    old, present = vars(one.old), vars(new)
    for name in old.keys() - one.data.keys() - present.keys() - KEPT_ELSEWHERE:
        present[name] = _carried_attribute(one.old, name, old[name], carrier)
    for name in type(new).schema.slots:
        if hasattr(one.old, name):
            value = _carried_attribute(one.old, name, getattr(one.old, name), carrier)
            object.__setattr__(new, name, value)


def _carried_attribute(old: Store, name: str, value: Any, carrier: Carrier) -> Any:
    try:
        return carrier.carry(value, f"{place_of(old)}, attribute {name!r}")
    except StoreGone as error:
        raise not_waiting(error) from None


def _compare_fields(
    old: type[Store], new: type[Store], frozen: Iterable[Frozen], report: ReloadReport
) -> None:
    name = new.__name__
    report.fields_added += [f"{name}.{one}" for one in new.fields if one not in old.fields]
    for field in old.fields:
        if field not in new.fields:
            report.fields_dropped[f"{name}.{field}"] = sum(field in one.data for one in frozen)
