"""What can happen to users, for ``@service.listen``: they come, their line breaks, they go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cletus.events import Event


@dataclass(frozen=True, slots=True)
class UserEvent(Event):
    """Something about one user, who is no stranger. ``user.client`` is where they are."""

    user: Any


@dataclass(frozen=True, slots=True)
class LoggedIn(UserEvent):
    """They have come in. ``is_new`` tells whether their account has just been made."""

    is_new: bool = False


@dataclass(frozen=True, slots=True)
class Reconnected(UserEvent):
    """They were here already, on another connection or with a broken one, and go on on this one.

    ``was_lost`` tells whether their connection had broken.
    """

    was_lost: bool = False


@dataclass(frozen=True, slots=True)
class LinkLost(UserEvent):
    """Their connection broke; they are kept for ``linkdead_timeout`` seconds. ``user.client`` is ``None``."""


@dataclass(frozen=True, slots=True)
class LoggedOut(UserEvent):
    """They have gone, or did not come back in time. ``reason`` is a short phrase for the log."""

    reason: str = ""
