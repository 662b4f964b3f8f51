"""Versions: bringing old data up to the class that reads it, from a file or from a reload.

A class that changes what its fields mean says ``version = 1`` (2, 3, ...) and how to get there:
``migrate(cls, data, version)`` is called once per step with data of ``version`` and leaves data of
``version + 1``. It always sees data as a file has it, from wherever it comes: a ``datetime`` is its
text. A field that only changed its name says so by ``Field(renamed_from="old_name")``, without a version.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from cletus.errors import MigrationFailed
from cletus.storage.document import plain
from cletus.storage.interfaces import StoreObject
from cletus.storage.schema import schema_of


def upgrade(
    store_cls: type[Any],
    data: dict[str, Any],
    version: int,
    before: type[Any] | None = None,
) -> dict[str, Any]:
    """Data of an earlier version, as this class wants it.

    Args:
        store_cls: the class that is to have it.
        data: name to value; it is left as it is.
        version: what the data is of.
        before: the class of the objects that the data was taken from, where that was a reload. Its
            typed permanent values are given to ``migrate`` in the form that a file has.

    Raises:
        MigrationFailed: a step raised, or the data is of a later version than the class.
    """
    if version > store_cls.version:
        reason = f"the code knows versions up to {store_cls.version}; there is no way back"
        raise MigrationFailed(store_cls.__name__, version, reason)
    if version < store_cls.version:
        data = dict(data) if before is None else as_saved(before, data)
        for step in range(version, store_cls.version):
            data = _step(store_cls, data, step)
    return renamed(store_cls, data)


def is_outdated(store_cls: type[Any], data: dict[str, Any], version: int) -> bool:
    """Whether a save by this class would say the same in other words.

    Args:
        store_cls: the class.
        data: name to value, as a file has it, without its version.
        version: what the data is of.
    """
    return version < store_cls.version or renamed(store_cls, data) is not data


def _step(store_cls: type[Any], data: dict[str, Any], version: int) -> dict[str, Any]:
    try:
        result = store_cls.migrate(data, version)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise MigrationFailed(store_cls.__name__, version, reason) from error
    if result is None:
        return data  # changed in place
    if not isinstance(result, dict):
        reason = f"it returned {type(result).__name__}, not the data"
        raise MigrationFailed(store_cls.__name__, version, reason)
    return result


def renamed(store_cls: type[Any], data: dict[str, Any]) -> dict[str, Any]:
    """The data with what stands under a field's earlier name under its present one."""
    for name, earlier in store_cls.schema.renames:
        for old in earlier:
            if old in data and name not in data:
                data = {name if key == old else key: data[key] for key in data}
    return data


def as_saved(store_cls: type[Any], data: dict[str, Any]) -> dict[str, Any]:
    """The data of a reload with the permanent typed values of that class as a file would have them.

    What has no such form stays as it is, so that ``migrate`` or ``deserialise`` may deal with it.
    """
    plain = dict(data)
    for name, field in store_cls.fields.items():
        if name in plain and getattr(field, "typed", None) is not None and not field.session:
            try:
                plain[name] = msgspec.to_builtins(plain[name], str_keys=True)
            except (TypeError, ValueError, RecursionError):
                continue
    return plain


NAMES = ("_unknown", "_parked")
"""Where they stand in an object, and in ``to_dict(session=True)``: no field's name starts so."""


def of(obj: StoreObject) -> dict[str, dict[str, Any]]:
    """What the object keeps, by where; only what there is."""
    return {name: dict(kept) for name in NAMES if (kept := getattr(obj, name))}


def unfold(
    data: Mapping[str, Any], parked: Collection[str] = ()
) -> tuple[dict[str, Any], Collection[str]]:
    """Data in which what is kept stands among the fields, and the names of its session part."""
    flat = {name: value for name, value in data.items() if name not in NAMES}
    unknown, aside = (data.get(name, {}) for name in NAMES)
    return {**unknown, **aside, **flat}, {*parked, *aside}


def keep(obj: StoreObject, data: Mapping[str, Any], parked: Collection[str]) -> None:
    """Keep what of the data the class does not declare, and forget what it does declare now.

    Args:
        obj: who keeps it.
        data: all of it.
        parked: the names of session data in it.
    """
    strange = {name: value for name, value in data.items() if name not in schema_of(obj).fields}
    permanent = plain({name: value for name, value in strange.items() if name not in parked})
    aside = {name: value for name, value in strange.items() if name not in permanent}
    obj._unknown = _without_fields({**obj._unknown, **permanent}, obj)
    obj._parked = _without_fields({**obj._parked, **aside}, obj)


def keep_only(obj: StoreObject, names: Collection[str]) -> None:
    """Forget what belonged into an earlier text of the file and is not in the present one."""
    if obj._unknown:
        obj._unknown = {name: value for name, value in obj._unknown.items() if name in names}


def session_names(store_cls: type[Any]) -> list[str]:
    """The names of a class's session fields."""
    fields = store_cls.fields.items()
    return [name for name, field in fields if getattr(field, "session", False)]


def _without_fields(kept: dict[str, Any], obj: StoreObject) -> dict[str, Any]:
    return {name: value for name, value in kept.items() if name not in schema_of(obj).fields}
