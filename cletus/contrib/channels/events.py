"""Events about channels, for ``@service.listen``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cletus.events import Event


@dataclass(frozen=True, slots=True)
class ChannelEvent(Event):
    """Base of the events about a user and a channel.

    Attributes:
        user: the user.
        channel: the channel.
    """

    user: Any
    channel: Any


@dataclass(frozen=True, slots=True)
class Joined(ChannelEvent):
    """They are on the channel now."""


@dataclass(frozen=True, slots=True)
class Parted(ChannelEvent):
    """They are no longer on the channel, of their own will or not."""


@dataclass(frozen=True, slots=True)
class Said(ChannelEvent):
    """They have said something on the channel.

    Attributes:
        text: their words.
    """

    text: str
