"""Dialogues across a reload: each person stays at their step, with what has been learnt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from cletus.client.client import Client
from cletus.client.dialogue import Dialogue
from cletus.reload.state.new_code import NewCode, Unnamed
from cletus.service.report import ReloadReport


@dataclass(slots=True)
class DialogueUnderWay:
    """One dialogue under way and what becomes of it.

    Attributes:
        client: whom it is with.
        dialogue: it is converted as every object of the application is.
        is_gone: whether the new code has no such dialogue.
    """

    client: Client
    dialogue: Dialogue
    is_gone: bool

    @property
    def starts_again(self) -> bool:
        """Whether it starts from its first step, its own being gone."""
        return self.dialogue.step not in type(self.dialogue).steps


def find_dialogues(
    clients: Iterable[Client], new_code: NewCode, report: ReloadReport
) -> list[DialogueUnderWay]:
    """All dialogues under way, before they are converted."""
    under_way = []
    ended: Counter[str] = Counter()
    for client in clients:
        for dialogue in client.input.dialogues:
            reason = _reason_to_end(dialogue, new_code)
            if reason:
                ended[reason] += 1
            under_way.append(DialogueUnderWay(client, dialogue, bool(reason)))
    for reason, count in ended.items():
        dialogues = "a dialogue of it is" if count == 1 else f"{count:,} dialogues of it are"
        report.warnings.append(f"{reason}: {dialogues} ended; put the class back to keep them")
    return under_way


def resume_dialogues(under_way: Iterable[DialogueUnderWay], notice: str) -> None:
    """End those without a class, restart those without a step, ask again what was being asked.

    Of those that wait behind another one the person sees nothing: they are busy with that one.
    """
    for one in under_way:
        client, dialogue = one.client, one.dialogue
        starts_again = not one.is_gone and one.starts_again
        if (one.is_gone or starts_again) and client.input.is_top(dialogue):
            client.show_input()
            client.write("", notice)
        if one.is_gone:
            client.input.end_dialogue(dialogue)
            dialogue.stop()
            client.input.pump()
        elif starts_again:
            dialogue.restart()
        elif dialogue.running is not None and dialogue.running.asking is not None:
            client.write("", notice)
            dialogue.running.dismiss()


def _reason_to_end(dialogue: Dialogue, new_code: NewCode) -> str:
    try:
        new_class = new_code.class_of(type(dialogue))
    except Unnamed as error:
        return str(error)
    if not (issubclass(new_class, Dialogue) and new_class.steps):
        return f"{dialogue!r} has no steps any more"
    return ""
