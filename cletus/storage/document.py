"""Documents: the JSON text of one store object, for people to read and to edit.

Indented by two, fields in the order of declaration, ``"_version"`` first where the class has one (no
field's name starts with an underscore), then what the file had and the code does not know. Nothing
is written that would be read back as something else.
"""

from __future__ import annotations

import json
import marshal
from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from cletus.errors import CorruptStore, FieldValueError
from cletus.storage.json_text import duplicate_key, has_duplicate_keys, line_of, line_of_error
from cletus.storage.typed import Typed
from cletus.storage.value_errors import Mistake, is_plain, not_json, not_plain, refusal

VERSION = "_version"

_BOM = b"\xef\xbb\xbf"
"""The byte order mark, which some editors put before UTF-8."""


def encode(
    obj: Any,
    values: dict[str, Any],
    typed: Mapping[str, Typed],
    version: int,
    untyped: Collection[str] = (),
) -> str:
    """The text of an object.

    Args:
        obj: the object, for messages.
        values: name to value, typed values in their form in memory.
        typed: the types of those fields that state one.
        version: of the class; 0 is not written.
        untyped: the names of ordinary fields without a type, which get back what JSON gives.

    Raises:
        FieldValueError: a value does not fit its type, is not what JSON takes, or would not come back
            as it is: a ``defaultdict`` as a ``dict``, for example.
    """
    document: dict[str, Any] = {VERSION: version, **values} if version else {**values}
    for name, field_type in typed.items():
        if name in values:
            document[name] = field_type.to_json(values[name], obj, name)
    try:
        text = msgspec.json.encode(document)
        back = msgspec.json.decode(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise _first_mistake(obj, document, typed, str(error)) from error
    if back != document:
        _see_that_all_survives(obj, document, back, typed)
    if untyped and not _is_exact(document):
        _see_that_untyped_is_plain(obj, values, untyped)
    return msgspec.json.format(text, indent=2).decode() + "\n"


def _see_that_all_survives(
    obj: Any, document: dict[str, Any], back: dict[str, Any], typed: Mapping[str, Typed]
) -> None:
    """A typed value may change on its way, a tuple into a list: its type puts that right."""
    for name, value in document.items():
        if back[name] != value and not (name in typed and _is_finite(value)):
            change = "something that JSON would change"
            raise _first_mistake(obj, {name: value}, typed, change)


def _is_exact(document: dict[str, Any]) -> bool:
    """Whether all is of JSON's types themselves: marshal takes no subclass, and tells at C's speed."""
    try:
        marshal.dumps(document)
    except ValueError:
        return False
    return True


def _see_that_untyped_is_plain(obj: Any, values: dict[str, Any], untyped: Collection[str]) -> None:
    for name in untyped:
        if name in values and not is_plain(values[name]):
            raise refusal(obj, name, not_plain(values[name]))


def _is_finite(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return False
    return True


def _first_mistake(
    obj: Any, document: dict[str, Any], typed: Mapping[str, Typed], otherwise: str
) -> FieldValueError:
    mistakes = ((name, _mistake(value, is_typed=name in typed)) for name, value in document.items())
    wrong = ((name, mistake) for name, mistake in mistakes if mistake is not None)
    name, mistake = next(wrong, ("", Mistake("", "what JSON takes", otherwise)))
    return refusal(obj, name, mistake)


def _mistake(value: Any, *, is_typed: bool) -> Mistake | None:
    mistake = not_json(value, arrays=(list, tuple) if is_typed else (list,))
    return not_plain(value) if mistake is None and not (is_typed or is_plain(value)) else mistake


def decode(raw: str | bytes, store: str, key: str) -> dict[str, Any]:
    """The data of a text, its version included.

    Raises:
        CorruptStore: it is not JSON, not an object, or has a key twice; with the line.
    """
    data = raw.encode("utf-8", "surrogatepass") if isinstance(raw, str) else bytes(raw)
    data = data.removeprefix(_BOM)
    try:
        document = msgspec.json.decode(data)
        if not isinstance(document, dict):
            line = data[: len(data) - len(data.lstrip())].count(b"\n") + 1
            reason = f"it is {kind_in_json(document)}, and should be an object of fields, {{...}}"
            raise CorruptStore(store, key, reason, line=line)
        if has_duplicate_keys(data, document):
            raise _duplicate(data, store, key)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        line = line_of_error(data, error)
        raise CorruptStore(store, key, str(error), line=line) from error
    return document


def _duplicate(data: bytes, store: str, key: str) -> CorruptStore:
    """A decoder would keep the last value; which one was meant, only the person who edited it knows."""
    name, line, first = duplicate_key(data) or ("", 0, 0)
    return CorruptStore(store, key, f"it has {name!r} twice, first on line {first}", line=line)


def version_of(document: dict[str, Any], store: str, key: str, raw: str | bytes) -> int:
    """Take the version out of a document; without one it is 0.

    Raises:
        CorruptStore: it is not a whole number from 0.
    """
    version = document.pop(VERSION, 0)
    if isinstance(version, bool) or not isinstance(version, int) or version < 0:
        line = line_of(raw.encode() if isinstance(raw, str) else raw, VERSION)
        raise CorruptStore(store, key, f"its {VERSION} is {version!r}, not a number", line=line)
    return version


def stated_version(raw: str | bytes, store: str, key: str) -> int:
    """The version that a text states.

    Raises:
        CorruptStore: it is not a JSON object, or its version is not a whole number from 0.
    """
    return version_of(decode(raw, store, key), store, key, raw)


def kind_in_json(value: object) -> str:
    """The name of a value's type, as JSON has it."""
    if isinstance(value, list):
        return "an array"
    return "null" if value is None else f"a {type(value).__name__}"


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that JSON can express, in their JSON form."""
    converted = {}
    for name, value in values.items():
        try:
            builtins = msgspec.to_builtins(value, str_keys=True)
            converted[name] = msgspec.json.decode(msgspec.json.encode(builtins))
        except (TypeError, ValueError, RecursionError):
            continue
    return converted
