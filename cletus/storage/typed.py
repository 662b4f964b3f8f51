"""Typed values: checked and converted by msgspec, in memory and in JSON.

A value has two forms. In memory it is what the application works with (a ``datetime``, a set, a
dataclass); in JSON it is made of dicts, lists, strings, numbers, booleans and ``None``. ``accept``
takes either form, ``to_json`` gives the second, and both raise a ``FieldValueError`` that tells where
inside the value the mistake is.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import types
import uuid
from collections.abc import Callable
from typing import Annotated, Any, Literal, NoReturn, Union, get_args, get_origin

import msgspec

from cletus.storage.value_errors import (
    Mistake,
    is_secret,
    kind_of,
    locate,
    refusal,
    store_object_in,
)

_SCALARS = (
    bytes,
    bytearray,
    datetime.datetime,
    datetime.date,
    datetime.time,
    datetime.timedelta,
    uuid.UUID,
    decimal.Decimal,
)
"""Types that have another form in JSON; told to msgspec as built in, that other form is refused."""

_DISTINCT = frozenset({str, int, bool, types.NoneType, *_SCALARS[:-1]})
"""Types whose form in JSON never equals their form in memory, unless it is the very same.

Not so with ``float`` (1 == 1.0), ``Decimal``, and Enums that are numbers or strings as well.
"""

_CONTAINERS = frozenset({list, dict, set, frozenset, tuple, types.UnionType, Union})


class Typed:
    """The type that one field states.

    Args:
        value_type: anything that msgspec converts.
        optional: ``None`` is a value, too. (Not ``value_type | None``: ``typing`` caches such unions, and
            a cached union keeps a class of old code alive after a reload.)

    Raises:
        TypeError: msgspec cannot convert such a type; the message says why.
    """

    def __init__(self, value_type: Any, *, optional: bool) -> None:
        self.type = value_type
        self.optional = optional
        # In a Struct, for msgspec remembers what it worked out about a type on classes alone.
        self._holder: Any = msgspec.defstruct("Holder", [("value", value_type)])
        msgspec.json.Decoder(self._holder)
        self._distinct = _is_distinct(value_type)
        self._loose = _is_loose(value_type)

    def accept(self, data: Any, obj: Any, name: str) -> Any:
        """The value in memory, from either form; what fits already is not copied.

        Raises:
            FieldValueError: it does not fit.
        """
        if data is None and self.optional:
            return None
        try:
            value = self._convert(data)
        except (msgspec.ValidationError, RecursionError) as error:
            self._refuse(error, data, self._convert, obj, name)
        if value is data or not isinstance(data, type(value)):
            return value
        same = value == data and (self._distinct or _same(value, data))
        return data if same else value

    def check(self, value: Any, obj: Any, name: str) -> None:
        """Raise ``FieldValueError`` unless this is the form in memory; nothing is converted."""
        if value is None and self.optional:
            return
        try:
            self._check(value)
        except (msgspec.ValidationError, RecursionError) as error:
            self._refuse(error, value, self._check, obj, name)

    def to_json(self, value: Any, obj: Any, name: str) -> Any:
        """The form in JSON, which ``accept`` is sure to take.

        Numbers that JSON does not have are left to ``document.encode``, which sees the whole text.

        Raises:
            FieldValueError: the value does not fit, or has no form in JSON.
        """
        if value is None and self.optional:
            return None
        check: Callable[[Any], Any] = self._check
        form = value
        try:
            check(form)
            form = plain = msgspec.to_builtins(value, str_keys=True)
            check = self._convert
            check(form)
        except (msgspec.ValidationError, RecursionError) as error:
            self._refuse(error, form, check, obj, name)
        except (TypeError, ValueError) as error:  # msgspec's words for what it cannot express
            actual = store_object_in(value) or f"{kind_of(value)}: {error}"
            cause = None if is_secret(obj, name) else error
            raise refusal(obj, name, Mistake("", "what JSON can express", actual)) from cause
        if self._loose and self._convert(msgspec.json.decode(msgspec.json.encode(plain))) != value:
            actual = "something that JSON would change: state its type more closely"
            raise refusal(obj, name, Mistake("", "what JSON takes", actual))
        return plain

    def _convert(self, data: Any) -> Any:
        return msgspec.convert({"value": data}, self._holder, str_keys=True).value

    def _check(self, value: Any) -> None:
        """Raises ``ValidationError`` if this is not the form in memory."""
        msgspec.convert({"value": value}, self._holder, str_keys=True, builtin_types=_SCALARS)

    def _refuse(self, error: Exception, value: Any, convert: Any, obj: Any, name: str) -> NoReturn:
        cause = None if is_secret(obj, name) else error  # msgspec's words may quote the value
        raise refusal(obj, name, locate(error, value, convert, self.type)) from cause


class _Flags(Typed):
    """A type of flags, saved as its number: msgspec reads such, but does not take the flags themselves."""

    def accept(self, data: Any, obj: Any, name: str) -> Any:
        """The flags, from themselves or their number."""
        if (data is None and self.optional) or isinstance(data, self.type):
            return data
        try:
            return self.type(data)
        except ValueError as error:
            cause = None if is_secret(obj, name) else error
            raise refusal(obj, name, Mistake("", self.type.__name__, kind_of(data))) from cause

    def check(self, value: Any, obj: Any, name: str) -> None:
        """Raise ``FieldValueError`` unless these are such flags."""
        if not (isinstance(value, self.type) or (value is None and self.optional)):
            raise refusal(obj, name, Mistake("", self.type.__name__, kind_of(value)))

    def to_json(self, value: Any, obj: Any, name: str) -> Any:
        """The number."""
        self.check(value, obj, name)
        return None if value is None else value.value


def typed(value_type: Any, *, optional: bool) -> Typed:
    """What checks and converts values of this type. Arguments and errors are those of ``Typed``."""
    flags = isinstance(value_type, type) and issubclass(value_type, enum.Flag)
    return (_Flags if flags else Typed)(value_type, optional=optional)


def _is_distinct(value_type: Any) -> bool:
    """No value of this type in its JSON form equals another one in memory form."""
    origin = get_origin(value_type)
    if origin is Annotated:
        return _is_distinct(get_args(value_type)[0])
    if origin in _CONTAINERS:
        return all(part is ... or _is_distinct(part) for part in get_args(value_type))
    if origin is Literal or value_type is None or value_type in _DISTINCT:
        return True
    if not isinstance(value_type, type):
        return False
    if issubclass(value_type, enum.Enum):
        return not issubclass(value_type, (int, str, float))
    return (
        issubclass(value_type, msgspec.Struct)
        or dataclasses.is_dataclass(value_type)
        or hasattr(value_type, "__attrs_attrs__")
    )


def _is_loose(value_type: Any) -> bool:
    """The type leaves open what is inside, so that JSON may change it unnoticed."""
    if get_origin(value_type) is Annotated:
        return _is_loose(get_args(value_type)[0])
    if value_type is Any or value_type is object or value_type in _CONTAINERS:
        return True
    return get_origin(value_type) in _CONTAINERS and any(
        _is_loose(part) for part in get_args(value_type)
    )


def _same(value: Any, data: Any) -> bool:
    """These, which are equal, are so in their types, too."""
    if value is data:
        return True
    if not isinstance(data, type(value)):
        return False
    if isinstance(value, dict):
        return all(map(_same, value, data)) and all(map(_same, value.values(), data.values()))
    if isinstance(value, (list, tuple)):
        return all(map(_same, value, data))
    if isinstance(value, (set, frozenset)):
        return {(type(part), part) for part in value} == {(type(part), part) for part in data}
    return True
