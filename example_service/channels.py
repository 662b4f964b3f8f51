"""Talking across rooms. Not for guests, whose names are given away again."""

from collections.abc import Iterable
from typing import Any, ClassVar

from cletus.contrib.channels import BaseChannel
from cletus.contrib.commands import Refused, Rest
from cletus.contrib.language import sentence
from cletus.errors import InvalidKey, KeyInUse
from cletus.events import PreStart, Receive
from cletus.storage import Manager
from cletus.text import style

from example_service.commands import channel
from example_service.core import service
from example_service.layout import table
from example_service.users import User, everyone_online

CHANNELS_MAX = 100


class Channel(BaseChannel):
    """A channel; admins rule them all."""

    service = service
    manager: ClassVar[Manager["Channel"]] = Manager()

    def is_moderator(self, user: Any) -> bool:
        """Whether they rule here."""
        return super().is_moderator(user) or user.is_admin

    def said_text(self, who: object, text: str) -> object:
        """How something said is shown."""
        return style("[cyan]{said}[/]", said=super().said_text(who, text))

    def everybody(self) -> Iterable[Any]:
        """Whom a line may reach: also those with a broken connection."""
        return everyone_online()


@service.listen(PreStart)
def open_channels(_: PreStart) -> None:
    """Have all of them in memory, so that asking for one reads no file."""
    saved = Channel.manager.keys()
    for key in saved:
        Channel.manager.get(key)


@channel.register
def channels(event: Receive) -> None:
    """See what channels there are."""
    rows = [
        (
            one,
            "on" if one.has(event.user) else "",
            len(one.online()),
            one.topic,
        )
        for one in Channel.manager.active().values()
        if one.is_visible_to(event.user)
    ]
    event.user.write(*table(("Channel", "You", "On it", "Topic"), rows))


@channel.register
def found(event: Receive, name: str) -> None:
    """Found a channel; you are its moderator."""
    if len(Channel.manager.active()) >= CHANNELS_MAX:
        raise Refused("There are enough channels; join one of them.")
    try:
        made = Channel.manager.create(name, name=name)
    except (InvalidKey, KeyInUse) as error:
        raise Refused(sentence(error)) from None
    made.moderators.add(event.user.key)
    made.join(event.user)


@channel.register
def join(event: Receive, channel: Channel) -> None:
    """Join a channel, and read what was said last."""
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
    """Change what a channel is about."""
    channel.set_topic(text, by=event.user)


@channel.register
def private(event: Receive, channel: Channel, yes: bool) -> None:
    """Close a channel to all who are not invited, or open it."""
    channel.set_private(yes, by=event.user)


@channel.register
def invite(event: Receive, channel: Channel, somebody: User) -> None:
    """Invite somebody to a channel."""
    channel.invite(somebody, by=event.user)


@channel.register
def kick(event: Receive, channel: Channel, somebody: User) -> None:
    """Put somebody off a channel."""
    channel.kick(somebody, by=event.user)


@channel.register
def moderate(event: Receive, channel: Channel, somebody: User) -> None:
    """Make somebody a moderator of a channel."""
    channel.promote(somebody, by=event.user)
