"""How long somebody has to wait before they may use a command again."""

from __future__ import annotations

from typing import Any

from cletus.client.client import Client
from cletus.storage import Field


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
