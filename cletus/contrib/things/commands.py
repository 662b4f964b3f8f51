"""Commands for things: get, drop, put, give, wear, remove, look, examine, inventory.

    register_commands(commands.group("Things"))

Each is a plain function. An application may register only some, or under other names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from cletus.contrib.audience import ignores
from cletus.contrib.commands import CommandRegistry, Group, Rest
from cletus.contrib.language import capitalised
from cletus.contrib.things.choose import choose_object, choose_objects
from cletus.contrib.things.nouns import NounMixin, named
from cletus.contrib.things.thing import BaseThing
from cletus.errors import Refused
from cletus.events import ClientEvent
from cletus.text import gettext as _
from cletus.text import gettext_noop as N_  # noqa: N812 - as gettext's manual calls it

#: What the person reads who does it, and what all others read.
_GET: Final = (N_("You get {things}."), N_("{user} gets {things}."))
_GET_FROM: Final = (
    N_("You get {things} from {where}."),
    N_("{user} gets {things} from {where}."),
)
_DROP: Final = (N_("You drop {things}."), N_("{user} drops {things}."))
_PUT: Final = (N_("You put {things} into {where}."), N_("{user} puts {things} into {where}."))
_GIVE: Final = (N_("You give {things} to {where}."), N_("{user} gives {things} to {where}."))
_PUT_ON: Final = (N_("You put on {things}."), N_("{user} puts on {things}."))
_TAKE_OFF: Final = (N_("You take off {things}."), N_("{user} takes off {things}."))

#: Words between a thing and what it is put into.
_INTO: Final = ("into", "in", "on", "onto")


def get(event: ClientEvent, item: Rest) -> None:
    """Pick something up: get lamp, get all, get two rats, get coin from bag."""
    user = event.user
    name, source = _split(item, ("from",))
    if source:
        container = choose_object(source, (*user.contents, *_room(user).contents))
        things = choose_objects(
            name,
            container.contents,
            none=_("There is no {name} in it.", name=name),
            nothing=_("There is nothing in it."),
        )
        _report(user, _GET_FROM, _move(things, user, user), container.definite)
    else:
        things = choose_objects(name, _room(user).contents)
        _report(user, _GET, _move(things, user, user))


def drop(event: ClientEvent, item: Rest) -> None:
    """Put something down: drop lamp, drop all."""
    user = event.user
    things = _carried(user, item)
    _report(user, _DROP, _move(things, _room(user), user))


def put(event: ClientEvent, item: Rest) -> None:
    """Put something into something else: put coin in bag."""
    user = event.user
    name, container_name = _split(item, _INTO)
    if not container_name:
        raise Refused(_("Put it into what? Type, for instance: put coin in bag."))
    container = choose_object(container_name, (*user.contents, *_room(user).contents))
    things = _carried(user, name)
    things = [thing for thing in things if thing is not container] or things
    _report(user, _PUT, _move(things, container, user), container.definite)


def give(event: ClientEvent, item: Rest) -> None:
    """Give something to somebody: give lamp to ann."""
    user = event.user
    name, receiver_name = _split(item, ("to",))
    if not receiver_name:
        raise Refused(_("Give it to whom? Type, for instance: give lamp to ann."))
    others = [other for other in _room(user).occupants if other is not user]
    receiver = choose_object(
        receiver_name, others, none=_("{name!r} is not here.", name=receiver_name)
    )
    if not hasattr(receiver, "check_receive"):
        raise Refused(_("{receiver} cannot take anything.", receiver=capitalised(str(receiver))))
    if ignores(receiver, user):
        raise Refused(_("{receiver} ignores you.", receiver=receiver))
    things = _carried(user, name)
    moved = _move(things, receiver, user)
    if moved:
        receiver.write(_("{user} gives you {things}.", user=user, things=named(moved)))
    _report(user, _GIVE, moved, str(receiver), exclude=(receiver,))


def wear(event: ClientEvent, item: Rest) -> None:
    """Put on something that you carry: wear hat."""
    user = event.user
    things = _carried(user, item)
    _report(user, _PUT_ON, _each(things, lambda thing: thing.wear(), user))


def remove(event: ClientEvent, item: Rest) -> None:
    """Take off something that you wear: remove hat."""
    user = event.user
    none, nothing = _("You wear no {name}.", name=item), _("You wear {things}.", things=named(()))
    things = choose_objects(item, user.worn, none=none, nothing=nothing)
    _report(user, _TAKE_OFF, _each(things, lambda thing: thing.take_off(), user))


def inventory(event: ClientEvent) -> None:
    """List what you carry and wear."""
    event.user.write(*event.user.inventory())


def look(event: ClientEvent, at: Rest = "") -> None:
    """Look around, or at something or somebody: look, look at lamp, look in bag."""
    user = event.user
    if not at:
        user.write(*_room(user).look(user))
        return
    user.write(*_described(_target(user, at), user, "look"))


def examine(event: ClientEvent, target: Rest) -> None:
    """Look at something closely: examine lamp."""
    user = event.user
    user.write(*_described(_target(user, target), user, "examine"))


#: The commands, and other names for each.
COMMANDS: Final[tuple[tuple[Callable[..., None], tuple[str, ...]], ...]] = (
    (look, ("l",)),
    (examine, ("x",)),
    (inventory, ("i",)),
    (get, ("take",)),
    (drop, ()),
    (put, ()),
    (give, ()),
    (wear, ()),
    (remove, ()),
)


def register_commands(registry: CommandRegistry | Group) -> None:
    """Register all of them in a registry or a group of commands."""
    for function, aliases in COMMANDS:
        registry.register(function, aliases=aliases)


# -- inside -------------------------------------------------------------------------------------


def _room(user: Any) -> Any:
    if user.room is None:
        raise Refused(_("You are not in a room."))
    return user.room


def _carried(user: Any, name: str) -> list[Any]:
    """The things that this text means, of those that they carry."""
    none = _("You carry no {name}.", name=name)
    nothing = _("You carry {things}.", things=named(()))
    return choose_objects(name, user.carried, none=none, nothing=nothing)


def _split(text: str, words: tuple[str, ...]) -> tuple[str, str]:
    """The texts before and after the last of these words."""
    parts = text.split()
    for index in range(len(parts) - 1, 0, -1):
        if parts[index].lower() in words:
            return " ".join(parts[:index]), " ".join(parts[index + 1 :])
    return text, ""


def _target(user: Any, text: str) -> Any:
    first, _space, rest = text.partition(" ")
    text = rest if first.lower() in ("at", "in", "into") and rest else text
    if text.lower() in ("me", "myself"):
        return user
    room = _room(user)
    return choose_object(text, (*user.contents, *room.contents, *room.occupants))


def _described(target: Any, viewer: Any, how: str) -> list[Any]:
    describe = getattr(target, how, None) or getattr(target, "look", None)
    if describe is not None:
        return list(describe(viewer))
    text = getattr(target, "description", "")
    lines = [text] if text else [_("You see {target}.", target=target)]
    if getattr(target, "worn", None):
        lines.append(_("{person} wears {things}.", person=target, things=named(target.worn)))
    return lines


def _move(things: Iterable[BaseThing], holder: Any, user: Any) -> list[BaseThing]:
    return _each(things, lambda thing: thing.move_to(holder, by=user), user)


def _each(
    things: Iterable[BaseThing], act: Callable[[BaseThing], None], user: Any
) -> list[BaseThing]:
    """The things for which it was not refused. The person reads why it was; of a single thing, too."""
    done = []
    for thing in things:
        try:
            act(thing)
        except Refused as refused:
            user.write(refused)
        else:
            done.append(thing)
    return done


def _report(
    user: Any,
    act: tuple[str, str],
    things: list[BaseThing],
    where: str = "",
    exclude: tuple[Any, ...] = (),
) -> None:
    """Tell the person, and everybody else in the room, what was done, by the messages of the act."""
    if not things:
        return
    shown = (
        things[0].definite
        if len(things) == 1 and isinstance(things[0], NounMixin)
        else named(things)
    )
    own, others = act
    user.write(_(own, things=shown, where=where))
    text = _(others, user=user, things=named(things), where=where)
    _room(user).write_all(text, exclude=(user, *exclude), by=user, notice=True)
