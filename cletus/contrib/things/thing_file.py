"""Things from a file that people edit: TOML, or YAML where PyYAML is installed.

    [lamp]
    name = "brass lamp"
    home = "room:inn"
    weight = 2

The file is read when its module is imported, so an error in it refuses the reload.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from twisted.logger import Logger

from cletus import events
from cletus.contrib.rooms.room_file import APPLIED_AT, check_values, read_file
from cletus.errors import InvalidKey, RoomFileError, StorageError
from cletus.storage import Field
from cletus.storage.keys import normalise

#: Of the module, not of a class: an event keeps its source, and so would keep old code alive.
_log = Logger()

#: What happens in the game, and is not for a file to say.
_OF_THE_GAME: Final = frozenset({"place", "room", "since", "worn", "written"})


class FromFileMixin:
    """What an object that a file describes keeps of the file.

    Attributes:
        source: the file; empty for an object that is only in its store.
        written: the values that the file has given to its fields.
    """

    source: Field[str] = Field("", session=True)
    written: Field[dict[str, Any]] = Field(dict)


class ThingFile:
    """The things of one file. Make it after the stores of things and of rooms.

    At the start and after each reload, the things are updated from the file. A thing that does not exist
    is made, at its ``home``. A thing that exists stays where it is, and of its fields those are set whose
    value in the file has changed, so that what happens in the game lasts. A thing that is removed from
    the file is deleted by the reload.

    Args:
        thing_cls: the store class of the things, derived from ``BaseThing``.
        path: a ``.toml``, ``.yaml`` or ``.yml`` file.

    Attributes:
        path: as given.
        things: key to the fields of each thing, in the order of the file.

    Raises:
        RoomFileError: the file cannot be read, or does not describe things.
    """

    def __init__(self, thing_cls: type[Any], path: Path) -> None:
        self.path = path
        self._thing_cls = thing_cls
        self.things: dict[str, dict[str, Any]] = {}
        self._file = read_file(path)
        for name, values in self._file.tables:
            key, checked = self._checked(name, values)
            if key in self.things:
                raise self._error(f"the thing {key!r} is described twice", name)
            self.things[key] = checked
        for event in APPLIED_AT:
            thing_cls.service.listen(event)(self.apply)

    def apply(self, _: events.Event | None = None) -> None:
        """Update the things from the file."""
        manager = self._thing_cls.manager
        for key, values in self.things.items():
            try:
                thing = manager.get(key)
                if thing is None:
                    thing = self._thing_cls(key)
                    self._update(thing, values)
                    thing.go_home()
                else:
                    self._update(thing, values)
            except StorageError as error:
                _log.error("{path}, thing {key}: {error}", path=self.path, key=key, error=error)
                continue
            thing.source = str(self.path)
        for thing in manager.active().values():
            if thing.source == str(self.path) and thing.key not in self.things:
                thing.delete()

    def _update(self, thing: Any, values: dict[str, Any]) -> None:
        """Set the fields for which the file says something else than before."""
        before = thing.written
        thing.from_dict(
            {name: value for name, value in values.items() if before.get(name) != value}
        )
        thing.written = values

    def _error(self, reason: str, *keys: object) -> RoomFileError:
        """An error about the value of a key in the file, with its position."""
        return RoomFileError(self.path, f"{self._file.at(*keys)}{reason}")

    def _checked(self, name: object, values: object) -> tuple[str, dict[str, Any]]:
        where = f"thing {name!r}"
        if not isinstance(name, str) or not isinstance(values, dict):
            raise self._error(f"{where} is not a table of fields", name)
        fields = [
            field
            for field in self._thing_cls.fields
            if not self._thing_cls.fields[field].session and field not in _OF_THE_GAME
        ]
        for field in values:
            if field not in fields:
                reason = (
                    f"{where} has an unknown field {field!r}; the fields are {', '.join(fields)}"
                )
                raise self._error(reason, name, field)
        home = values.get("home", ":")
        if not isinstance(home, str) or ":" not in home:
            raise self._error(f"{where}: home must be as in 'room:inn'", name, "home")
        try:
            key = normalise(name)
            values = check_values(self._thing_cls, key, values)
        except (InvalidKey, StorageError) as error:
            raise self._error(f"{where}: {error}", name, getattr(error, "field", "")) from None
        return key, values
