"""One command: its function, its signature, who may use it, and its help."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from cletus.client.client import Client
from cletus.contrib.commands.signature import Signature
from cletus.contrib.permissions import has_permission
from cletus.errors import Refused
from cletus.events import ClientEvent
from cletus.storage import Field
from cletus.text import gettext as _
from cletus.text.translation import in_language

#: The name of a permission, which ``event.user.has_permission()`` is asked for, or a function of the
#: event that returns whether the command can be used. If it raises ``Refused``, the person who tries the
#: command reads why they cannot use it, instead of that there is none.
Requirement: TypeAlias = str | Callable[[Any], bool] | None


@dataclass(frozen=True, slots=True)
class Command:
    """A registered command.

    Attributes:
        name: what people type, in lower case.
        function: called with the event and the values that the signature reads.
        signature: its arguments.
        aliases: other names for it.
        group: the heading that help lists it under.
        requires: who may use it; all of these must hold. For everybody else it does not exist.
        cooldown: seconds before the same person can use it again; 0 for none.
        in_full: whether its name cannot be abbreviated. Set it for what cannot be undone.
        listed: whether the overview of help lists it. Where there are dozens of similar commands, a
            help topic serves better.
    """

    name: str
    function: Callable[..., Any]
    signature: Signature
    aliases: tuple[str, ...] = ()
    group: str = ""
    requires: tuple[Requirement, ...] = ()
    cooldown: float = 0.0
    in_full: bool = False
    listed: bool = True

    @property
    def text(self) -> str:
        """Its help: the function's docstring, which catalogues may translate."""
        docstring = inspect.getdoc(self.function)
        return _(docstring) if docstring else ""

    @property
    def summary(self) -> str:
        """The first line of its help, in English."""
        return self.summary_in("")

    def summary_in(self, language: str) -> str:
        """The first line of its help, for readers of a language."""
        return in_language(self.text, language).partition("\n")[0]

    @property
    def usage(self) -> str:
        """Its name and arguments, without the registry's prefix."""
        return f"{self.name} {self.signature.usage}".strip()

    def is_for(self, event: ClientEvent) -> bool:
        """Whether the person of this event may use it."""
        return self.refusal(event) is None

    def refusal(self, event: ClientEvent) -> str | None:
        """``None`` if the person of this event may use it; else why not, or ``""`` if they are not told."""
        try:
            return None if all(_is_met(each, event) for each in self.requires) else ""
        except Refused as refused:
            return refused.args[0] if refused.args else ""  # a text stays one

    @property
    def is_restricted(self) -> bool:
        """Whether it requires a permission. Then its use is audited, with the line that was typed.

        A requirement that is a function, such as having an account, does not count: the audit log must not
        fill with what people say to each other.
        """
        return any(isinstance(requirement, str) for requirement in self.requires)


def _is_met(requirement: Requirement, event: ClientEvent) -> bool:
    if requirement is None:
        return True
    if isinstance(requirement, str):
        return has_permission(event.user, requirement)
    return bool(requirement(event))


class CooldownsMixin:
    """Keeps the cooldowns of commands on the user, so that reconnecting does not end them.

    Attributes:
        cooldowns: by name of the command, the time by the service's clock at which its cooldown ends.
            Without this mixin, the same dict is kept on the client.
    """

    cooldowns: Field[dict[str, float]] = Field(dict, session=True)


def remaining_cooldown(client: Client, command: str, longest: float) -> float:
    """Seconds until the person at this client can use a command again; 0.0 for now.

    Args:
        client: the person's client.
        command: its name.
        longest: its cooldown. Nobody waits longer, even if the clock has been set back.
    """
    cooldowns, now = _cooldowns_of(client), float(client.service.clock.seconds())
    if command not in cooldowns:
        return 0.0
    cooldowns[command] = min(cooldowns[command], now + longest)
    return max(0.0, cooldowns[command] - now)


def start_cooldown(client: Client, command: str, seconds: float) -> None:
    """Start the cooldown of a command for the person at this client."""
    cooldowns, now = _cooldowns_of(client), client.service.clock.seconds()
    for name in [name for name, until in cooldowns.items() if until <= now]:
        del cooldowns[name]
    cooldowns[command] = now + seconds


def _cooldowns_of(client: Any) -> dict[str, float]:
    holder = client if getattr(client.user, "cooldowns", None) is None else client.user
    cooldowns: dict[str, float] | None = getattr(holder, "cooldowns", None)
    if cooldowns is None:
        cooldowns = holder.cooldowns = {}
    return cooldowns
