"""Being here: a user comes in, is taken over by a new connection, loses the link, comes back, goes.

    offline --arrive--> online --lose_link--> link-dead --arrive--> online
                          |                      |
                          +-------leave----------+--grace is over--> offline

Someone whose link is lost stays as they were for ``linkdead_timeout`` seconds: they are active, they are
``online`` to others, and what they are told meanwhile is kept for them. All of it is state of the
store object, so a reload changes nothing of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from twisted.logger import Logger

from cletus.client.rendering import is_rendered, shown
from cletus.contrib.users.events import LinkLost, LoggedIn, LoggedOut, Reconnected
from cletus.protocol.charset import telnet_encoder
from cletus.protocol.terminal import COLUMNS, Look
from cletus.service.lifecycle import State
from cletus.storage import Field, TempStoreMixin
from cletus.text.markup import Styled

if TYPE_CHECKING:
    from twisted.python.failure import Failure

    from cletus.client.client import Client
    from cletus.contrib.users.user import BaseUser
    from cletus.service.timers import Timer

    _Base = BaseUser
else:
    _Base = object


#: Lines, and characters of all lines together. Our choices.
LINES_MAX = 200
CHARACTERS_MAX = 64 * 1024


class MissedMixin:
    """Gives a user a list of what they have missed.

    Attributes:
        missed: lines, the oldest first; coloured ones keep their colours.
        missed_dropped: how many older ones had to be forgotten.
    """

    missed: Field[list[str | Styled]] = Field(list, session=True)
    missed_dropped: Field[int] = Field(0, session=True)

    def miss(self, *lines: object) -> None:
        """Keep these lines for them; without arguments, an empty one, as ``write`` does."""
        for line in lines or ("",):
            self.missed.append(_kept(line))
        while len(self.missed) > LINES_MAX or sum(map(len, self.missed)) > CHARACTERS_MAX:
            del self.missed[0]
            self.missed_dropped += 1

    def tell_missed(self, client: Client) -> None:
        """Show them all of it, and forget it."""
        missed, dropped = self.missed, self.missed_dropped
        self.forget_missed()
        if not missed:
            return
        client.write("Meanwhile:")
        if dropped:
            client.write(f"({dropped} earlier lines are lost.)")
        client.write(*missed)

    def forget_missed(self) -> None:
        """Forget it."""
        self.missed, self.missed_dropped = [], 0


#: For tables and the like: nobody knows yet what terminal they will come back with.
_ANY_TERMINAL = Look(telnet_encoder(), COLUMNS, 0, False, False)


def _kept(line: object) -> str | Styled:
    """A line in a form that a reload can carry."""
    if isinstance(line, Styled) and len(line) <= CHARACTERS_MAX:
        return line
    return (shown(line, _ANY_TERMINAL) if is_rendered(line) else str(line))[:CHARACTERS_MAX]


#: Of the module and not of a class, since a log event refers to the object whose logger it is from,
#: and logs may be kept longer than a generation of the code.
log = Logger()


class PresenceMixin(MissedMixin, _Base):
    """Gives a user a life between logging in and logging out.

    Attributes:
        users: what the application made with ``Users(service, User)``; ``None`` before that.
        link_lost: whether their connection broke and they are waited for.
        grace: the timer that ends the wait.
    """

    users: ClassVar[Any] = None
    link_lost: Field[bool] = Field(False, session=True)
    grace: Field[Timer | None] = Field(None, session=True)

    @property
    def is_online(self) -> bool:
        """Whether they are here, with a connection or waited for."""
        return self.client is not None or self.link_lost

    def write(self, *lines: object) -> None:
        """Send these as whole lines, or keep them for somebody who is waited for."""
        if self.client is not None:
            self.client.write(*lines)
        elif self.link_lost:
            self.miss(*lines)

    def arrive(self, client: Client, *, is_new: bool = False) -> None:
        """They are at this client now, whatever was before. Fires ``LoggedIn`` or ``Reconnected``.

        Whoever was connected as the same user is told and closed.
        """
        was_online, was_lost = self.is_online, self.link_lost
        self._end_grace()
        self.log_in(client)
        log.info("{who} is at {client}", who=repr(self), user=self.key, client=repr(client))
        if was_online:
            self.tell_missed(client)
            self.service.fire(Reconnected(self.service, self, was_lost))
        else:
            self.service.fire(LoggedIn(self.service, self, is_new))

    def lose_link(self, reason: str) -> None:
        """Their connection has broken: wait for them, if the settings say so."""
        grace = self.service.settings.linkdead_timeout
        if not grace or self.service.state is not State.RUNNING:
            self.leave(reason)
            return
        self.client = None
        self._end_grace()
        self.link_lost = True
        self.grace = self.service.call_later(grace, self.grace_over)
        self._note_leaving()
        log.info("{who} lost the link: {why}", who=repr(self), user=self.key, why=reason)
        self.service.fire(LinkLost(self.service, self))

    def grace_over(self) -> None:
        """They did not come back in time."""
        self.grace = None
        if self.link_lost:
            self.leave("did not come back")

    def leave(self, reason: str = "quit") -> None:
        """They go: saved, offline, and their connection closed if they have one.

        Fires ``LoggedOut`` while they are still in their manager's list, but have no client any
        more. Harmless if they are offline.
        """
        if not self.is_online:
            return
        client = self.client
        self._end_grace()
        self.forget_missed()
        self.client = None
        self._note_leaving()
        log.info("{who} has left: {why}", who=repr(self), user=self.key, why=reason)
        self.service.fire(LoggedOut(self.service, self, reason))
        if client is not None:
            client.close(reason)
        if not self.is_online:  # a listener could have brought them back
            self.log_out()

    def save_when_possible(self) -> None:
        """Save them soon, if they are of those who are saved; a failure is logged."""
        if not isinstance(self, TempStoreMixin):
            self.save_soon().addErrback(self._not_saved)

    # -- inside -----------------------------------------------------------------------------

    def _end_grace(self) -> None:
        if self.grace is not None:
            self.grace.cancel()
        self.grace, self.link_lost = None, False

    def _note_leaving(self) -> None:
        if self.users is not None:
            self.users.note_seen(self)
        self.save_when_possible()

    def _not_saved(self, failure: Failure) -> None:
        why = failure.getErrorMessage()
        log.error("{who} was not saved: {why}", who=repr(self), user=self.key, why=why)
