"""One command: a function, what it takes, who may use it, and what help says of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from cletus.contrib.commands.signature import Signature
from cletus.events import ClientEvent

#: A permission's name, which ``event.user.can()`` is asked about, or a function of the event.
Can: TypeAlias = str | Callable[[Any], bool] | None


@dataclass(frozen=True, slots=True)
class Command:
    """What a registry knows of a command.

    Attributes:
        name: what is typed, in lower case.
        function: what is called, with the event and the values that the signature reads.
        signature: what it takes.
        aliases: other names for it.
        group: the heading that help lists it under.
        can: who may use it; for all others it is not there. All of these must be fulfilled.
        cooldown: seconds that somebody has to wait before using it again; 0 for none.
        in_full: whether its name cannot be abbreviated, as is good for what cannot be undone.
        listed: whether the overview of help names it; where there are dozens of a kind, a topic
            serves better.
    """

    name: str
    function: Callable[..., Any]
    signature: Signature
    aliases: tuple[str, ...] = ()
    group: str = ""
    can: tuple[Can, ...] = ()
    cooldown: float = 0.0
    in_full: bool = False
    listed: bool = True

    @property
    def text(self) -> str:
        """Its help: the function's docstring."""
        return inspect.getdoc(self.function) or ""

    @property
    def summary(self) -> str:
        """The first line of its help."""
        return self.text.partition("\n")[0]

    @property
    def usage(self) -> str:
        """How it is called, without the registry's prefix."""
        return f"{self.name} {self.signature.usage}".strip()

    def is_for(self, event: ClientEvent) -> bool:
        """Whether the person of this event may use it."""
        return all(_may(can, event) for can in self.can)


def _may(can: Can, event: ClientEvent) -> bool:
    if can is None:
        return True
    if isinstance(can, str):
        ask = getattr(event.user, "can", None)
        return ask is not None and bool(ask(can))
    return bool(can(event))
