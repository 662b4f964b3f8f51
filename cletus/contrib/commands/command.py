"""One command: a function, what it takes, who may use it, and what help says of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from cletus.client.client import Client
from cletus.contrib.commands.signature import Signature
from cletus.events import ClientEvent
from cletus.storage import Field

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


class CooldownsMixin:
    """Gives a store of users the cooldowns of their commands, so that reconnecting does not end them.

    Attributes:
        cooldowns: the time, by the service's clock, at which each command is free again, by name.
            Without this mixin the same dict is kept on the client.
    """

    cooldowns: Field[dict[str, float]] = Field(dict, session=True)


def remaining(client: Client, command: str) -> float:
    """Seconds that the person at this client has to wait for a command; 0.0 if they need not."""
    until = _of(client).get(command, 0.0)
    return max(0.0, until - client.service.clock.seconds())


def start(client: Client, command: str, seconds: float) -> None:
    """Have the person at this client wait so long. Cooldowns that have ended are forgotten."""
    cooldowns, now = _of(client), client.service.clock.seconds()
    for name in [name for name, until in cooldowns.items() if until <= now]:
        del cooldowns[name]
    cooldowns[command] = now + seconds


def _of(client: Any) -> dict[str, float]:
    holder = client if getattr(client.user, "cooldowns", None) is None else client.user
    found: dict[str, float] | None = getattr(holder, "cooldowns", None)
    if found is None:
        found = holder.cooldowns = {}
    return found
