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

import tomllib
from pathlib import Path
from typing import Any

from twisted.logger import Logger

from cletus import events
from cletus.contrib.rooms.room import BaseRoom
from cletus.errors import InvalidKey, RoomFileError, StorageError
from cletus.storage.keys import normalise

#: A logger of the module, not of a class: a log event refers to the object that its logger belongs to,
#: and would keep old code alive.
_log = Logger()


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
        for name, room in read_tables(path):
            key = self._key(name)
            if key in self.rooms:
                raise RoomFileError(path, f"the room {key!r} is described twice")
            self.rooms[key] = self._checked(key, room)
        service = room_cls.service
        service.listen(events.PreStart)(self.apply)
        service.listen(events.PostReload)(self.apply)

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

    def _key(self, key: object) -> str:
        if not isinstance(key, str):
            raise RoomFileError(self.path, f"{key!r} is not a text; put it in quotation marks")
        try:
            return normalise(key)
        except InvalidKey as error:
            raise RoomFileError(self.path, str(error)) from None

    def _checked(self, key: object, room: object) -> dict[str, Any]:
        where = f"room {key!r}"
        if not isinstance(room, dict):
            raise RoomFileError(self.path, f"{where} is not a table of fields")
        fields = [
            name
            for name, field in self._room_cls.fields.items()
            if not field.session and name != "written"
        ]
        for name in room:
            if name not in fields:
                reason = (
                    f"{where} has an unknown field {name!r}; the fields are {', '.join(fields)}"
                )
                raise RoomFileError(self.path, reason)
        for name in ("name", "description"):
            if not isinstance(room.get(name, ""), str):
                raise RoomFileError(self.path, f"{where}: {name} must be a text")
        values = {**room, "exits": self._exits(where, room.get("exits", {}))}
        # The store itself checks the values, on an object that is not active, as it does when it loads.
        trial = self._room_cls.schema.detached(str(key))
        try:
            trial.from_dict({**trial.to_dict(), **values})
            trial.to_json()
        except StorageError as error:
            raise RoomFileError(self.path, f"{where}: {error}") from None
        return values

    def _exits(self, where: str, exits: object) -> dict[str, str]:
        if not isinstance(exits, dict):
            raise RoomFileError(self.path, f"{where}: exits must be pairs of direction and room")
        checked: dict[str, str] = {}
        for name, key in exits.items():
            direction = self._direction(where, name).lower()
            if direction in checked:
                raise RoomFileError(self.path, f"{where}: there are two exits {direction!r}")
            checked[direction] = self._key(key)
        return checked

    def _direction(self, where: str, name: object) -> str:
        if not isinstance(name, str):
            reason = f"{where}: the exit {name!r} is not a text; put it in quotation marks"
            raise RoomFileError(self.path, reason)
        return name

    def _report_dead_exits(self) -> None:
        for key, values in self.rooms.items():
            for direction, destination in values["exits"].items():
                if destination not in self.rooms and not self._is_room(destination):
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
                user.write("This room no longer exists.")
                user.enter_room(first)
            manager.remove_active(room)


def read_tables(path: Path) -> list[tuple[object, object]]:
    """The tables of a file in TOML or YAML, by key, in the order of the file.

    Raises:
        RoomFileError: the file cannot be read, or is not a mapping.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")  # some editors write a byte order mark
        data = tomllib.loads(text) if path.suffix == ".toml" else _from_yaml(path, text)
    except (OSError, ValueError) as error:  # tomllib's and the decoder's errors are ValueErrors
        raise RoomFileError(path, str(error)) from None
    if not isinstance(data, dict):
        raise RoomFileError(path, "the file must map keys to their fields")
    return list(data.items())


def _from_yaml(path: Path, text: str) -> Any:
    try:
        import yaml  # noqa: PLC0415 - an extra, which only rooms in YAML need
    except ImportError:
        raise RoomFileError(path, "YAML needs PyYAML: pip install 'cletus-live[yaml]'") from None

    class Loader(yaml.SafeLoader):
        """Refuses a key that a mapping has twice, of which PyYAML would keep the last."""

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            keys = [self.construct_object(key, deep=True) for key, _ in node.value]
            for number, key in enumerate(keys):
                if key in keys[:number]:
                    mark = node.value[number][0].start_mark
                    raise yaml.YAMLError(f"{key!r} is there twice, line {mark.line + 1}")
            return super().construct_mapping(node, deep)

    try:
        return yaml.load(text, Loader)  # noqa: S506 - it is a safe loader
    except yaml.YAMLError as error:
        raise RoomFileError(path, " ".join(str(error).split())) from None
