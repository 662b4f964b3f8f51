"""Several things of one name in one phrase: two rats."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def grouped(objects: Iterable[Any]) -> list[str]:
    """The names of objects, those of one name together: ``["two rats", "an old lamp", "Ann"]``.

    Args:
        objects: those that have ``noun``, ``article`` and ``counted(number)``, as ``NounMixin`` of
            ``contrib.things`` gives them, are grouped; all others are listed by their ``str``.
    """
    groups: dict[Any, list[Any]] = {}
    for obj in objects:
        name = (obj.noun, obj.article) if hasattr(obj, "counted") else id(obj)
        groups.setdefault(name, []).append(obj)
    return [
        group[0].counted(len(group)) if hasattr(group[0], "counted") else str(group[0])
        for group in groups.values()
    ]
