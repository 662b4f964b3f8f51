"""Locate a mistake inside a value: the path, what was expected there, and what is there.

msgspec tells most of it in words, ``Expected `int`, got `str` - at `$.value[...].level```; this reads
them, and finds out which key of a dict the dots stand for.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any, cast

import msgspec

from cletus.errors import FieldValueError

_WORDS = re.compile(
    r"(?P<message>.*?)(?: - at (?P<key>`key` in )?`\$\.value(?P<path>.*)`)?", re.DOTALL
)
_EXPECTED = re.compile(r"Expected (?P<expected>.*?)(?:, got (?P<actual>.*))?", re.DOTALL)
_STEP = re.compile(r"\.(?P<name>[^.\[\]]+)|\[(?P<index>\d+)\]|(?P<any>\[\.\.\.\])")

Convert = Callable[[Any], object]

_UNKNOWN = object()
_CANNOT_FOLLOW = (LookupError, TypeError, AttributeError, StopIteration)
"""What comes of a step into a form that has other steps, such as a named tuple's."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """A path such as ``['sword'].level[2]`` (empty for the value itself), and two kinds in words."""

    path: str
    expected: str
    actual: str


def kind_of(value: object) -> str:
    """The type of a value, for messages. Numbers are shown, texts are not: they may be passwords."""
    words = getattr(type(value), "_in_words", None)
    if isinstance(words, str):
        return f"{type(value).__name__}, {words}"
    if value is None or isinstance(value, (bool, int, float)):
        return repr(value)
    return type(value).__name__


def is_secret(obj: Any, name: str) -> bool:
    """Whether errors must not quote the value of this field."""
    field = getattr(type(obj), "fields", {}).get(name)
    return bool(getattr(field, "secret", False))


def refusal(obj: Any, name: str, mistake: Mistake) -> FieldValueError:
    """The error for a mistake in an object's field; for a secret field it does not show the value."""
    referrer = type(obj).__name__, getattr(obj, "key", ""), name
    if is_secret(obj, name):
        return FieldValueError(*referrer, "", mistake.expected, "another value, which is secret")
    return FieldValueError(*referrer, mistake.path, mistake.expected, mistake.actual)


def locate(error: Exception, value: Any, convert: Convert, value_type: Any) -> Mistake:
    """Read msgspec's error.

    Args:
        error: what ``convert`` raised: a ``ValidationError``, or a ``RecursionError``.
        value: what it was given.
        convert: raises the same error for the same mistake.
        value_type: the type that was asked for, for messages that do not name it.
    """
    words = _WORDS.fullmatch(str(error))
    if isinstance(error, RecursionError) or words is None:
        return Mistake("", f"{_name(value_type)}, not nested too deep", kind_of(value))
    path, culprit = _follow(value, words["path"] or "", convert)
    if words["key"]:
        path += " (a key)"
    return Mistake(
        path, *_expected_and_found(words["message"].replace("`", ""), culprit, value_type)
    )


def _expected_and_found(message: str, culprit: Any, value_type: Any) -> tuple[str, str]:
    match = _EXPECTED.fullmatch(message)
    if match is None:  # such as "Invalid enum value 'x'", "Object missing required field `x`"
        return _name(value_type), message[:1].lower() + message[1:]
    otherwise = "another value" if culprit is _UNKNOWN else kind_of(culprit)
    return match["expected"], match["actual"] or otherwise


def _name(value_type: Any) -> str:
    return (
        value_type.__name__
        if isinstance(value_type, type)
        else str(value_type).replace("typing.", "")
    )


def _follow(value: Any, path: str, convert: Convert) -> tuple[str, Any]:
    """The path with the keys of dicts in it, and what is there."""
    culprit, exact = value, ""
    rebuild: Callable[[Any], Any] = lambda part: part  # noqa: E731 - it grows step by step
    for step in _STEP.finditer(path):
        try:
            key = _key(step, culprit, rebuild, convert)
            culprit, rebuild = _enter(culprit, key, rebuild)
        except _CANNOT_FOLLOW:
            return path, _UNKNOWN
        exact += f".{key}" if step["name"] else f"[{key!r}]"
    return exact, culprit


def _key(
    step: re.Match[str], container: Any, rebuild: Callable[[Any], Any], convert: Convert
) -> Any:
    if step["name"]:
        return step["name"]
    if step["index"]:
        return int(step["index"])
    return next(key for key, part in container.items() if _fails(convert, rebuild({key: part})))


def _fails(convert: Convert, value: Any) -> bool:
    try:
        convert(value)
    except msgspec.ValidationError:
        return True
    return False


def _enter(
    container: Any, key: Any, rebuild: Callable[[Any], Any]
) -> tuple[Any, Callable[[Any], Any]]:
    """What is under the key, and how to make the whole value anew with something else there."""
    if isinstance(container, dict):
        return container[key], lambda part: rebuild({**container, key: part})
    items = list(container)
    sequence = type(container) if isinstance(container, (list, tuple)) else list
    return items[key], lambda part: rebuild(sequence([*items[:key], part, *items[key + 1 :]]))


_TYPE = "state the field's type: Field(type=...)"


def not_json(value: Any, *, arrays: tuple[type, ...] = (list,)) -> Mistake | None:
    """What in a value JSON does not take as it is, if anything.

    Args:
        value: any.
        arrays: what counts as an array. (A tuple is one for msgspec, but comes back as a list.)
    """
    try:
        return _not_json(value, "", arrays)
    except RecursionError:
        return Mistake("", "a value", "one that is nested too deep, or inside itself")


def _not_json(value: Any, path: str, arrays: tuple[type, ...]) -> Mistake | None:
    if isinstance(value, float) and not math.isfinite(value):
        return Mistake(path, "a number that JSON has", repr(value))
    if isinstance(value, str):
        return _not_text(value, path)
    if value is None or isinstance(value, (bool, int, float)):
        return None
    keys: Iterable[Any] = value if isinstance(value, dict) else ()
    if isinstance(value, dict):
        parts: Iterable[tuple[Any, Any]] = value.items()
    elif isinstance(value, arrays):
        parts = enumerate(cast("Iterable[Any]", value))
    else:
        return Mistake(path, "what JSON takes", f"{kind_of(value)} ({_TYPE})")
    inside = (_not_json(part, f"{path}[{at!r}]", arrays) for at, part in parts)
    mistakes = chain((_not_a_key(key, path) for key in keys), inside)
    return next((mistake for mistake in mistakes if mistake is not None), None)


_PLAIN = frozenset({str, int, float, bool, type(None)})


def is_plain(value: Any) -> bool:
    """Whether JSON gives this value back with the very same types; it is known to be JSON."""
    if type(value) in _PLAIN:
        return True
    if type(value) is list:
        return _PLAIN.issuperset(map(type, value)) or all(map(is_plain, value))
    return (
        type(value) is dict
        and all(type(key) is str for key in value)
        and all(map(is_plain, value.values()))
    )


def not_plain(value: Any, path: str = "") -> Mistake:
    """The first part of a value that is an instance of a subclass: JSON gives back the base class."""
    if type(value) in (dict, list):
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        for at, part in parts:
            if isinstance(at, str) and type(at) is not str:
                return not_plain(at, f"{path} (a key)")
            if not is_plain(part):
                return not_plain(part, f"{path}[{at!r}]")
    base = next(base for base in (str, int, float, list, dict) if isinstance(value, base))
    actual = f"{type(value).__name__}, which would come back as {base.__name__} ({_TYPE})"
    return Mistake(path, f"a plain {base.__name__}", actual)


def _not_text(value: str, path: str) -> Mistake | None:
    try:
        value.encode()
    except UnicodeEncodeError:
        return Mistake(path, "a text", "a lone surrogate, which UTF-8 cannot express")
    return None


def _not_a_key(key: Any, path: str) -> Mistake | None:
    if isinstance(key, str):
        return _not_text(key, f"{path} (a key)")
    return Mistake(path, "keys that are texts", f"{kind_of(key)} as a key ({_TYPE})")


def store_object_in(value: Any) -> str:
    """In words, the first object of a store in these nested containers; empty if there is none."""
    try:
        return _store_object_in(value)
    except RecursionError:
        return ""


def _store_object_in(value: Any) -> str:
    if hasattr(type(value), "_in_words"):
        return kind_of(value)
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if not isinstance(value, (list, tuple, set, frozenset)):
        return ""
    return next(filter(None, map(_store_object_in, value)), "")
