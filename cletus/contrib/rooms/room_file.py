"""Rooms from a file that people edit: TOML, or YAML where PyYAML is installed.

    [hall]
    name = "The hall"
    description = "A large hall."
    exits = {north = "garden"}

The file is read when its module is imported, so an error in it refuses the reload. Its rooms are
updated at the start and after each reload. Add it to the setting ``reload_patterns``, and editing it is
enough.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from twisted.logger import Logger

from cletus import events
from cletus.contrib.data_file import DataFile
from cletus.contrib.rooms.room import BaseRoom
from cletus.errors import InvalidKey, RoomFileError, StorageError
from cletus.storage import Store
from cletus.storage.keys import normalise
from cletus.text import gettext as _

#: A logger of the module, not of a class: a log event refers to the object that its logger belongs to,
#: and would keep old code alive.
_log = Logger()


#: When a file is applied. After a restart, the objects are those of the old process: the file may be newer.
APPLIED_AT: Final = (
    events.PreStart,
    events.PostReload,
    events.PostRestart,
    events.TakenOver,
)


class RoomFile:
    """The rooms of one file.

    Args:
        room_cls: the store class of the rooms.
        path: a ``.toml``, ``.yaml`` or ``.yml`` file.

    Attributes:
        path: as given.
        rooms: key to the fields of each room, in the order of the file.

    Raises:
        RoomFileError: the file cannot be read, or does not describe rooms.
    """

    def __init__(self, room_cls: type[BaseRoom], path: Path) -> None:
        self.path = path
        self._room_cls = room_cls
        self.rooms: dict[str, dict[str, Any]] = {}
        self._file = read_file(path)
        for name, room in self._file.tables:
            key = self._key(name, name)
            if key in self.rooms:
                raise self._error(f"the room {key!r} is described twice", name)
            self.rooms[key] = self._checked(name, room)
        room_cls.described = room_cls.described.union(self.rooms)
        for event in APPLIED_AT:
            room_cls.service.listen(event)(self.apply)

    def apply(self, _: events.Event | None = None) -> None:
        """Update the rooms from the file. Rooms that it no longer has are closed.

        Exits that were made in the game stay, unless the file has an exit in that direction.
        """
        for key, values in self.rooms.items():
            try:
                room = self._room_cls.manager.get(key)
                room = self._room_cls(key) if room is None else room
            except StorageError as error:
                _log.error("{path}, room {key}: {error}", path=self.path, key=key, error=error)
                continue
            built = {way: key for way, key in room.exits.items() if way not in room.written}
            for name, value in values.items():
                setattr(room, name, value)
            room.written, room.source = list(room.exits), str(self.path)
            room.exits = {**room.exits, **built, **room.exits}  # the order of the file comes first
        self._report_dead_exits()
        self._close_removed()

    # -- inside -----------------------------------------------------------------------------

    def _error(self, reason: str, *keys: object) -> RoomFileError:
        """An error about the value of a key in the file, with its position."""
        return RoomFileError(self.path, f"{self._file.at(*keys)}{reason}")

    def _key(self, key: object, *keys: object) -> str:
        if not isinstance(key, str):
            raise self._error(f"{key!r} is not a text; put it in quotation marks", *keys)
        try:
            return normalise(key)
        except InvalidKey as error:
            raise self._error(str(error), *keys) from None

    def _checked(self, name: object, room: object) -> dict[str, Any]:
        key = self._key(name, name)
        where = f"room {key!r}"
        if not isinstance(room, dict):
            raise self._error(f"{where} is not a table of fields", name)
        fields = [
            field
            for field, declared in self._room_cls.fields.items()
            if not declared.session and field != "written"
        ]
        for field in room:
            if field not in fields:
                reason = (
                    f"{where} has an unknown field {field!r}; the fields are {', '.join(fields)}"
                )
                raise self._error(reason, name, field)
        for field in ("name", "description"):
            if not isinstance(room.get(field, ""), str):
                raise self._error(f"{where}: {field} must be a text", name, field)
        values = {**room, "exits": self._exits(where, name, room.get("exits", {}))}
        try:
            check_values(self._room_cls, key, values)
        except StorageError as error:
            raise self._error(f"{where}: {error}", name, getattr(error, "field", "")) from None
        return values

    def _exits(self, where: str, name: object, exits: object) -> dict[str, str]:
        if not isinstance(exits, dict):
            raise self._error(f"{where}: exits must be pairs of direction and room", name, "exits")
        checked: dict[str, str] = {}
        for way, key in exits.items():
            if not isinstance(way, str):
                reason = f"{where}: the exit {way!r} is not a text; put it in quotation marks"
                raise self._error(reason, name, "exits", way)
            if way.lower() in checked:
                reason = f"{where}: there are two exits {way.lower()!r}"
                raise self._error(reason, name, "exits", way)
            checked[way.lower()] = self._key(key, name, "exits", way)
        return checked

    def _report_dead_exits(self) -> None:
        for key, values in self.rooms.items():
            for direction, destination in values["exits"].items():
                described = destination in self._room_cls.described
                if not described and not self._is_room(destination):
                    _log.warn(
                        "{path}: the exit {direction} of {key} leads to {destination}, which is not a room",
                        path=self.path,
                        key=key,
                        direction=direction,
                        destination=destination,
                    )

    def _is_room(self, key: str) -> bool:
        try:
            return self._room_cls.manager.get(key) is not None
        except StorageError:
            return True  # it exists, although nobody can enter it until its document is repaired

    def _close_removed(self) -> None:
        """Close rooms that the file no longer has, and move their occupants to its first room."""
        manager = self._room_cls.manager
        for room in manager.active().values():
            if room.source != str(self.path) or room.key in self.rooms:
                continue
            first = next((manager.get(key) for key in self.rooms), None)
            for user in list(room.occupants) if first is not None else ():
                user.write(_("This room no longer exists."))
                user.enter_room(first)
            manager.remove_active(room)


def read_file(path: Path) -> DataFile:
    """Read a file of rooms or things.

    Raises:
        RoomFileError: the file cannot be read, or is not a mapping.
    """
    try:
        return DataFile(path)
    except ValueError as error:
        raise RoomFileError(path, str(error)) from None


def check_values(store_cls: type[Store], key: str, values: dict[str, Any]) -> dict[str, Any]:
    """Check values as the store does when it loads, on an object that is not active.

    Returns:
        The values in the form that JSON has.

    Raises:
        StorageError: a value does not fit its field.
    """
    trial: Any = store_cls.schema.detached(key)
    trial.from_dict({**trial.to_dict(), **values})
    saved = json.loads(trial.to_json())
    return {name: saved[name] for name in values}
