"""Presence: a user comes online, reconnects, loses the link, returns, goes offline.

    offline --arrive--> online --lose_link--> link-dead --arrive--> online
                          |                      |
                          +-------leave----------+--time is over--> offline

A user whose link is lost stays online for ``linkdead_timeout`` seconds, and the lines written to them
meanwhile are kept. All of this is state of the store object, so a reload does not affect it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from twisted.logger import Logger

from cletus.client.rendering import is_rendered, shown
from cletus.contrib.addresses import origin_of
from cletus.contrib.saving import save_for
from cletus.contrib.users.events import LinkLost, LoggedIn, LoggedOut, Reconnected
from cletus.logs.audit import NAMESPACE
from cletus.protocol.charset import telnet_encoder
from cletus.protocol.terminal import COLUMNS, RenderProfile
from cletus.service.lifecycle import State
from cletus.storage import Field
from cletus.text import gettext as _
from cletus.text.markup import Styled

if TYPE_CHECKING:
    from cletus.client.client import Client
    from cletus.contrib.users.user import BaseUser
    from cletus.service.timers import Timer

    _Base = BaseUser
else:
    _Base = object


#: Missed lines that are kept, and the characters of all of them together. Our choices.
LINES_MAX = 200
CHARACTERS_MAX = 64 * 1024


class MissedMixin:
    """Keeps the lines that a user has missed while their link was lost.

    Attributes:
        missed: the lines, oldest first, with their colours.
        missed_dropped: how many older lines were dropped.
    """

    missed: Field[list[str | Styled]] = Field(list, session=True)
    missed_dropped: Field[int] = Field(0, session=True)

    def miss(self, *lines: object) -> None:
        """Keep these lines; without arguments, an empty line, as ``write`` does."""
        for line in lines or ("",):
            self.missed.append(_as_state(line))
        while len(self.missed) > LINES_MAX or sum(map(len, self.missed)) > CHARACTERS_MAX:
            del self.missed[0]
            self.missed_dropped += 1

    def show_missed(self, client: Client) -> None:
        """Send the missed lines to a client, and forget them."""
        missed, dropped = self.missed, self.missed_dropped
        self.forget_missed()
        if not missed:
            return
        client.write(_("You missed:"))
        if dropped:
            client.write(_("({dropped} earlier lines were dropped.)", dropped=dropped))
        client.write(*missed)

    def not_missed(self, *lines: object) -> None:
        """Forget the oldest of the missed lines, as far as they are these."""
        for line in lines:
            if self.missed and self.missed[0] == line:
                del self.missed[0]

    def forget_missed(self) -> None:
        """Forget the missed lines."""
        self.missed, self.missed_dropped = [], 0


#: Tables and the like are rendered for a plain terminal: the one they return with is not known yet.
_ANY_TERMINAL = RenderProfile(telnet_encoder(), COLUMNS, 0, False, False)


def _as_state(line: object) -> str | Styled:
    """The line in a form that survives a reload."""
    if isinstance(line, Styled) and len(line) <= CHARACTERS_MAX:
        return line
    return (shown(line, _ANY_TERMINAL) if is_rendered(line) else str(line))[:CHARACTERS_MAX]


#: A logger of the module, not of a class: a log event refers to the object that its logger belongs to,
#: and would keep old code alive.
log = Logger()
audit_log = Logger(NAMESPACE)


class PresenceMixin(MissedMixin, _Base):
    """What happens to a user between login and logout.

    Attributes:
        users: what the application made with ``Users(service, User)``; ``None`` before that.
        link_lost: whether their connection broke and they may still return.
        grace: the timer that takes them offline.
        origin: where they have connected from last, as ``addresses.origin_of`` returns it.
    """

    users: ClassVar[Any] = None
    link_lost: Field[bool] = Field(False, session=True)
    grace: Field[Timer | None] = Field(None, session=True)
    origin: Field[str] = Field("", session=True)

    @property
    def is_online(self) -> bool:
        """Whether they are connected, or their link is lost and they may still return."""
        # Not ``self.client``: the descriptor takes most of the time when all users are asked.
        return self.__dict__.get("client") is not None or self.link_lost

    def write(self, *lines: object) -> None:
        """Send whole lines, or keep them while the link is lost."""
        if self.client is not None:
            self.client.write(*lines)
        elif self.link_lost:
            self.miss(*lines)

    def arrive(self, client: Client, *, is_new: bool = False) -> None:
        """Attach them to this client, and fire ``LoggedIn`` or ``Reconnected``.

        Another connection of the same user is told and closed.
        """
        was_online, was_lost = self.is_online, self.link_lost
        if self.client is not None and self.client is not client:
            lines = self.client.unconfirmed()  # of a gateway that is about to be taken for lost
            if lines:
                self.miss(*lines)
        if was_lost:
            self.not_missed(*client.shown_after_all())
        self._end_grace()
        self.origin = origin_of(client.address)
        self.log_in(client)
        audit_log.info(
            "{who} logged in at {client}", who=repr(self), user=self.key, client=repr(client)
        )
        if was_online:
            self.show_missed(client)
            self.service.fire(Reconnected(self.service, self, was_lost))
        else:
            self.service.fire(LoggedIn(self.service, self, is_new))

    def lose_link(self, reason: str) -> None:
        """Their connection broke: keep them online for ``linkdead_timeout`` seconds (0: they leave)."""
        grace = self.service.settings.linkdead_timeout
        if not grace or self.service.state is not State.RUNNING:
            self.leave(reason)
            return
        lines = [] if self.client is None else self.client.unconfirmed()
        self.client = None
        self._end_grace()
        self.link_lost = True
        if lines:
            self.miss(*lines)
        self.grace = self.service.call_later(grace, self.grace_over)
        self._note_leaving()
        audit_log.info(
            "{who} lost the link: {reason}", who=repr(self), user=self.key, reason=reason
        )
        self.service.fire(LinkLost(self.service, self))

    def grace_over(self) -> None:
        """They did not return in time."""
        self.grace = None
        if self.link_lost:
            self.leave("did not return")

    def leave(self, reason: str = "quit") -> None:
        """Save them, take them offline, and close their connection. Does nothing if they are offline.

        Fires ``LoggedOut`` while they are still active, but have no client any more.
        """
        if not self.is_online:
            return
        client = self.client
        self._end_grace()
        self.forget_missed()
        self.client = None
        self._note_leaving()
        audit_log.info("{who} logged out: {reason}", who=repr(self), user=self.key, reason=reason)
        self.service.fire(LoggedOut(self.service, self, reason))
        if client is not None:
            client.close(reason)
        if not self.is_online:  # a listener may have brought them back online
            self.log_out()

    def leave_client(self, reason: str) -> None:
        """Go offline as ``leave`` does, but leave the connection to somebody else."""
        self.client = None
        self.link_lost = True  # so that they are online until ``leave``
        self.leave(reason)

    def hush_text(self) -> str:
        """Why they may not speak, as a sentence for them; empty if they may (see ``Users.hush``)."""
        hush = None if self.users is None else self.users.hush_of(self)
        return "" if hush is None else hush.text_for(self)

    def save_when_possible(self) -> None:
        """Save them soon, unless their store is temporary. If that fails, it is logged and they are told."""
        save_for(self, self)

    # -- inside -----------------------------------------------------------------------------

    def _end_grace(self) -> None:
        if self.grace is not None:
            self.grace.cancel()
        self.grace, self.link_lost = None, False

    def _note_leaving(self) -> None:
        if self.users is not None:
            self.users.note_seen(self)
        self.save_when_possible()
