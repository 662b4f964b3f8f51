"""Channels. Not for guests, whose names are reused."""

from collections.abc import Iterable
from typing import Any, ClassVar

from cletus.contrib.channels import BaseChannel
from cletus.contrib.commands import Refused, Rest
from cletus.events import PreStart, Receive
from cletus.storage import Manager
from cletus.text import style

from example_service.commands import channel
from example_service.core import service
from example_service.layout import table
from example_service.users import User, everyone_online

CHANNELS_MAX = 100


class Channel(BaseChannel):
    """A channel. Admins moderate and close all channels."""

    service = service
    manager: ClassVar[Manager["Channel"]] = Manager()

    def is_moderator(self, user: Any) -> bool:
        """Whether somebody moderates this channel."""
        return super().is_moderator(user) or user.is_admin

    def may_close(self, user: Any) -> bool:
        """Whether somebody may close this channel."""
        return super().may_close(user) or user.is_admin

    def said_text(self, who: object, text: str) -> object:
        """A message as it is shown."""
        return style("[cyan]{line}[/]", line=super().said_text(who, text))

    def everybody(self) -> Iterable[Any]:
        """Whom a message may reach: users with a lost link, too."""
        return everyone_online()


@service.listen(PreStart)
def load_channels(_: PreStart) -> None:
    """Make all channels active, so that listing them reads no file."""
    saved = Channel.manager.keys()
    for key in saved:
        Channel.manager.get(key)


@channel.register
def channels(event: Receive) -> None:
    """List the channels."""
    rows = [
        (
            channel,
            "yes" if channel.has(event.user) else "",
            len(channel.online()),
            channel.topic,
        )
        for channel in Channel.manager.active().values()
        if channel.is_visible_to(event.user)
    ]
    event.user.write(*table(("Channel", "Joined", "Online", "Topic"), rows))


@channel.register(aliases=("found",))
def create(event: Receive, name: str) -> None:
    """Create a channel. You become its moderator."""
    if len(Channel.manager.active()) >= CHANNELS_MAX:
        raise Refused("There are too many channels. Join one of them.")
    Channel.create(name, by=event.user)


@channel.register(in_full=True)
def close(event: Receive, channel: Channel) -> None:
    """Close a channel for good. Its owner can, and admins."""
    channel.close(by=event.user)
    event.user.write(f"{channel} is closed.")


@channel.register
def join(event: Receive, channel: Channel) -> None:
    """Join a channel, and read its latest messages."""
    channel.join(event.user)


@channel.register
def part(event: Receive, channel: Channel) -> None:
    """Leave a channel."""
    channel.leave(event.user)


@channel.register(aliases=("=",))
def on(event: Receive, channel: Channel, message: Rest) -> None:
    """Say something on a channel: .on lamps hello, or .=lamps hello."""
    channel.say(event.user, message)


@channel.register
def topic(event: Receive, channel: Channel, text: Rest) -> None:
    """Change the topic of a channel."""
    channel.set_topic(text, by=event.user)


@channel.register
def private(event: Receive, channel: Channel, yes: bool) -> None:
    """Make a channel private, or open it: .private lamps yes."""
    channel.set_private(yes, by=event.user)


@channel.register
def invite(event: Receive, channel: Channel, user: User) -> None:
    """Invite somebody to a channel."""
    channel.invite(user, by=event.user)


@channel.register
def kick(event: Receive, channel: Channel, user: User) -> None:
    """Remove somebody from a channel."""
    channel.kick(user, by=event.user)


@channel.register
def moderate(event: Receive, channel: Channel, user: User) -> None:
    """Make somebody a moderator of a channel."""
    channel.promote(user, by=event.user)
