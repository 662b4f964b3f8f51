"""Directions, their abbreviations and their opposites. An exit can also be any other word."""

from __future__ import annotations

from cletus.text import gettext as _

#: Each direction and its opposite.
OPPOSITES: dict[str, str] = {
    "north": "south",
    "northeast": "southwest",
    "east": "west",
    "southeast": "northwest",
    "south": "north",
    "southwest": "northeast",
    "west": "east",
    "northwest": "southeast",
    "up": "down",
    "down": "up",
    "in": "out",
    "out": "in",
}

#: Abbreviations of directions.
SHORT: dict[str, str] = {
    **{name[0]: name for name in ("north", "east", "south", "west", "up", "down")},
    "ne": "northeast",
    "se": "southeast",
    "sw": "southwest",
    "nw": "northwest",
}


def spelled_out(word: str) -> str:
    """The direction in full: ``north`` for ``n``. Other words are returned in lower case."""
    word = word.lower()
    return SHORT.get(word, word)


def arrival(direction: str) -> str:
    """Where a user who went this way arrives from: ``from the south``, ``from above``."""
    origin = OPPOSITES.get(direction, "")
    if origin in ("up", "down"):
        return _("from above") if origin == "up" else _("from below")
    if origin in ("in", "out"):
        return _("from inside") if origin == "in" else _("from outside")
    return _("from the {direction}", direction=origin) if origin else ""
