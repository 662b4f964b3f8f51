"""Data that an object has and its class does not declare: it is kept, not thrown away.

``obj._unknown`` is what belongs into the file: fields that a file has and the code does not, and
permanent fields that the code has ceased to declare. It is in JSON's form and written back by every
save. ``obj._parked`` is what session fields held that the code has ceased to declare, and what has no
form in JSON: it lives as long as the service. When a later class declares such a field, its value is
back.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from cletus.storage.document import plain

if TYPE_CHECKING:
    from cletus.storage.store import Store

NAMES = ("_unknown", "_parked")
"""Where they stand in an object, and in ``to_dict(session=True)``: no field's name starts so."""


def of(obj: Store) -> dict[str, dict[str, Any]]:
    """What the object keeps, by where; only what there is."""
    return {name: dict(kept) for name in NAMES if (kept := getattr(obj, name))}


def unfold(
    data: Mapping[str, Any], parked: Collection[str] = ()
) -> tuple[dict[str, Any], Collection[str]]:
    """Data in which what is kept stands among the fields, and the names of its session part."""
    flat = {name: value for name, value in data.items() if name not in NAMES}
    unknown, aside = (data.get(name, {}) for name in NAMES)
    return {**unknown, **aside, **flat}, {*parked, *aside}


def keep(obj: Store, data: Mapping[str, Any], parked: Collection[str]) -> None:
    """Keep what of the data the class does not declare, and forget what it does declare now.

    Args:
        obj: who keeps it.
        data: all of it.
        parked: the names of session data in it.
    """
    strange = {name: value for name, value in data.items() if name not in obj.fields}
    permanent = plain({name: value for name, value in strange.items() if name not in parked})
    aside = {name: value for name, value in strange.items() if name not in permanent}
    obj._unknown = _without_fields({**obj._unknown, **permanent}, obj)
    obj._parked = _without_fields({**obj._parked, **aside}, obj)


def keep_only(obj: Store, names: Collection[str]) -> None:
    """Forget what belonged into an earlier text of the file and is not in the present one."""
    if obj._unknown:
        obj._unknown = {name: value for name, value in obj._unknown.items() if name in names}


def session_names(store_cls: type[Store]) -> list[str]:
    """The names of a class's session fields."""
    fields = store_cls.fields.items()
    return [name for name, field in fields if getattr(field, "session", False)]


def _without_fields(kept: dict[str, Any], obj: Store) -> dict[str, Any]:
    return {name: value for name, value in kept.items() if name not in obj.fields}
