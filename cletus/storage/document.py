"""Documents: the JSON text of one store object, for people to read and to edit.

Indented by two, fields in the order of declaration, ``"_version"`` first where the class has one (no
field's name starts with an underscore), then what the file had and the code does not know. Nothing
is written that would not come back as it was.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NoReturn

import msgspec

from cletus.errors import CorruptStore, FieldValueError
from cletus.storage.mistake import Mistake, not_json
from cletus.storage.typed import Typed

VERSION = "_version"

_OFFSET = re.compile(r"\(byte (\d+)\)")
_BOM = b"\xef\xbb\xbf"
"""Some editors put it before UTF-8."""


def encode(obj: Any, values: dict[str, Any], typed: Mapping[str, Typed], version: int) -> str:
    """The text of an object.

    Args:
        obj: whose it is, for messages.
        values: name to value, typed values in their form in memory.
        typed: the types of those fields that state one.
        version: of the class; 0 is not written.

    Raises:
        FieldValueError: a value does not fit its type, or is not what JSON takes.
    """
    document: dict[str, Any] = {VERSION: version} if version else {}
    for name, value in values.items():
        kind = typed.get(name)
        document[name] = value if kind is None else kind.to_json(value, obj, name)
    try:
        text = msgspec.json.encode(document)
        same = msgspec.json.decode(text) == document
    except (TypeError, ValueError, RecursionError) as error:
        _refuse(obj, document, typed, error)
    if not same:
        _see_that_all_survives(obj, document, typed, msgspec.json.decode(text))
    return msgspec.json.format(text, indent=2).decode() + "\n"


def _see_that_all_survives(
    obj: Any, document: dict[str, Any], typed: Mapping[str, Typed], back: dict[str, Any]
) -> None:
    """A typed value may change on its way (a tuple is a list there): its type puts that right."""
    if any(back[name] != value for name, value in document.items() if name not in typed):
        _refuse(obj, document, typed, None)


def _refuse(
    obj: Any, document: dict[str, Any], typed: Mapping[str, Typed], cause: Exception | None
) -> NoReturn:
    for name, value in document.items():
        mistake = not_json(value)
        if mistake is not None and name not in typed:
            break
    else:  # such as a text that UTF-8 cannot express, in a typed field
        name, mistake = "", Mistake("", "what JSON takes", str(cause))
    place = type(obj).__name__, obj.key, name
    raise FieldValueError(*place, mistake.path, mistake.expected, mistake.found) from cause


def decode(raw: str | bytes, store: str, key: str) -> dict[str, Any]:
    """What a text says, its version included.

    Raises:
        CorruptStore: it is not JSON, or not an object; with the line.
    """
    data = raw.encode("utf-8", "surrogatepass") if isinstance(raw, str) else bytes(raw)
    data = data.removeprefix(_BOM)
    try:
        document = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CorruptStore(store, key, str(error), line=_line(data, str(error))) from error
    if not isinstance(document, dict):
        reason = f"it is {kind_in_json(document)}, and should be an object of fields, {{...}}"
        raise CorruptStore(store, key, reason, line=1)
    return document


def version_of(document: dict[str, Any], store: str, key: str, raw: str | bytes) -> int:
    """Take the version out of a document; without one it is 0.

    Raises:
        CorruptStore: it is not a whole number from 0.
    """
    version = document.pop(VERSION, 0)
    if isinstance(version, bool) or not isinstance(version, int) or version < 0:
        line = line_of(raw, VERSION)
        raise CorruptStore(store, key, f"its {VERSION} is {version!r}, not a number", line=line)
    return version


def line_of(raw: str | bytes, field: str) -> int:
    """The line, from 1, on which a field stands in a text; 0 if it cannot be told."""
    text = raw if isinstance(raw, str) else raw.decode("utf-8", "replace")
    match = re.search(rf'^[ \t{{,]*"{re.escape(field)}"\s*:', text, re.MULTILINE)
    return text.count("\n", 0, match.end()) + 1 if match else 0


def _line(data: bytes, message: str) -> int:
    match = _OFFSET.search(message)
    return data.count(b"\n", 0, int(match[1]) if match else len(data)) + 1


def kind_in_json(value: object) -> str:
    """What JSON calls a value of this kind."""
    if isinstance(value, list):
        return "an array"
    return "null" if value is None else f"a {type(value).__name__}"


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """These values in JSON's form, without those that have none."""
    found = {}
    for name, value in values.items():
        try:
            builtins = msgspec.to_builtins(value, str_keys=True)
            found[name] = msgspec.json.decode(msgspec.json.encode(builtins))
        except (TypeError, ValueError, RecursionError):
            continue
    return found
