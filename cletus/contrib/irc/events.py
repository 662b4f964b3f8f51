"""What a connection to an IRC server reports to the bridge of the code in force."""

from __future__ import annotations

from dataclasses import dataclass

from cletus.events import Event


@dataclass(frozen=True, slots=True)
class IrcEvent(Event):
    """Base of the events about a channel of an IRC server.

    Attributes:
        bridge: the name of the bridge.
        target: the channel on IRC.
    """

    bridge: str
    target: str


@dataclass(frozen=True, slots=True)
class IrcReceived(IrcEvent):
    """Somebody has written to the channel.

    Attributes:
        nickname: theirs, as it is shown.
        text: one line, clean.
        action: whether it says what they do (``/me``).
    """

    nickname: str
    text: str
    action: bool


@dataclass(frozen=True, slots=True)
class IrcLost(IrcEvent):
    """We have not been on the channel for a while.

    Attributes:
        reason: why; may be empty.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class IrcBack(IrcEvent):
    """We are on the channel again, after ``IrcLost``."""


@dataclass(frozen=True, slots=True)
class IrcLeftOut(IrcEvent):
    """Messages were left out.

    Attributes:
        sent: how many of ours were not sent.
        received: how many of theirs were not shown.
    """

    sent: int
    received: int
