"""Values of fields as people type and read them."""

from __future__ import annotations

import enum
from datetime import timedelta
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from cletus import events
from cletus.client.client import Client
from cletus.contrib.commands import choose
from cletus.contrib.commands.converters import BUILT_IN, stored
from cletus.errors import FieldValueError, Refused
from cletus.storage import StoreField
from cletus.text import gettext as _

#: Types that are written as words with commas between them.
_LISTS: Final = (list, set, frozenset, tuple)


def read_value(obj: Any, name: str, typed: str, client: Client) -> Any:
    """What somebody has typed, as a value for a field.

    Args:
        obj: the store object.
        name: of its field.
        typed: the text; ``-`` means the default of the field.
        client: who has typed it.

    Raises:
        Refused: it does not fit the field.
    """
    field = type(obj).fields[name]
    if typed == "-":
        return field.make_default()
    return accepted(obj, name, _read(field, typed, client))


def accepted(obj: Any, name: str, value: Any) -> Any:
    """The value as the field of this object keeps it.

    Raises:
        Refused: it does not fit the type of the field.
    """
    typed = type(obj).fields[name].typed
    if typed is None:
        return value
    try:
        return typed.accept(value, obj, name)
    except FieldValueError as error:
        raise Refused(
            _("That does not fit: expected {expected}.", expected=error.expected)
        ) from None


def _read(field: Any, typed: str, client: Client) -> Any:
    event = events.Receive(client.service, client, typed)
    if isinstance(field, StoreField):
        store_cls: Any = client.service.session.find(field.store)
        return stored(typed, store_cls, event)
    value_type = _plain(field.type if field.type is not None else type(field.make_default()))
    origin = get_origin(value_type)
    if origin is Literal:
        return choose(typed, {str(value).lower(): value for value in get_args(value_type)})
    if value_type in _LISTS or origin in _LISTS:
        words = [word.strip() for word in typed.split(",")]
        return (origin or value_type)(word for word in words if word)
    if isinstance(value_type, type) and issubclass(value_type, enum.Enum):
        return BUILT_IN[enum.Enum](typed, value_type, event)
    if value_type in (int, float, bool, timedelta):
        return BUILT_IN[value_type](typed, value_type, event)
    return typed


def _plain(value_type: Any) -> Any:
    """``int`` of ``Annotated[int, ...]``, and of ``int | None``."""
    if get_origin(value_type) is Annotated:
        return _plain(get_args(value_type)[0])
    if get_origin(value_type) in (Union, UnionType):
        members = [each for each in get_args(value_type) if each is not type(None)]
        return _plain(members[0]) if len(members) == 1 else value_type
    return value_type


def value_text(value: Any) -> str:
    """A value as a person reads it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, enum.Enum):
        return value.name.lower()
    if isinstance(value, dict):
        return ", ".join(f"{key}: {value_text(part)}" for key, part in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(value_text, value))
    if isinstance(value, (set, frozenset)):
        return ", ".join(sorted(map(value_text, value)))
    return str(value)
