"""Commands for builders. ``register_commands(commands.group("For builders"))`` registers them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from cletus.contrib.building.acts import Act, undo
from cletus.contrib.building.area import check_build, may_build_somewhere
from cletus.contrib.building.area_file import as_text, leave_to, room_values
from cletus.contrib.commands import CommandRegistry, Group, Rest
from cletus.contrib.editor import Editor
from cletus.contrib.menus import table
from cletus.contrib.menus.values import read_value, value_text
from cletus.contrib.permissions import has_permission
from cletus.contrib.rooms import spelled_out
from cletus.contrib.rooms.directions import OPPOSITES
from cletus.contrib.saving import save_for
from cletus.contrib.things import choose_object
from cletus.contrib.things.nouns import key_of
from cletus.errors import FieldValueError, InvalidKey, KeyInUse, Refused, RoomFileError
from cletus.events import ClientEvent
from cletus.logs.audit import audit
from cletus.text import gettext as _
from cletus.text import ngettext

#: The most rows that ``find`` shows.
_ROWS_MAX: Final = 100

#: Fields that other commands change, so that what belongs together stays so.
_NOT_SET: Final = frozenset({"exits", "home", "place", "room", "written"})


def dig(event: ClientEvent, direction: str, name: Rest) -> None:
    """Build a room behind a new exit, and the way back: dig north The attic."""
    user, here = event.user, _here(event)
    direction = spelled_out(direction)
    if direction in here.exits:
        raise Refused(_("There already is an exit {direction}.", direction=direction))
    try:
        room = type(here).manager.create(key_of(name), name=name)
    except InvalidKey:
        raise Refused(_("A room cannot be called {name!r}.", name=name)) from None
    except KeyInUse:
        raise Refused(_("There already is a room {name!r}.", name=name)) from None
    with Act(user, "dig", here, target=f"{here.key} {direction} {room.key}") as act:
        act.add([room], are_new=True)
        room.area = getattr(here, "area", "")
        here.connect(direction, room)
    user.write(_("There is now an exit {direction}, to {room}.", direction=direction, room=room))


def link(event: ClientEvent, direction: str, room: Rest) -> None:
    """Make an exit to a room that exists, and the way back: link north inn."""
    user, here = event.user, _here(event)
    neighbour, direction = _room(event, room), spelled_out(direction)
    check_build(user, neighbour)
    back = OPPOSITES.get(direction, "")
    if direction in here.exits:
        raise Refused(_("There already is an exit {direction}.", direction=direction))
    if back and neighbour.exits.get(back, here.key) != here.key:
        raise Refused(_("{room} already has an exit {direction}.", room=neighbour, direction=back))
    with Act(user, "link", here, neighbour, target=f"{here.key} {direction} {neighbour.key}"):
        here.connect(direction, neighbour)
    user.write(
        _("There is now an exit {direction}, to {other}.", direction=direction, other=neighbour)
    )


def unlink(event: ClientEvent, direction: str) -> None:
    """Remove an exit, and the way back."""
    user, here = event.user, _here(event)
    direction = _direction(here, direction)
    neighbour = type(here).manager.get(here.exits[direction])
    rooms = [here] if neighbour is None else [here, neighbour]
    with Act(user, "unlink", *rooms, target=f"{here.key} {direction}"):
        _remove_exit(here, direction)
        back = OPPOSITES.get(direction, "")
        if neighbour is not None and neighbour.exits.get(back) == here.key:
            check_build(user, neighbour)
            _remove_exit(neighbour, back)
    user.write(_("There is no exit {direction} any more.", direction=direction))


def close(event: ClientEvent, direction: str) -> None:
    """Close an exit: nobody can use it until it is opened."""
    _set_closed(event, direction, closed=True)


def open_(event: ClientEvent, direction: str) -> None:
    """Open an exit that was closed."""
    _set_closed(event, direction, closed=False)


def rename(event: ClientEvent, name: Rest) -> None:
    """Give the room another name."""
    user, here = event.user, _here(event)
    with Act(user, "rename", here):
        here.name = name
    user.write(_("This room is called {name} now.", name=name))


def describe(event: ClientEvent) -> None:
    """Write the description of the room, in an editor."""
    here = _here(event)
    then = partial(set_description, event.user, here)
    event.client.start_dialogue(Editor(here.description, then=then))


def set_description(user: Any, room: Any, text: str) -> None:
    """What the editor does at its end: an act that can be undone.

    Raises:
        Refused: they may not build there any more.
    """
    check_build(user, room)
    with Act(user, "describe", room):
        room.description = text


def destroy(event: ClientEvent, target: Rest) -> None:
    """Destroy a room by its key, or a thing or character that is here. What is inside goes home."""
    user, here = event.user, _here(event)
    room = here if target.lower() == "here" else _room_of_key(here, target)
    if room is None:
        obj = choose_object(target, _objects(user))
        _check_not_person(obj)
        with Act(user, "destroy", obj, *getattr(obj, "contents", ()), target=obj.key):
            obj.delete()
        user.write(_("{key} is gone.", key=obj.key))
        return
    if room is here:
        raise Refused(_("You are in that room. Go somewhere else first."))
    check_build(user, room)
    neighbours = [
        neighbour
        for neighbour in type(here).manager.all().values()
        if room.key in neighbour.exits.values()
    ]
    contents = getattr(room, "contents", [])
    with Act(user, "destroy", room, *neighbours, *contents, target=room.key):
        for neighbour in neighbours:
            for direction in [way for way, key in neighbour.exits.items() if key == room.key]:
                _remove_exit(neighbour, direction)
        leave_to(room, here)
        room.delete()
    user.write(_("{room} is gone.", room=room))


def teleport(event: ClientEvent, target: Rest) -> None:
    """Go to a room, or to where somebody is: teleport inn."""
    user = event.user
    check_build(user, user.room)
    room = _find_room(event, target)
    check_build(user, room)
    user.enter_room(room)


def find(event: ClientEvent, words: Rest) -> None:
    """Find rooms, things and characters by their names and keys."""
    user = event.user
    check_build(user, user.room)
    wanted = words.lower().split()
    rows = []
    for name, store_cls in sorted(user.service.session.stores.items()):
        if not {"description", "name"} <= store_cls.fields.keys() or "client" in store_cls.fields:
            continue
        for key, obj in sorted(store_cls.manager.all().items()):
            text = f"{key} {obj}".lower()
            if all(word in text for word in wanted):
                where = getattr(obj, "place", None) or getattr(obj, "room", None) or ""
                rows.append((name, key, obj, getattr(where, "key", "")))
    if not rows:
        raise Refused(_("Nothing has that name."))
    user.write(
        *table((_("Store"), _("Key"), _("Name"), _("Place")), rows[:_ROWS_MAX], event.client)
    )
    if len(rows) > _ROWS_MAX:
        user.write(_("and {count} more.", count=len(rows) - _ROWS_MAX))


def set_(event: ClientEvent, target: str, field: str, value: Rest) -> None:
    """Set a field: set here capacity 5, set lamp weight 2, set "old lamp" weight -."""
    user, here = event.user, _here(event)
    obj = here if target.lower() == "here" else choose_object(target, _objects(user))
    _check_not_person(obj)
    settable = [
        name
        for name, each in type(obj).fields.items()
        if not (each.session or each.secret or name in _NOT_SET)
    ]
    if field not in settable:
        names = ", ".join(settable)
        raise Refused(
            _(
                "There is no field {field!r} that you can set. The fields are {names}.",
                field=field,
                names=names,
            )
        )
    new = read_value(obj, field, value, event.client)
    if field == "area" and not (
        has_permission(user, "build") or has_permission(user, f"build:{new}")
    ):
        raise Refused(_("You may not build in that area."))
    try:
        with Act(user, "set", obj, target=f"{obj.key} {field}"):
            setattr(obj, field, new)
            obj.to_json()  # a value that could not be saved is refused now
    except FieldValueError as error:
        raise Refused(
            _("That does not fit: expected {expected}.", expected=error.expected)
        ) from None
    user.write(_("{field} is now {value}.", field=field, value=value_text(new) or _("empty")))


def undo_(event: ClientEvent) -> None:
    """Undo the last thing that you have built, changed or destroyed."""
    check_build(event.user, event.user.room)
    event.user.write(_("Undone: {act}.", act=undo(event.user)))


def export(event: ClientEvent, area: str) -> Any:
    """Write the rooms of an area into its file: export marsh."""
    user, here = event.user, _here(event)
    stored = next(
        (
            found
            for store_cls in user.service.session.stores.values()
            if {"written", "conflicts"} <= store_cls.fields.keys()
            and (found := store_cls.manager.get(area)) is not None
        ),
        None,
    )
    if stored is None or not stored.path:
        raise Refused(_("There is no area {area!r} with a file.", area=area))
    rooms = {key: room for key, room in type(here).manager.all().items() if room.area == stored.key}
    for room in rooms.values():
        check_build(user, room)
    order = [key for key in stored.written if key in rooms]
    values = {key: room_values(rooms[key]) for key in dict.fromkeys((*order, *sorted(rooms)))}
    path = Path(stored.path)
    try:
        text = as_text(path, values)
    except RoomFileError as error:
        raise Refused(_(error.reason)) from None
    audit("building: export", stored.key)
    writing = user.service.run_in_thread(_write, path, text)
    return writing.addCallback(lambda _: _exported(user, stored, values, path))


def conflicts(event: ClientEvent) -> None:
    """Read what builders and the files of areas have both changed."""
    check_build(event.user, event.user.room)
    lines = [
        _("{area}, {room}: {conflict}", area=key, room=room, conflict=_(reason))
        for store_cls in event.user.service.session.stores.values()
        if {"written", "conflicts"} <= store_cls.fields.keys()
        for key, area in store_cls.manager.all().items()
        for room, _colon, reason in (line.partition(": ") for line in area.conflicts)
    ]
    event.user.write(*(lines or [_("There are no conflicts.")]))


#: The commands by name.
COMMANDS: Final[dict[str, Callable[..., Any]]] = {
    "dig": dig,
    "link": link,
    "unlink": unlink,
    "open": open_,
    "close": close,
    "rename": rename,
    "describe": describe,
    "destroy": destroy,
    "teleport": teleport,
    "find": find,
    "set": set_,
    "undo": undo_,
    "export": export,
    "conflicts": conflicts,
}


def register_commands(registry: CommandRegistry | Group) -> None:
    """Register all of them. Each is only for those who may build in the room that they are in."""
    for name, function in COMMANDS.items():
        registry.register(function, name=name, requires=_is_builder, in_full=name == "destroy")


# -- inside -------------------------------------------------------------------------------------


def _is_builder(event: ClientEvent) -> bool:
    return event.user is not None and may_build_somewhere(event.user)


def _here(event: ClientEvent) -> Any:
    room = event.user.room
    if room is None:
        raise Refused(_("You are not in a room."))
    check_build(event.user, room)
    return room


def _room(event: ClientEvent, text: str) -> Any:
    room = type(event.user.room).manager.get_by_name(text)
    if room is None:
        raise Refused(_("There is no room {text!r}.", text=text))
    return room


def _room_of_key(here: Any, text: str) -> Any:
    try:
        return type(here).manager.get(key_of(text))
    except InvalidKey:
        return None


def _find_room(event: ClientEvent, text: str) -> Any:
    for user in (client.user for client in event.user.service.clients):
        if user is not None and str(user).lower() == text.lower() and user.room is not None:
            return user.room
    return _room(event, text)


def _objects(user: Any) -> tuple[Any, ...]:
    room = user.room
    carried, lying = getattr(user, "contents", ()), getattr(room, "contents", ())
    return (*carried, *lying, *(occupant for occupant in room.occupants if occupant is not user))


def _check_not_person(obj: Any) -> None:
    if "client" in type(obj).fields:
        raise Refused(_("People cannot be built."))


def _direction(room: Any, typed: str) -> str:
    direction = spelled_out(typed)
    if direction not in room.exits:
        raise Refused(
            _(
                "There is no exit {direction}. {exits_text}",
                direction=direction,
                exits_text=room.exits_text(),
            )
        )
    return direction


def _remove_exit(room: Any, direction: str) -> None:
    room.exits = {way: key for way, key in room.exits.items() if way != direction}


def _set_closed(event: ClientEvent, typed: str, *, closed: bool) -> None:
    user, here = event.user, _here(event)
    direction = _direction(here, typed)
    neighbour = type(here).manager.get(here.exits[direction])
    back = OPPOSITES.get(direction, "")
    ends = [(here, direction)]
    if neighbour is not None and neighbour.exits.get(back) == here.key:
        ends.append((neighbour, back))
    word = "close" if closed else "open"
    with Act(user, word, *(room for room, _ in ends), target=f"{here.key} {direction}"):
        for room, way in ends:
            rest = [each for each in room.closed if each != way]
            room.closed = [*rest, way] if closed else rest
    if closed:
        user.write(_("The way {direction} is closed.", direction=direction))
    else:
        user.write(_("The way {direction} is open.", direction=direction))


def _exported(user: Any, area: Any, values: dict[str, dict[str, Any]], path: Path) -> None:
    """Note that the file has these rooms; before it has, the next merge would take its text for an edit."""
    area.written, area.conflicts = values, []
    save_for(area, user)
    user.write(
        ngettext(
            "{count} room is written to {name}.",
            "{count} rooms are written to {name}.",
            len(values),
            name=path.name,
        )
    )


def _write(path: Path, text: str) -> None:
    """Replace a file at once, so that nobody reads half of it, and durably."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            os.fchmod(handle, path.stat().st_mode & 0o777)
            file.write(text)
            file.flush()
            os.fsync(handle)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
