"""The rooms of an area in a file that an author edits while builders build in the game."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from twisted.logger import Logger

from cletus import events
from cletus.contrib.building.area import BaseArea
from cletus.contrib.building.merge import merged
from cletus.contrib.rooms import RoomFile
from cletus.errors import RoomFileError, StorageError
from cletus.storage import save_all
from cletus.text import gettext as _
from cletus.text import gettext_noop as N_  # noqa: N812 - as gettext's manual calls it

#: Of the module, not of a class: an event keeps its source, and so would keep old code alive.
_log = Logger()

#: Conflicts of a room as a whole; they are translated where people read them.
DESTROYED: Final = N_("destroyed in the game, changed in the file")
REMOVED: Final = N_("removed from the file, changed in the game")
#: Fields of a room that are not in the file.
_NOT_WRITTEN: Final = frozenset({"written", "area"})


class AreaFile(RoomFile):
    """The rooms of one area: a ``RoomFile`` whose edits are merged with what was built in the game.

    At the start and after each reload, the file, the rooms, and what the file said before are merged. What
    only one side has changed is as that side has it. What both have changed stays as it is in the
    game, and is a conflict, which the log names.

    Args:
        room_cls: the store class of the rooms, with ``AreaRoomMixin``.
        area_cls: the store class of areas. The key of the area is the file's name without its suffix.
        path: a ``.toml``, ``.yaml`` or ``.yml`` file.

    Raises:
        RoomFileError: as ``RoomFile``.
    """

    def __init__(self, room_cls: type[Any], area_cls: type[BaseArea], path: Path) -> None:
        self.room_cls = room_cls
        self.area_cls = area_cls
        super().__init__(room_cls, path)

    def apply(self, _: events.Event | None = None) -> None:
        """Merge the file with the rooms of the area."""
        try:
            self._merge()
        except StorageError as error:
            _log.error("{path}: {error}", path=self.path, error=str(error))

    def _merge(self) -> None:
        key = self.path.stem
        area: Any = self.area_cls.manager.get(key)
        area = self.area_cls(key) if area is None else area
        area.path = str(self.path)
        written = json.loads(json.dumps(self.rooms, default=str))  # as the store will have it
        rooms = {each: self.room_cls.manager.get(each) for each in (*written, *area.written)}
        if written == area.written:
            return  # by far most reloads: nothing is written, and the conflicts are still there
        conflicts: list[str] = []
        changed: list[Any] = []
        for room_key, room in rooms.items():
            base, values = area.written.get(room_key), written.get(room_key)
            if values is None:
                self._remove(room, base or {}, conflicts)
            elif room is None and base is not None:
                if values != base:
                    conflicts.append(f"{room_key}: {DESTROYED}")
            else:
                changed.append(self._update(room, room_key, base or {}, values, conflicts))
        # The rooms first: a room that the area knows and that does not exist counts as destroyed.
        for unsaved in save_all(changed):
            raise unsaved.error  # all is merged again after the next reload
        before = area.written, area.conflicts
        area.written, area.conflicts = written, conflicts
        try:
            area.save()
        except StorageError:
            area.written, area.conflicts = before
            raise
        for conflict in conflicts:
            _log.warn("{path}: conflict, {conflict}", path=self.path, conflict=conflict)

    def _update(
        self, room: Any, key: str, base: Any, values: dict[str, Any], conflicts: list[str]
    ) -> Any:
        """Make or change a room; returns it."""
        if room is None:
            room, result = self.room_cls(key), values
        else:
            result, names = merged(base, room_values(room), values)
            conflicts += [f"{key}: {name}" for name in names]
        room.from_dict(result)
        if not base:  # else builders may have put it into another area
            room.area = self.path.stem
        return room

    def _remove(self, room: Any, base: dict[str, Any], conflicts: list[str]) -> None:
        """Delete a room that no file has any more, unless builders have changed it."""
        if room is None or room.key in self.room_cls.described:
            return
        live = room_values(room)
        # A field that the file does not mention is one with its default.
        if any((live.get(name) or None) != (base.get(name) or None) for name in {*live, *base}):
            conflicts.append(f"{room.key}: {REMOVED}")
            return
        keys = (*self.rooms, *self.room_cls.manager.all())
        others = (self.room_cls.manager.get(key) for key in keys if key != room.key)
        leave_to(room, next((other for other in others if other is not None), None))
        room.delete()


def room_values(room: Any) -> dict[str, Any]:
    """The fields of a room as a file has them: those that are not their defaults, and its exits."""
    values = json.loads(room.to_json())
    defaults = json.loads(type(room).schema.detached(room.key).to_json())
    return {
        name: value
        for name, value in values.items()
        if name in type(room).fields
        and name not in _NOT_WRITTEN
        and (name == "exits" or value != defaults[name])
    }


def leave_to(room: Any, destination: Any) -> None:
    """Let the people of a room go to another, and its characters go home."""
    for occupant in list(room.occupants):
        go_home = getattr(occupant, "go_home", None)
        if go_home is not None:
            go_home()
        if occupant in room.occupants and destination is not None:
            occupant.write(_("This room no longer exists."))
            occupant.enter_room(destination)


def as_text(path: Path, rooms: dict[str, dict[str, Any]]) -> str:
    """The text of a file with these rooms, in the format of its suffix.

    Raises:
        RoomFileError: it is YAML, and PyYAML is not installed.
    """
    if path.suffix == ".toml":
        return "\n".join(_toml_table(key, values) for key, values in rooms.items())
    try:
        import yaml  # noqa: PLC0415 - an extra, which only files in YAML need
    except ImportError:
        raise RoomFileError(
            path, N_("YAML needs PyYAML: pip install 'cletus-live[yaml]'")
        ) from None
    return str(yaml.safe_dump(rooms, sort_keys=False, allow_unicode=True))


def _toml_table(key: str, values: dict[str, Any]) -> str:
    lines = [f"[{_toml_key(key)}]"]
    lines += [
        f"{_toml_key(name)} = {_toml(value)}" for name, value in values.items() if value is not None
    ]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    """A value in TOML (https://toml.io/en/v1.0.0)."""
    if isinstance(value, dict):
        pairs = (f"{_toml_key(name)} = {_toml(part)}" for name, part in value.items())
        return f"{{ {', '.join(pairs)} }}" if value else "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, str) and "\n" in value:
        lines = "\n".join(_toml(line)[1:-1] for line in value.split("\n"))
        return f'"""\n{lines}"""'
    # A string of JSON is one of TOML; surrogate pairs are not, so letters are written as they are.
    return _quoted(value)


def _toml_key(key: str) -> str:
    is_bare = key.isascii() and key.replace("-", "").replace("_", "").isalnum()
    return key if is_bare else _quoted(key)


def _quoted(value: Any) -> str:
    """As JSON, which TOML reads but for the control character 127."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
