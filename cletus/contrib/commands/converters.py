"""Convert a word to a value: one converter for each type that a command's parameter may have.

A converter is called with the word, the type and the event. It raises ``Refused``, with a sentence for
the person, if the word does not fit.
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
from cletus.text import gettext as _
from cletus.text import gettext_noop as N_  # noqa: N812 - as gettext's manual calls it

#: What there is none of: names of stores that applications usually have.
_STORES = (N_("board"), N_("channel"), N_("room"), N_("thing"), N_("user"))

#: Converts a word: called with the word, the parameter's type, and the event.
Converter: TypeAlias = Callable[[str, Any, ClientEvent], Any]

#: Methods of a store's manager that find an object by name; the first that exists is used.
LOOKUPS = ("peek", "get_by_username", "get_by_name", "get")

_YES = frozenset({"y", "yes", "on", "true", "1"})
_NO = frozenset({"n", "no", "off", "false", "0"})
_DIGITS_MAX = 18  # fits 64 bits; int() of a long line of digits would block the reactor


def text(word: str, _type: Any, _event: ClientEvent) -> str:
    """The word itself."""
    return word


def integer(word: str, _type: Any, _event: ClientEvent) -> int:
    """A whole number."""
    digits = word.removeprefix("-").removeprefix("+")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _DIGITS_MAX):
        raise Refused(_("{word!r} is not a whole number.", word=word))
    return int(word)


def number(word: str, _type: Any, _event: ClientEvent) -> float:
    """A number, with or without a fraction."""
    try:
        value = float(word)
    except ValueError:
        value = float("nan")
    if not abs(value) < 10**_DIGITS_MAX:  # also refuses nan
        raise Refused(_("{word!r} is not a number.", word=word))
    return value


def switch(word: str, _type: Any, _event: ClientEvent) -> bool:
    """Yes or no, on or off."""
    if word.lower() not in _YES | _NO:
        raise Refused(_("{word!r} is neither yes nor no.", word=word))
    return word.lower() in _YES


def duration(word: str, _type: Any, _event: ClientEvent) -> timedelta:
    """A duration: ``5m``, ``1h30m``. Without a unit it is refused: not everything can be undone."""
    if word.isdigit():
        raise Refused(
            _("{word} of what? Type {word}s, {word}m, {word}h or {word}d.", word=word[:9])
        )
    return parse_duration(word)


#: Words for the person who types them.
_SELF = ("me", "myself")

#: Words that may precede a value of a type and are skipped: ``shutdown in 5m``.
SKIPPED_BEFORE: Mapping[type, frozenset[str]] = MappingProxyType(
    {timedelta: frozenset({"in", "for"})}
)


def member(word: str, enum_cls: Any, _event: ClientEvent) -> enum.Enum:
    """A member of an Enum, by its name in any case."""
    chosen: enum.Enum = choose(word, {choice.name.lower(): choice for choice in enum_cls})
    return chosen


def stored(word: str, store_cls: Any, event: ClientEvent) -> Any:
    """An object of a store by name: a user, a room, a channel.

    An active object (of users: one that is online) is also found by the beginning of its name, if that
    is unambiguous. What has a method ``is_visible_to`` is found only by those for whom it is true.
    """
    try:
        return online(word, store_cls, event)
    except Refused as refused:
        try:
            obj = _look_up(store_cls.manager, word)
        except StorageError:
            obj = None  # the document cannot be read; the storage has logged that
        if obj is None or not _is_visible(obj, event):
            raise refused from None
        return obj


def online(word: str, store_cls: Any, event: ClientEvent) -> Any:
    """An active object of a store by name; of a store of users, one that is online.

    If several have the same name, ``2.rat`` is the second one.
    """
    exact = _exact(store_cls.manager, word.lower())
    if exact is not None and word.lower() not in _SELF and _is_visible(exact, event):
        return exact
    active = [obj for obj in _active(store_cls.manager) if _is_visible(obj, event)]
    return _find(word, active, store_cls, event)


def _exact(manager: Any, key: str) -> Any:
    """The active object of this key, without looking through all: thousands may be online."""
    if hasattr(manager, "get_active_by_name"):
        user = manager.get_active_by_name(key)
        return user if user is not None and user.key == key else None
    return manager.get_active(key)


def here(word: str, store_cls: Any, event: ClientEvent) -> Any:
    """A user or object in the user's room (see ``contrib.rooms``), by name, or ``2.rat`` for the second."""
    room = getattr(event.user, "room", None)
    present = [*getattr(room, "occupants", ()), *getattr(room, "contents", ())]
    return _find(word, [obj for obj in present if isinstance(obj, store_cls)], store_cls, event)


def _find(word: str, objects: list[Any], store_cls: Any, event: ClientEvent) -> Any:
    word = word.lower()
    if word in _SELF and isinstance(event.user, store_cls):
        return event.user
    for obj in objects:
        if obj.key == word:
            return obj
    number, name = _numbered(word)
    namesakes = [obj for obj in objects if _name(obj).lower() == name]
    if not namesakes:  # the beginning of a name, which may be that of several objects
        names = {_name(obj).lower(): _name(obj).lower() for obj in objects}
        none = _(
            "There is no {type} called {name!r}.", type=_(store_cls.__name__.lower()), name=name
        )
        full_name = choose(name, names, none=none)
        namesakes = [obj for obj in objects if _name(obj).lower() == full_name]
    if number > len(namesakes):
        raise Refused(_("There are only {count} called {name!r}.", count=len(namesakes), name=name))
    if not number and len(namesakes) > 1:
        raise Refused(
            _(
                "Which {name}? Type 1.{name} to {count}.{name}.",
                name=name,
                count=len(namesakes),
            )
        )
    return namesakes[max(number, 1) - 1]


def _numbered(word: str) -> tuple[int, str]:
    """``(2, "rat")`` of ``2.rat``; the number is 0 if there is none."""
    number, dot, name = word.partition(".")
    if dot and name and number.isascii() and number.isdigit() and len(number) < 4 and int(number):
        return int(number), name
    return 0, word


def choose(word: str, choices: Mapping[str, Any], *, none: str = "") -> Any:
    """The choice with this name, or the only one whose name begins with it.

    Args:
        word: as it was typed.
        choices: values by name, in lower case.
        none: the message if no choice fits; by default it lists the choices.

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
        raise Refused(
            _(
                "{word!r} could be {choices}.",
                word=word,
                choices=listed(sorted(fitting)[:5], word="or"),
            )
        )
    near = difflib.get_close_matches(word, choices, n=1)
    hint = _(" Did you mean {names}?", names=near[0]) if near else ""
    none = none or _(
        "{word!r} is not {choices}.", word=word, choices=listed(sorted(choices)[:10], word="or")
    )
    raise Refused(_("{refusal}{hint}", refusal=none, hint=hint))


def _look_up(manager: Any, word: str) -> Any:
    look_up = next(getattr(manager, name) for name in LOOKUPS if hasattr(manager, name))
    return look_up(word)


def _active(manager: Any) -> list[Any]:
    """The users who are online, if it is a manager of users; else all active objects."""
    if hasattr(manager, "online"):
        return list(manager.online())
    return list(manager.active().values())


def _is_visible(obj: Any, event: ClientEvent) -> bool:
    """Whether a person may know of it: a private channel is not found by those who are not on it."""
    check = getattr(obj, "is_visible_to", None)
    return check is None or event.user is None or bool(check(event.user))


def _name(obj: Any) -> str:
    return str(getattr(obj, "name", None) or obj.key)


#: The converters of a new registry. A class is looked up with its bases.
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
