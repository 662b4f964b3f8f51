"""Dialogues across a reload: each person stays at their step, with what has been learnt."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cletus.client.client import Client
from cletus.client.dialogue import Dialogue
from cletus.errors import CarryError, CarryFailed
from cletus.reload.state.memo import check_layout
from cletus.reload.state.values import Carrier
from cletus.service.report import ReloadReport


@dataclass(slots=True)
class CarriedDialogue:
    """One dialogue under way and what becomes of it.

    Attributes:
        client: whom it is with.
        old: the dialogue.
        new: the same on the new class; ``None`` if there is no such class any more.
        again: whether it starts from its first step, its own being gone.
    """

    client: Client
    old: Dialogue
    new: Dialogue | None
    again: bool = False


def begin_dialogues(
    clients: Iterable[Client], carrier: Carrier, report: ReloadReport
) -> list[CarriedDialogue]:
    """Make all dialogues on their new classes, empty, so that others can refer to them."""
    carried = []
    for client in clients:
        for old in client.input.dialogues:
            one = CarriedDialogue(client, old, _successor(old, carrier, report))
            if one.new is not None:
                carrier.known.succeed(old, one.new)
            carried.append(one)
    return carried


def fill_dialogues(dialogues: Iterable[CarriedDialogue], carrier: Carrier) -> None:
    """Give the new dialogues what the old ones know.

    Raises:
        CarryError: a field or value cannot be carried.
    """
    for one in dialogues:
        if one.new is not None:
            _fill(one, one.new, carrier)


def commit_dialogues(dialogues: Iterable[CarriedDialogue]) -> None:
    """Put the new ones in the place of the old. Plain assignments."""
    for one in dialogues:
        stack = one.client.input.dialogues
        for place, dialogue in enumerate(stack):
            if dialogue is one.old and one.new is not None:
                stack[place] = one.new


def resume_dialogues(dialogues: Iterable[CarriedDialogue], notice: str) -> None:
    """End those without a class, restart those without a step, ask again what was being asked.

    Of those that wait behind another one the person sees nothing: they are busy with that one.
    """
    for one in dialogues:
        if (one.new is None or one.again) and one.client.input.is_top(one.new or one.old):
            one.client.show_input()
            one.client.write("", notice)
        if one.new is None:
            one.client.input.end_dialogue(one.old)
            one.old.stop()
            one.client.input.pump()
        elif one.again:
            one.new.restart()
        elif one.new.running is not None and one.new.running.asking is not None:
            one.client.write("", notice)
            one.new.running.dismiss()


def _successor(old: Dialogue, carrier: Carrier, report: ReloadReport) -> Dialogue | None:
    kind: Any = type(old)
    try:
        new_kind: type = carrier.new_class(kind) if carrier.owns(kind) else kind
    except CarryError as error:
        report.notes.append(f"{error}: a dialogue of it is ended")
        return None
    if not (issubclass(new_kind, Dialogue) and new_kind.steps):
        report.notes.append(f"{old!r} has no steps any more: a dialogue of it is ended")
        return None
    check_layout(old, new_kind, f"Dialogue {new_kind.__name__}")
    new: Dialogue = object.__new__(new_kind)
    return new


def _fill(one: CarriedDialogue, new: Dialogue, carrier: Carrier) -> None:
    place = f"{one.old!r} of {one.client!r}"
    old_schema, new_schema = type(one.old).schema, type(new).schema
    try:
        data = old_schema.serialise(one.old, session=True)
        new_schema.initialise(new)
        carried = {
            name: carrier.carry(value, f"{place}, field {name!r}") for name, value in data.items()
        }
        new_schema.deserialise(new, carried, session=True)
    except (CarryError, CarryFailed):
        raise
    except Exception as error:
        raise CarryError(place, "it cannot be filled") from error
    for name, value in vars(one.old).items():
        if name not in data and name not in vars(new):
            # What the dialogue keeps for itself (its client, the Deferred of its result) persists.
            new.__dict__[name] = value if name in Dialogue.OWN else carrier.carry(value, place)
    one.again = new.step not in type(new).steps
