"""Talking across rooms: who is on a channel hears what is said on it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, ClassVar

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from cletus.contrib.audience import ignores, write_users
from cletus.errors import Refused
from cletus.storage import Field, Store, TempStoreMixin

Said = tuple[float, str, str]

#: Of the module, not of a class: an event keeps its source, and so would keep old code alive.
_log = Logger()


class BaseChannel(Store):
    """The base of an application's ``Channel`` store.

    What changes a channel for good saves it, too. Each method that takes ``by`` raises ``Refused``
    with a sentence for that person if they may not do it.

    Attributes:
        name: as it is shown; by default the key.
        topic: what it is about.
        private: whether only those can join who were invited.
        members: keys of those who have joined; they stay so while they are offline.
        moderators, invited, banned: keys, too.
        history: the last things said, as (time, name, text), for this run of the service.
    """

    abstract = True
    #: How many things said are kept for those who join.
    history_max: ClassVar[int] = 20
    #: Letters of a topic; the rest is cut.
    topic_max: ClassVar[int] = 200

    name: Field[str] = Field("")
    topic: Field[str] = Field("")
    private: Field[bool] = Field(False)
    members: Field[set[str]] = Field(set, type=set[str])
    moderators: Field[set[str]] = Field(set, type=set[str])
    invited: Field[set[str]] = Field(set, type=set[str])
    banned: Field[set[str]] = Field(set, type=set[str])
    history: Field[list[Said]] = Field(list, session=True)

    def __str__(self) -> str:
        return self.name or self.key

    # -- to override ------------------------------------------------------------------------

    def is_moderator(self, user: Any) -> bool:
        """Whether they rule here; an application may let its admins rule everywhere."""
        return user.key in self.moderators

    def said_text(self, who: object, text: str) -> object:
        """How something said is shown."""
        return f"[{self}] {who}: {text}"

    def notice_text(self, text: str) -> object:
        """How something that has happened is shown."""
        return f"[{self}] {text}"

    def everybody(self) -> Iterable[Any]:
        """Whom a line may reach; by default all users who are connected, in the order of their coming.

        An application may add those whose connection broke and who are waited for.
        """
        return [one.user for one in self.service.clients if one.user is not None]

    # -- being on it ------------------------------------------------------------------------

    def has(self, user: Any) -> bool:
        """Whether they have joined."""
        return user.key in self.members

    def is_visible_to(self, user: Any) -> bool:
        """Whether they may know of it: a private channel is not there for those not invited."""
        return not self.private or self._is_welcome(user)

    def join(self, user: Any) -> None:
        """Have somebody on it; they see the topic, and what was said last."""
        if self.has(user):
            raise Refused(f"You are on {self} already.")
        if user.key in self.banned:
            raise Refused(f"You are banned from {self}.")
        if not self.is_visible_to(user):
            raise Refused(f"{self} is private; ask somebody on it to invite you.")
        self.notify(f"{user} has joined.")
        self.members.add(user.key)
        self.invited.discard(user.key)
        self.changed()
        user.write(*self.greeting())

    def leave(self, user: Any) -> None:
        """Have them off it."""
        if not self.has(user):
            raise Refused(f"You are not on {self}.")
        self.members.discard(user.key)
        self.changed()
        user.write(self.notice_text("You have left."))
        self.notify(f"{user} has left.")

    def say(self, user: Any, text: str) -> None:
        """Say something to all who are on it, and to themself."""
        if not self.has(user):
            raise Refused(f"Join {self} first.")
        self.history.append((self.service.clock.seconds(), str(user), text))
        del self.history[: -self.history_max]
        self.write_all(self.said_text(user, text), by=user)

    def greeting(self) -> list[object]:
        """What somebody reads who joins."""
        lines: list[object] = [self.notice_text(self.topic or "You have joined.")]
        lines += [f"{_clock(when)} {self.said_text(who, text)}" for when, who, text in self.history]
        return lines

    def online(self) -> list[Any]:
        """Members among those whom a line may reach."""
        return [one for one in self.everybody() if one.key in self.members]

    def write_all(self, *lines: object, by: Any = None) -> None:
        """Write to all members whom it may reach, but for those who ignore ``by``."""
        write_users(self.online(), *lines, by=by)

    def notify(self, text: str) -> None:
        """Tell all members of something that has happened."""
        self.write_all(self.notice_text(text))

    # -- ruling -----------------------------------------------------------------------------

    def set_topic(self, text: str, *, by: Any) -> None:
        """Change what it is about; for moderators."""
        self._check_moderator(by)
        self.topic = text.strip()[: self.topic_max]
        self.changed()
        self._report(
            f"{by} has changed the topic: {self.topic}" if self.topic else "No topic now.", by
        )

    def set_private(self, private: bool, *, by: Any) -> None:
        """Close it to those who are not invited, or open it; for moderators. Members stay."""
        self._check_moderator(by)
        self.private = private
        self.changed()
        self._report("It is private now." if private else "It is open to all now.", by)

    def invite(self, user: Any, *, by: Any) -> None:
        """Let somebody join: on a private channel for its moderators, else for its members."""
        if self.private:
            self._check_moderator(by)
        elif not self.has(by):
            raise Refused(f"Join {self} first.")
        if user.key in self.banned:
            raise Refused(f"{user} is banned from {self}.")
        if self.has(user):
            raise Refused(f"{user} is on {self} already.")
        if ignores(user, by):
            raise Refused(f"{user} does not listen to you.")
        self.invited.add(user.key)
        self.changed()
        user.write(f"{by} invites you to join {self}.")
        by.write(f"You have invited {user} to {self}.")

    def kick(self, user: Any, *, by: Any) -> None:
        """Put somebody off it; for moderators. They may join again."""
        self._check_moderator(by)
        if not self.has(user):
            raise Refused(f"{user} is not on {self}.")
        self.members.discard(user.key)
        self.changed()
        user.write(f"{by} has put you off {self}.")
        self._report(f"{by} has put {user} off.", by)

    def ban(self, user: Any, *, by: Any) -> None:
        """Put somebody off it for good; for moderators, and not against moderators."""
        self._check_moderator(by)
        if self.is_moderator(user):
            raise Refused(f"{user} is a moderator of {self}.")
        self.banned.add(user.key)
        self.invited.discard(user.key)
        if self.has(user):
            self.kick(user, by=by)
        self.changed()
        by.write(f"{user} is banned from {self}.")

    def unban(self, user: Any, *, by: Any) -> None:
        """Take a ban back; for moderators."""
        self._check_moderator(by)
        self.banned.discard(user.key)
        self.changed()
        by.write(f"{user} is not banned from {self}.")

    def promote(self, user: Any, *, by: Any) -> None:
        """Make somebody a moderator; for moderators."""
        self._check_moderator(by)
        self.moderators.add(user.key)
        self.changed()
        self._report(f"{user} is a moderator now.", by)

    def demote(self, user: Any, *, by: Any) -> None:
        """Make somebody a moderator no more; for moderators. One always remains."""
        self._check_moderator(by)
        if self.moderators == {user.key}:
            raise Refused(f"{self} needs a moderator; make somebody else one first.")
        self.moderators.discard(user.key)
        self.changed()
        self._report(f"{user} is no moderator any more.", by)

    def changed(self) -> Deferred[None]:
        """Called when it has changed for good: saves it, unless its store is temporary."""
        if isinstance(self, TempStoreMixin):
            return succeed(None)
        return self.save_soon().addErrback(self._unsaved)

    # -- inside -----------------------------------------------------------------------------

    def _unsaved(self, failure: Any) -> None:
        _log.failure("{channel} could not be saved", failure=failure, channel=repr(self))

    def _is_welcome(self, user: Any) -> bool:
        known = self.members | self.invited | self.moderators
        return user.key in known or self.is_moderator(user)

    def _report(self, text: str, by: Any) -> None:
        """Tell all members what somebody has done to it, and them, who need not be one."""
        self.notify(text)
        if not self.has(by):
            by.write(self.notice_text(text))

    def _check_moderator(self, by: Any) -> None:
        if not self.is_moderator(by):
            raise Refused(f"Only moderators of {self} can do that.")


def _clock(when: float) -> str:
    return time.strftime("%H:%M", time.gmtime(when))
