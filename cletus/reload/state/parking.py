"""Stores that the code has ceased to define: their objects wait, as they are, until it does again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cletus.errors import CarryError, ReloadError
from cletus.reload.state.new_code import NewCode, Unnamed
from cletus.reload.state.stores import place_of
from cletus.service.report import ReloadReport
from cletus.service.session import Generation, Session
from cletus.storage import Field, Store


@dataclass(frozen=True, slots=True)
class ParkedStore:
    """The objects of one store. References to them stay valid.

    Attributes:
        store_cls: their class, of the last generation that defined it.
        objects: those that were active, by key.
        serialised: what fields with their own ways were told to give when the objects went out of use.
    """

    store_cls: type[Store]
    objects: dict[str, Store]
    serialised: dict[str, dict[str, Any]]


def park(session: Session, staged: Generation, new_code: NewCode, report: ReloadReport) -> None:
    """Park the active objects of stores that the new code lacks. What is parked already stays so."""
    staged.parked = dict(session.current.parked)
    for name, store_cls in session.current.stores.items():
        try:
            new_code.class_of(store_cls)
        except Unnamed:
            objects = store_cls.manager.active()
            if objects:
                serialised = {key: _serialised(obj) for key, obj in objects.items()}
                staged.parked[name] = ParkedStore(store_cls, objects, serialised)
                report.stores_parked[name] = len(objects)


def take_back(
    staged: Generation, new_code: NewCode, report: ReloadReport
) -> Iterator[tuple[type[Store], ParkedStore]]:
    """The parked stores that the new code defines again, with the new class of each."""
    for name, parked in list(staged.parked.items()):
        try:
            store_cls: Any = new_code.class_of(parked.store_cls)
        except Unnamed:
            continue
        del staged.parked[name]
        report.stores_returned[store_cls.schema.name] = len(parked.objects)
        yield store_cls, parked


def deserialise(parked: ParkedStore, objects: dict[str, Store]) -> None:
    """Tell the fields with their own ways that the objects are in use again.

    Args:
        parked: the store.
        objects: its objects as they are now, by key.

    Raises:
        ReloadError: a field's ``deserialise`` raised.
    """
    for key, data in parked.serialised.items():
        obj = objects[key]
        for name, value in data.items():
            field = obj.fields.get(name)
            if field is None or _is_ordinary(field):
                continue
            try:
                field.deserialise(obj, name, value)
            except ReloadError:
                raise
            except Exception as error:
                place = f"{place_of(obj)}, field {name!r}"
                raise CarryError(place, "deserialise() raised") from error


def _serialised(obj: Store) -> dict[str, Any]:
    data = {}
    for name, field in obj.fields.items():
        if not _is_ordinary(field):
            try:
                data[name] = field.serialise(obj, name)
            except Exception:  # noqa: BLE001, S112 - its value stays in the object
                continue
    return data


def _is_ordinary(field: Any) -> bool:
    return isinstance(field, Field) and type(field).serialise is Field.serialise
