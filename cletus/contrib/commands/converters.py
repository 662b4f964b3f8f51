"""From a word to a value: one converter for each type that a command's parameter may state.

A converter is called with the word, the type and the event, and raises ``Refused`` with a sentence
for the person if the word does not fit.
"""

from __future__ import annotations

import difflib
import enum
from collections.abc import Callable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any, TypeAlias

from cletus.contrib.language import listed, parse_duration
from cletus.errors import Refused, StorageError
from cletus.events import ClientEvent
from cletus.storage import Store

#: Makes a value of a word: called with the word, the parameter's type, and the event.
Converter: TypeAlias = Callable[[str, Any, ClientEvent], Any]

#: Methods by which a store's manager may be asked for an object, the first that it has.
LOOKUPS = ("peek", "get_by_username", "get_by_name", "get")

_YES = frozenset({"y", "yes", "on", "true", "1"})
_NO = frozenset({"n", "no", "off", "false", "0"})
_DIGITS_MAX = 18  # what fits 64 bits; int() of a line of digits would take its time


def text(word: str, _kind: Any, _event: ClientEvent) -> str:
    """The word itself."""
    return word


def integer(word: str, _kind: Any, _event: ClientEvent) -> int:
    """A whole number."""
    digits = word.removeprefix("-").removeprefix("+")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _DIGITS_MAX):
        raise Refused(f"{word!r} is no whole number.")
    return int(word)


def number(word: str, _kind: Any, _event: ClientEvent) -> float:
    """A number, with a fraction or without."""
    try:
        value = float(word)
    except ValueError:
        value = float("nan")
    if not abs(value) < 10**_DIGITS_MAX:  # neither nan nor infinite
        raise Refused(f"{word!r} is no number.")
    return value


def switch(word: str, _kind: Any, _event: ClientEvent) -> bool:
    """Yes or no, on or off."""
    if word.lower() not in _YES | _NO:
        raise Refused(f"{word!r} is neither yes nor no.")
    return word.lower() in _YES


def duration(word: str, _kind: Any, _event: ClientEvent) -> timedelta:
    """A duration: ``5m``, ``1h30m``."""
    return parse_duration(word)


#: Words that people put before a value of a type, and that mean nothing more: ``shutdown in 5m``.
BEFORE: Mapping[type, frozenset[str]] = MappingProxyType({timedelta: frozenset({"in", "for"})})


def member(word: str, kind: Any, _event: ClientEvent) -> enum.Enum:
    """A member of an Enum, by its name in any case."""
    found: enum.Enum = choose(word, {one.name.lower(): one for one in kind})
    return found


def stored(word: str, kind: Any, event: ClientEvent) -> Any:
    """An object of a store: somebody by name, a room, a channel.

    Somebody who is here is found by the beginning of their name, too, if it is nobody else's.
    """
    try:
        return online(word, kind, event)
    except Refused as refused:
        try:
            found = _look_up(kind.manager, word)
        except StorageError:
            found = None  # such a document cannot be read; that is logged by who saved it
        if found is None:
            raise refused from None
        return found


def online(word: str, kind: Any, event: ClientEvent) -> Any:
    """An active object of a store; of a store of users, one that is online."""
    word = word.lower()
    if word in ("me", "myself") and isinstance(event.user, kind):
        return event.user
    present = _present(kind.manager)
    found = next((one for one in present if one.key == word), None)
    if found is not None:
        return found
    names = {_name(one).lower(): one for one in present}
    return choose(word, names, nobody=f"There is no {kind.__name__.lower()} called {word!r}.")


def choose(word: str, choices: Mapping[str, Any], *, nobody: str = "") -> Any:
    """The choice of this name, or whose name begins so if it is the only one.

    Args:
        word: what was typed.
        choices: values by name, in lower case.
        nobody: what is said if there is none; by default the choices.

    Raises:
        Refused: no choice fits, or several do.
    """
    word = word.lower()
    if word in choices:
        return choices[word]
    fitting = [name for name in choices if name.startswith(word)]
    if len(fitting) == 1:
        return choices[fitting[0]]
    if fitting:
        raise Refused(f"{word!r} could be {listed(sorted(fitting)[:5], word='or')}.")
    near = difflib.get_close_matches(word, choices, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise Refused((nobody or f"{word!r} is not {listed(sorted(choices)[:10], word='or')}.") + hint)


def _look_up(manager: Any, word: str) -> Any:
    look_up = next(getattr(manager, name) for name in LOOKUPS if hasattr(manager, name))
    return look_up(word)


def _present(manager: Any) -> list[Any]:
    """Whom ``online`` may mean: a manager of users tells; of all others, every active object."""
    if hasattr(manager, "online"):
        return list(manager.online())
    return list(manager.active().values())


def _name(obj: Any) -> str:
    return str(getattr(obj, "name", None) or obj.key)


#: What a registry begins with; classes are looked up with their bases.
BUILT_IN: Mapping[type, Converter] = MappingProxyType(
    {
        str: text,
        int: integer,
        float: number,
        bool: switch,
        timedelta: duration,
        enum.Enum: member,
        Store: stored,
    }
)
