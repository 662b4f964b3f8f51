"""Versions: migrating old data to the class that reads it, from a file or in a reload.

A class that changes what its fields mean says ``version = 1`` (2, 3, ...) and how to get there:
``migrate(cls, data, version)`` is called once per step with data of ``version`` and leaves data of
``version + 1``. It always sees data as a file has it, in a reload, too: a ``datetime`` is its text. A
field that only changed its name says so by ``Field(renamed_from="old_name")``, without a version. Data
of fields that the class does not declare is kept with the object as its extra fields.
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
    """Migrate data of an earlier version to this class.

    Args:
        store_cls: the class that reads the data.
        data: name to value; it is left as it is.
        version: of the data.
        before: in a reload, the class of the objects that the data was taken from. Its typed
            permanent values are given to ``migrate`` in the form that a file has.

    Raises:
        MigrationFailed: a step raised, or the data is of a later version than the class.
    """
    if version > store_cls.version:
        reason = (
            f"the code knows versions up to {store_cls.version}, and data cannot be migrated back"
        )
        raise MigrationFailed(store_cls.__name__, version, reason)
    if version < store_cls.version:
        data = dict(data) if before is None else as_saved(data, typed_names(before))
        for step in range(version, store_cls.version):
            data = _step(store_cls, data, step)
    return renamed(store_cls, data)


def is_outdated(store_cls: type[Any], data: dict[str, Any], version: int) -> bool:
    """Whether data, as a file has it without its version, is of an earlier version or has earlier names."""
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
    """The data with fields that have an earlier name under their present name."""
    for name, earlier in store_cls.schema.renames:
        for old in earlier:
            if old in data and name not in data:
                data = {name if key == old else key: data[key] for key in data}
    return data


def typed_names(store_cls: type[Any]) -> list[str]:
    """The names of a class's permanent fields with a type, whose values may have another form in a file."""
    fields = store_cls.fields.items()
    return [
        name
        for name, field in fields
        if getattr(field, "typed", None) is not None and not field.session
    ]


def as_saved(data: dict[str, Any], typed: Collection[str]) -> dict[str, Any]:
    """The data of a reload with the values of these fields in the form that a file has.

    A value without such a form is left as it is, for ``migrate`` or ``deserialise`` to handle.
    """
    plain = dict(data)
    for name in typed:
        if name in plain:
            try:
                plain[name] = msgspec.to_builtins(plain[name], str_keys=True)
            except (TypeError, ValueError, RecursionError):
                continue
    return plain


EXTRA_FIELDS = ("_unknown", "_parked")
"""Attributes of an object, and names in ``to_dict(session=True)``, of data whose fields its class does
not declare: what belongs into its file, and session data. No field's name starts with an underscore.
"""


def extra_fields_of(obj: StoreObject) -> dict[str, dict[str, Any]]:
    """The object's extra fields by attribute, without attributes that are empty."""
    return {name: dict(extra) for name in EXTRA_FIELDS if (extra := getattr(obj, name))}


def merge_extra_fields(
    data: Mapping[str, Any], parked: Collection[str] = ()
) -> tuple[dict[str, Any], Collection[str]]:
    """The data with extra fields among the others, and the names of those that are session data."""
    flat = {name: value for name, value in data.items() if name not in EXTRA_FIELDS}
    unknown, session_data = (data.get(name, {}) for name in EXTRA_FIELDS)
    return {**unknown, **session_data, **flat}, {*parked, *session_data}


def keep_extra_fields(obj: StoreObject, data: Mapping[str, Any], parked: Collection[str]) -> None:
    """Keep with the object what its class does not declare, and drop what it does declare now.

    Args:
        obj: the object.
        data: by field name.
        parked: the names of session data in it.
    """
    extra = _without_fields(data, obj)
    unknown = plain({name: value for name, value in extra.items() if name not in parked})
    session_data = {name: value for name, value in extra.items() if name not in unknown}
    obj._unknown = _without_fields({**obj._unknown, **unknown}, obj)
    obj._parked = _without_fields({**obj._parked, **session_data}, obj)


def forget_extra_fields_not_in(obj: StoreObject, data: Collection[str]) -> None:
    """Drop what an earlier text of the file had and the present one does not have."""
    if obj._unknown:
        obj._unknown = {name: value for name, value in obj._unknown.items() if name in data}


def session_names(store_cls: type[Any]) -> list[str]:
    """The names of a class's session fields."""
    fields = store_cls.fields.items()
    return [name for name, field in fields if getattr(field, "session", False)]


def _without_fields(data: Mapping[str, Any], obj: StoreObject) -> dict[str, Any]:
    fields = schema_of(obj).fields
    return {name: value for name, value in data.items() if name not in fields}
