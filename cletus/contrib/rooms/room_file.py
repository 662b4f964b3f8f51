"""Rooms from a file that people edit: TOML, or YAML where PyYAML is installed.

    [hall]
    name = "The hall"
    description = "A large hall."
    exits = {north = "garden"}

The file is read when its module is imported, so that a mistake in it refuses the reload; what it
says comes into force at the start and with the commit of a reload. Name it in the setting
``reload_patterns`` and editing it is enough.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from twisted.logger import Logger

from cletus import events
from cletus.contrib.rooms.room import BaseRoom
from cletus.errors import InvalidKey, RoomFileError, StorageError
from cletus.storage.keys import normalise

#: Of the module, not of a class: an event keeps its source, and so would keep old code alive.
_log = Logger()


class RoomFile:
    """The rooms of one file.

    Args:
        room_cls: the store that they are of.
        path: a ``.toml``, ``.yaml`` or ``.yml`` file.

    Attributes:
        path: as given.
        rooms: key to the fields that the file has for it, in the order of the file.

    Raises:
        RoomFileError: it cannot be read, or does not describe rooms.
    """

    def __init__(self, room_cls: type[BaseRoom], path: Path) -> None:
        self.path = path
        self._room_cls = room_cls
        self.rooms = {self._key(key): self._checked(key, room) for key, room in _read(path)}
        service = room_cls.service
        service.listen(events.PreStart)(self.apply)
        service.listen(events.PostReload)(self.apply)

    def apply(self, _: events.Event | None = None) -> None:
        """Make the rooms what the file says. Rooms that it no longer has are closed.

        Exits that were made in the house stay; where the file has one that way, its own holds.
        """
        for key, values in self.rooms.items():
            try:
                found = self._room_cls.manager.get(key)
                room = self._room_cls(key) if found is None else found
            except StorageError as error:
                _log.error("{path}, room {key}: {error}", path=self.path, key=key, error=error)
                continue
            built = {way: there for way, there in room.exits.items() if way not in room.written}
            for name, value in values.items():
                setattr(room, name, value)
            room.written, room.source = list(room.exits), str(self.path)
            room.exits = {
                **room.exits,
                **{way: built[way] for way in built if way not in room.exits},
            }
        self._report_dead_exits()
        self._close_removed()

    # -- inside -----------------------------------------------------------------------------

    def _key(self, key: object) -> str:
        if not isinstance(key, str):
            raise RoomFileError(self.path, f"{key!r} is no text; put it in quotation marks")
        try:
            return normalise(key)
        except InvalidKey as error:
            raise RoomFileError(self.path, str(error)) from None

    def _checked(self, key: object, room: object) -> dict[str, Any]:
        place = f"room {key!r}"
        if not isinstance(room, dict):
            raise RoomFileError(self.path, f"{place} is no table of fields")
        known = self._room_cls.fields.items()
        fields = [name for name, one in known if not one.session and name != "written"]
        for name in room:
            if name not in fields:
                reason = f"{place} has {name!r}; rooms have {', '.join(fields)}"
                raise RoomFileError(self.path, reason)
        for name in ("name", "description"):
            if not isinstance(room.get(name, ""), str):
                raise RoomFileError(self.path, f"{place}: its {name} must be a text")
        return {**room, "exits": self._exits(place, room.get("exits", {}))}

    def _exits(self, place: str, exits: object) -> dict[str, str]:
        if not isinstance(exits, dict):
            raise RoomFileError(self.path, f"{place}: exits are pairs of direction and room")
        return {self._text(place, name).lower(): self._key(key) for name, key in exits.items()}

    def _text(self, place: str, name: object) -> str:
        if not isinstance(name, str):
            reason = f"{place}: the exit {name!r} is no text; put it in quotation marks"
            raise RoomFileError(self.path, reason)
        return name

    def _report_dead_exits(self) -> None:
        for key, values in self.rooms.items():
            for direction, there in values["exits"].items():
                if there not in self.rooms and not self._is_room(there):
                    _log.warn(
                        "{path}: {key} leads {direction} to {there}, which is no room",
                        path=self.path,
                        key=key,
                        direction=direction,
                        there=there,
                    )

    def _is_room(self, key: str) -> bool:
        try:
            return self._room_cls.manager.get(key) is not None
        except StorageError:
            return True  # there is one, though nobody can enter it until its document is mended

    def _close_removed(self) -> None:
        """Rooms that the file had once: who is there goes to its first room."""
        manager = self._room_cls.manager
        for room in manager.active().values():
            if room.source != str(self.path) or room.key in self.rooms:
                continue
            first = next((manager.get(key) for key in self.rooms), None)
            for one in list(room.occupants) if first is not None else ():
                one.write("This place is no more.")
                one.enter_room(first)
            manager.remove_active(room)


def _read(path: Path) -> list[tuple[object, object]]:
    try:
        text = path.read_text(encoding="utf-8")
        data = tomllib.loads(text) if path.suffix == ".toml" else _from_yaml(path, text)
    except (OSError, ValueError) as error:  # tomllib's and the decoder's errors are ValueErrors
        raise RoomFileError(path, str(error)) from None
    if not isinstance(data, dict):
        raise RoomFileError(path, "it must map keys of rooms to their fields")
    return list(data.items())


def _from_yaml(path: Path, text: str) -> Any:
    try:
        import yaml  # noqa: PLC0415 - an extra, which only those need who write rooms in YAML
    except ImportError:
        raise RoomFileError(path, "YAML needs PyYAML: pip install 'cletus-live[yaml]'") from None
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RoomFileError(path, " ".join(str(error).split())) from None
