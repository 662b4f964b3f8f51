"""Directions: their short forms and their opposites. Any other word can be an exit, too."""

from __future__ import annotations

#: Each direction and where one comes from who has gone that way.
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

#: What people type for them.
SHORT: dict[str, str] = {
    **{name[0]: name for name in ("north", "east", "south", "west", "up", "down")},
    "ne": "northeast",
    "se": "southeast",
    "sw": "southwest",
    "nw": "northwest",
}


def spelled_out(word: str) -> str:
    """The direction that a word stands for: ``n`` is ``north``; other words stay as they are."""
    word = word.lower()
    return SHORT.get(word, word)


def arrival(direction: str) -> str:
    """Where somebody seems to come from who went this way: ``from the south``, ``from above``."""
    origin = OPPOSITES.get(direction, "")
    if origin in ("up", "down"):
        return "from above" if origin == "up" else "from below"
    if origin in ("in", "out"):
        return "from inside" if origin == "in" else "from outside"
    return f"from the {origin}" if origin else ""
