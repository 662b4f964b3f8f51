"""The shapes of the messages: what Mudlet's and our own page's scripts read (IRE's names)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any
from zlib import crc32

from cletus.contrib.rooms.directions import SHORT

_SHORT_OF = {long: short for short, long in SHORT.items()}


def number(key: str) -> int:
    """A number for what has a key, always the same: mappers of clients want one for each room."""
    return crc32(key.encode()) & 0x7FFFFFFF


def room_info(room: Any, command: str) -> dict[str, Any]:
    """``Room.Info`` for a room.

    Args:
        room: of a store derived from ``BaseRoom``.
        command: how an exit is taken: ``".go {exit}"``.
    """
    exits = {_SHORT_OF.get(name, name): (name, key) for name, key in room.exits.items()}
    return {
        "num": number(room.key),
        "id": room.key,
        "name": str(room),
        "area": getattr(room, "area", "") or "",
        "environment": getattr(room, "environment", "") or "",
        "desc": " ".join(room.description.split()),
        "exits": {short: number(key) for short, (_, key) in exits.items()},
        "idexits": {short: key for short, (_, key) in exits.items()},
        "commands": {short: command.format(exit=name) for short, (name, _) in exits.items()},
    }


def person(user: Any) -> dict[str, str]:
    """An entry of ``Room.Players``, and ``Char.Name``."""
    title = getattr(user, "title", "") or ""
    return {"name": str(user), "fullname": f"{user} {title}".rstrip()}


def players(users: Iterable[Any]) -> list[dict[str, str]]:
    """``Room.Players``."""
    return [person(user) for user in users]


def channel_list(channels: Iterable[Any], command: str) -> list[dict[str, str]]:
    """``Comm.Channel.List`` for somebody.

    Args:
        channels: those that they are on.
        command: how something is said on one: ``".on {channel}"``.
    """
    return [
        {
            "name": channel.key,
            "caption": str(channel),
            "command": command.format(channel=channel.key),
            "topic": channel.topic,
        }
        for channel in channels
    ]


def channel_players(users: Iterable[Any], channels: Iterable[Any]) -> list[dict[str, Any]]:
    """``Comm.Channel.Players``: everybody who is here, and which of these channels they are on."""
    channels = list(channels)
    return [
        {
            "name": str(user),
            "channels": [channel.key for channel in channels if channel.has(user)],
            "away": getattr(user, "away", None) or "",
            "status": getattr(user, "title", "") or "",
        }
        for user in users
    ]


def reload_report(report: Any) -> Mapping[str, Any]:
    """``Cletus.Reload``: one reload, for who may reload.

    Of a refused reload, ``title`` is the error and ``frames`` are the lines of code that it names.
    """
    title, *details = str(report).splitlines()
    frames = [] if report.ok else [_frame(match) for match in _FRAME.finditer(report.error)]
    if frames:
        error = _ERROR.search(_FRAME.sub("", report.error)) or _ERROR.search(report.error)
        title, details = error[1] if error else title, []
    return {
        "ok": report.ok,
        "generation": report.generation,
        "pause": round(report.pause * 1000, 1),
        "title": title,
        "details": [line.strip() for line in details if line.strip()][:40],
        "frames": frames[:20],
        "phase": report.phase,
    }


# As ``reload/error_text.py`` writes them: ``file:line in name`` or ``file:line: SyntaxError: ...``, and
# the line of code below.
_FRAME = re.compile(
    r"^(?:.*: )?(?P<file>[^\n:]+\.py):(?P<line>\d+)(?: in (?P<name>[^\n]+)|: [^\n]*)?\n {4}(?P<code>[^\n]*)",
    re.MULTILINE,
)
_ERROR = re.compile(r"(?:^|: )([A-Z]\w*: .*)$", re.MULTILINE)


def _frame(match: re.Match[str]) -> dict[str, Any]:
    return {
        "file": "/".join(PurePath(match["file"]).parts[-2:]),
        "line": int(match["line"]),
        "name": match["name"] or "",
        "code": match["code"].strip(),
    }
