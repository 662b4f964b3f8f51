"""Merge what an author wrote in a file with what builders did in the game: a three-way merge of values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

#: Stands for a value that there is not.
_ABSENT: Final = object()


def merged(
    base: Mapping[str, Any], live: Mapping[str, Any], file: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Merge the fields of one room.

    Args:
        base: what the file said when it was merged last.
        live: the values in the game.
        file: what the file says now. Of a field that it does not mention, the value in the game stays.

    Returns:
        The new values, and the names of the fields that both have changed in different ways. Those keep
        the value in the game. A dict, such as ``exits``, is merged key by key.
    """
    result, conflicts = dict(live), []
    for name, value in file.items():
        before, present = base.get(name, _ABSENT), live.get(name, _ABSENT)
        if isinstance(value, dict) and isinstance(present, dict):
            before = before if isinstance(before, dict) else {}
            result[name], ways = _merged_entries(before, present, value)
            conflicts += [f"{name} {way}" for way in ways]
        elif value in (before, present):
            continue
        elif present == before or (before is _ABSENT and not present):
            result[name] = value
        else:
            conflicts.append(name)
    return result, conflicts


def _merged_entries(
    base: Mapping[str, Any], live: Mapping[str, Any], file: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """As ``merged``, of a dict whose entries the file may also remove."""
    result: dict[str, Any] = {}
    conflicts = []
    for key in dict.fromkeys((*file, *live)):
        before = base.get(key, _ABSENT)
        present, written = live.get(key, _ABSENT), file.get(key, _ABSENT)
        value = written if present == before else present
        if present != before and written not in (before, present):
            conflicts.append(key)
        if value is not _ABSENT:
            result[key] = value
    return result, conflicts
