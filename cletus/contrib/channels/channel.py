"""Channels: what is said on a channel is heard by all its members, wherever they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from twisted.internet.defer import Deferred

from cletus.contrib.audience import ignores, write_users
from cletus.contrib.channels.events import Joined, Parted, Said
from cletus.contrib.dates import local
from cletus.contrib.language import sentence
from cletus.contrib.saving import save_for
from cletus.errors import InvalidKey, KeyInUse, Refused
from cletus.storage import Field, Store
from cletus.text import gettext as _
from cletus.text import ngettext

#: Time by the service's clock, name of the speaker, text, key of the speaker.
Message = tuple[float, str, str, str]


class BaseChannel(Store):
    """The base of an application's ``Channel`` store.

    Methods that change what is saved also save it. A method that takes ``by`` raises ``Refused`` if
    that user may not do it.

    Attributes:
        name: as it is shown; by default the key.
        topic: what it is about.
        private: whether only invited users can join.
        members: keys of the users who have joined, online or not.
        owner: the key of the user who has created it; empty if it was made otherwise.
        moderators, invited, banned: keys of users.
        history: the latest messages of this run of the service.
    """

    abstract = True
    #: Messages that are kept for those who join.
    history_max: ClassVar[int] = 20
    #: Maximum length of a topic; the rest is cut.
    topic_max: ClassVar[int] = 200

    name: Field[str] = Field("")
    topic: Field[str] = Field("")
    private: Field[bool] = Field(False)
    owner: Field[str] = Field("")
    members: Field[set[str]] = Field(set, type=set[str])
    moderators: Field[set[str]] = Field(set, type=set[str])
    invited: Field[set[str]] = Field(set, type=set[str])
    banned: Field[set[str]] = Field(set, type=set[str])
    history: Field[list[Message]] = Field(list, session=True)

    def __str__(self) -> str:
        return self.name or self.key

    # -- to override ------------------------------------------------------------------------

    def is_moderator(self, user: Any) -> bool:
        """Whether they moderate this channel. An application may let its admins moderate all."""
        return user.key in self.moderators

    def may_close(self, user: Any) -> bool:
        """Whether they may close this channel. An application may let its admins close all."""
        return bool(user.key == self.owner)

    def said_text(self, who: object, text: str) -> object:
        """A message as it is shown."""
        return f"[{self}] {who}: {text}"

    def notice_text(self, text: str) -> object:
        """A notice, such as of a new member, as it is shown."""
        return _("[{channel}] {notice}", channel=self, notice=text)

    def everybody(self) -> Iterable[Any]:
        """The users whom a message may reach; by default all who are connected.

        An application may include users whose link is lost.
        """
        return [client.user for client in self.service.clients if client.user is not None]

    @classmethod
    def forget_user(cls, key: str) -> None:
        """Called when an account is deleted: it is no longer a member, moderator or banned."""
        for channel in cls.manager.all().values():
            groups = (channel.members, channel.moderators, channel.invited, channel.banned)
            if key == channel.owner or any(key in group for group in groups):
                for group in groups:
                    group.discard(key)
                channel.owner = "" if channel.owner == key else channel.owner
                channel.changed()

    # -- creating and closing ---------------------------------------------------------------

    @classmethod
    def create(cls, name: str, *, by: Any) -> Self:
        """Create a channel. The user owns it, moderates it, and joins it.

        Raises:
            Refused: the name cannot be used or is taken, or they have as many channels as the setting
                ``channels_max_owned`` allows (0: any number). This reads all saved channels.
        """
        limit = cls.service.settings.channels_max_owned
        owned = sum(channel.owner == by.key for channel in cls.manager.all().values())
        if 0 < limit <= owned:
            raise Refused(
                ngettext(
                    "You have {count} channel already. Close it first.",
                    "You have {count} channels already. Close one of them first.",
                    owned,
                )
            )
        try:
            channel: Self = cls.manager.create(name, name=name, owner=by.key)
        except InvalidKey as error:
            raise Refused(sentence(error)) from None
        except KeyInUse:
            raise Refused(_("The name {name!r} is taken.", name=name)) from None
        channel.moderators.add(by.key)
        channel.join(by)
        return channel

    def close(self, *, by: Any) -> None:
        """Delete the channel; for its owner, and others whom ``may_close`` allows it."""
        if not self.may_close(by):
            raise Refused(_("Only the owner of {channel} can do that.", channel=self))
        self._report(_("{user} has closed the channel.", user=by), by)
        for user in self.online():
            self._fire(Parted, user)
        self.manager.delete(self.key)

    # -- members ------------------------------------------------------------------------

    def has(self, user: Any) -> bool:
        """Whether they are a member."""
        return user.key in self.members

    def is_visible_to(self, user: Any) -> bool:
        """Whether they may see it: a private channel is visible to members and invited users only."""
        return not self.private or self._is_welcome(user)

    def join(self, user: Any) -> None:
        """Add a member. They are shown the topic and the history."""
        if self.has(user):
            raise Refused(_("You are already on {channel}.", channel=self))
        if user.key in self.banned:
            raise Refused(_("You are banned from {channel}.", channel=self))
        if not self.is_visible_to(user):
            raise Refused(
                _(
                    "{channel} is private. Ask one of its moderators to invite you.",
                    channel=self,
                )
            )
        self.notify(_("{user} has joined.", user=user), by=user)
        self.members.add(user.key)
        self.invited.discard(user.key)
        self.changed(user)
        self._fire(Joined, user)
        user.write(*self.greeting(user))

    def leave(self, user: Any) -> None:
        """Remove a member."""
        if not self.has(user):
            raise Refused(_("You are not on {channel}.", channel=self))
        self.members.discard(user.key)
        self.changed(user)
        self._fire(Parted, user)
        user.write(self.notice_text(_("You have left.")))
        self.notify(_("{user} has left.", user=user), by=user)

    def say(self, user: Any, text: str) -> None:
        """Send a message to all members, the speaker included."""
        if not self.has(user):
            raise Refused(_("Join {channel} first.", channel=self))
        self.relay(user, text)

    def relay(self, speaker: Any, text: str) -> None:
        """Send a message of somebody who need not be a member, such as of a bridge to another network."""
        if not self.write_all(self.said_text(speaker, text), by=speaker):
            return
        self.history.append((self.service.clock.now(), str(speaker), text, speaker.key))
        del self.history[: -self.history_max]
        self.service.fire(Said(self.service, speaker, self, text))

    def greeting(self, user: Any = None) -> list[object]:
        """The lines that a new member is shown: the topic, and what those said whom they do not ignore."""
        now = self.service.clock.now()  # it may have been set back since then
        lines: list[object] = [self.notice_text(self.topic or _("You have joined."))]
        lines += [
            f"{local(min(when, now), user):%H:%M} {self.said_text(who, text)}"
            for when, who, text, key in self.history
            if not ignores(user, _Speaker(key))
        ]
        return lines

    def online(self) -> list[Any]:
        """The members whom a message may reach."""
        return [user for user in self.everybody() if user.key in self.members]

    def write_all(self, *lines: object, by: Any = None, notice: bool = False) -> bool:
        """Write to all online members. Arguments and result are as for ``write_users``."""
        return write_users(self.online(), *lines, by=by, room=self, notice=notice)

    def notify(self, text: str, *, by: Any = None) -> None:
        """Send a notice to all members, except those who ignore ``by``, who has caused it."""
        self.write_all(self.notice_text(text), by=by, notice=True)

    # -- moderation -----------------------------------------------------------------------------

    def set_topic(self, text: str, *, by: Any) -> None:
        """Change the topic; for moderators."""
        self._check_moderator(by)
        self.topic = text.strip()[: self.topic_max]
        self.changed(by)
        if self.topic:
            text = _("{user} has changed the topic to: {topic}", user=by, topic=self.topic)
        else:
            text = _("{user} has removed the topic.", user=by)
        self._report(text, by)

    def set_private(self, private: bool, *, by: Any) -> None:
        """Make it private or open; for moderators. Members remain members."""
        self._check_moderator(by)
        self.private = private
        self.changed(by)
        self._report(
            _("The channel is now private.") if private else _("The channel is now open."), by
        )

    def invite(self, user: Any, *, by: Any) -> None:
        """Invite a user; on a private channel for moderators, else for members."""
        if self.private:
            self._check_moderator(by)
        elif not self.has(by):
            raise Refused(_("Join {channel} first.", channel=self))
        if user.key in self.banned:
            raise Refused(_("{user} is banned from {channel}.", user=user, channel=self))
        if self.has(user):
            raise Refused(_("{user} is already on {channel}.", user=user, channel=self))
        if ignores(user, by):
            raise Refused(_("{user} ignores you.", user=user))
        self.invited.add(user.key)
        self.changed(by)
        invitation = _("{user} invites you to join {channel}.", user=by, channel=self)
        if not write_users([user], invitation, by=by, room=user):
            return
        by.write(_("You have invited {user} to {channel}.", user=user, channel=self))

    def kick(self, user: Any, *, by: Any) -> None:
        """Remove a member, who may join again; for moderators."""
        self._check_moderator(by)
        if not self.has(user):
            raise Refused(_("{user} is not on {channel}.", user=user, channel=self))
        self.members.discard(user.key)
        self.changed(by)
        self._fire(Parted, user)
        user.write(_("{user} has removed you from {channel}.", user=by, channel=self))
        self._report(_("{user} has removed {member}.", user=by, member=user), by)

    def ban(self, user: Any, *, by: Any) -> None:
        """Remove a user who may not join again; for moderators. Moderators cannot be banned."""
        self._check_moderator(by)
        if self.is_moderator(user):
            raise Refused(_("{user} is a moderator of {channel}.", user=user, channel=self))
        self.banned.add(user.key)
        self.invited.discard(user.key)
        if self.has(user):
            self.kick(user, by=by)
        self.changed(by)
        by.write(_("You have banned {user} from {channel}.", user=user, channel=self))

    def unban(self, user: Any, *, by: Any) -> None:
        """End a ban; for moderators."""
        self._check_moderator(by)
        self.banned.discard(user.key)
        self.changed(by)
        by.write(_("{user} is no longer banned from {channel}.", user=user, channel=self))

    def promote(self, user: Any, *, by: Any) -> None:
        """Make a user a moderator; for moderators."""
        self._check_moderator(by)
        self.moderators.add(user.key)
        self.changed(by)
        self._report(_("{user} is now a moderator.", user=user), by)

    def demote(self, user: Any, *, by: Any) -> None:
        """Take a moderator's role away; for moderators. The last moderator cannot be demoted."""
        self._check_moderator(by)
        if self.moderators == {user.key}:
            raise Refused(
                _(
                    "{channel} needs a moderator. Make another user a moderator first.",
                    channel=self,
                )
            )
        self.moderators.discard(user.key)
        self.changed(by)
        self._report(_("{user} is no longer a moderator.", user=user), by)

    def changed(self, by: Any = None) -> Deferred[bool]:
        """Save it after a change, unless its store is temporary.

        Args:
            by: who has changed it: they are told if it could not be saved, and when it is.
        """
        return save_for(self, by)

    # -- inside -----------------------------------------------------------------------------

    def _fire(self, event: type[Joined] | type[Parted], user: Any) -> None:
        self.service.fire(event(self.service, user, self))

    def _is_welcome(self, user: Any) -> bool:
        insiders = self.members | self.invited | self.moderators
        return user.key in insiders or self.is_moderator(user)

    def _report(self, text: str, by: Any) -> None:
        """Send a notice to all members, and to ``by``, who need not be a member."""
        self.notify(text, by=by)
        if not self.has(by):
            by.write(self.notice_text(text))

    def _check_moderator(self, by: Any) -> None:
        if not self.is_moderator(by):
            raise Refused(_("Only moderators of {channel} can do that.", channel=self))


@dataclass(frozen=True, slots=True)
class _Speaker:
    """Stands for a speaker who may have left, where ``ignores`` looks only at the key."""

    key: str
