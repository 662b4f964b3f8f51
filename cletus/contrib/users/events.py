"""Events about users, for ``@service.listen``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cletus.events import ClientEvent, Event


@dataclass(frozen=True, slots=True)
class UserEvent(Event):
    """Base of the events about one user, who is logged in."""

    user: Any


@dataclass(frozen=True, slots=True)
class LoggedIn(UserEvent):
    """A user has come online. ``is_new``: their account has just been created."""

    is_new: bool = False


@dataclass(frozen=True, slots=True)
class Reconnected(UserEvent):
    """A user who was online has logged in from another connection, or after their link was lost.

    ``was_lost``: their link had been lost.
    """

    was_lost: bool = False


@dataclass(frozen=True, slots=True)
class LinkLost(UserEvent):
    """A user's connection broke. They stay online for ``linkdead_timeout`` seconds, without a client."""


@dataclass(frozen=True, slots=True)
class LoggedOut(UserEvent):
    """A user has gone offline. ``reason`` is a short phrase for the log."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Moderated(Event):
    """A moderator has acted against somebody, or has ended that.

    Attributes:
        action: ``banned``, ``hushed``, ``jailed``, ``kicked``, or ``settled`` of a report; and what ends these:
            ``unbanned``, ``unhushed``, ``released``.
        target: the key of a user, or an address or network.
        by: the key of the moderator, ``the console``, or empty if it is not known.
        until: when it ends, in seconds since the epoch; ``None`` if it does not end by itself.
        reason: as the moderator gave it.
    """

    action: str
    target: str
    by: str = ""
    until: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class LoginFailed(ClientEvent):
    """Somebody was not let in. ``message`` is what they were told."""

    message: str
