"""Joins channels of ``contrib.channels`` with channels of an IRC server.

    bridge = IrcBridge(
        service, Channel, {"lamp": "#lantern"}, server="tls:irc.libera.chat:6697", nickname="lantern"
    )

That line belongs in a module body of the application, so every reload runs it again. The connection
itself is kept on the service, and the bridge of the new code goes on with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from twisted.internet.interfaces import IReactorTCP

from cletus import events
from cletus.contrib.channels.events import Joined, Said
from cletus.contrib.irc.events import IrcBack, IrcLeftOut, IrcLost, IrcReceived
from cletus.contrib.irc.lines import folded
from cletus.contrib.irc.link import IrcLimits, IrcLink, IrcServer, links_of
from cletus.contrib.language import listed
from cletus.service.service import Service
from cletus.text import gettext as _
from cletus.text import ngettext

#: People on the other side who are named to those who join a channel; the others are counted.
_NAMED: Final = 10

_NICKNAME = re.compile(r"[A-Za-z\[\]\\`_^{|}][A-Za-z0-9\[\]\\`_^{|}-]{0,29}")
_TARGET = re.compile(r"([#&+!][^\s,:\x00-\x1f\x7f]{1,49})(?: ([^\s,:\x00-\x1f\x7f]{1,50}))?")


@dataclass(frozen=True, slots=True)
class IrcUser:
    """Somebody on IRC, where a channel expects a user: ``ann@irc``.

    Names of accounts are letters alone, so nobody on IRC can look like an account.

    Attributes:
        nickname: as it is shown, without spaces and control characters.
        bridge: the name of the bridge.
    """

    nickname: str
    bridge: str

    def __str__(self) -> str:
        return f"{self.nickname}@{self.bridge}"

    @property
    def key(self) -> str:
        """What others ignore them by; not a key of an account, which has no ``@``."""
        return str(self).lower()

    @property
    def client(self) -> None:
        """They have none."""

    def write(self, *lines: object) -> None:
        """Nothing: answers go to the channel."""


class IrcBridge:
    """Channels joined with channels of one IRC server.

    Args:
        service: the service.
        channel: the store class of channels.
        channels: key of a channel to the channel on IRC that it is joined with: ``"#lantern"``, or
            ``"#lantern secret"`` for one that has a key.
        server: Twisted's description of an endpoint: ``tcp:irc.example.org:6667``, or
            ``tls:irc.example.org:6697`` (needs the extra ``tls``), which checks the certificate.
        nickname: ours.
        name: of the bridge; stands after the ``@`` of the nicknames of people on IRC.
        realname: what ``/whois`` shows; by default the name of the service.
        password: of the server; many networks take ``account:password``.
        limits: how much may go over it.

    Raises:
        ValueError: the nickname, the name or a channel on IRC cannot be one.
    """

    def __init__(
        self,
        service: Service,
        channel: type[Any],
        channels: Mapping[str, str],
        *,
        server: str,
        nickname: str,
        name: str = "irc",
        realname: str = "",
        password: str = "",
        limits: IrcLimits | None = None,
    ) -> None:
        if _NICKNAME.fullmatch(nickname) is None:
            raise ValueError(f"{nickname!r} cannot be a nickname on IRC")
        if not name.isalnum():
            raise ValueError(f"the name of a bridge has letters and digits only, not {name!r}")
        if not (realname + password).isprintable():
            raise ValueError("the real name or the password has a control character")
        self.service = service
        self.name = name
        self._channel = channel
        targets = {key: _target_and_key(text) for key, text in channels.items()}
        self._targets = {key: target for key, (target, _) in targets.items()}
        self._keys = dict(targets.values())
        realname = realname or service.settings.name or nickname
        self._server = IrcServer(server, nickname, realname, password, limits or IrcLimits())
        for event, listener in (
            (events.PostStart, self._started),
            (events.PostRestart, self._started),
            (events.PostReload, self._started),
            (events.PreStop, self._stopping),
            (Said, self._said),
            (Joined, self._joined),
            (IrcReceived, self._received),
            (IrcLost, self._lost),
            (IrcBack, self._back),
            (IrcLeftOut, self._left_out),
        ):
            service.listen(event)(listener)

    # -- to override ------------------------------------------------------------------------

    def sent_prefix(self, user: Any) -> str:
        """What stands before each line of theirs on IRC."""
        return f"<{user}> "

    def introduction(self, channel: Any) -> str:
        """What somebody who joins the channel is told: that others read it, and who."""
        target = self._targets[channel.key]
        people = self.people(channel)
        named = [str(user) for user in people[:_NAMED]]
        if len(people) > _NAMED:
            named[_NAMED:] = [ngettext("{count} other", "{count} others", len(people) - _NAMED)]
        there = (
            _("On the other side: {people}.", people=listed(named))
            if named
            else _("Nobody is there now.")
        )
        return _(
            "What is said here is also read on {target} ({bridge}). {there}",
            target=target,
            bridge=self.name,
            there=there,
        )

    # -- for the application ----------------------------------------------------------------

    def people(self, channel: Any) -> list[IrcUser]:
        """Who is on the other side of a channel, sorted; nobody while it is not connected."""
        target, link = self._targets.get(channel.key), self._link
        names = [] if target is None or link is None else link.people(target)
        return [IrcUser(name, self.name) for name in sorted(names, key=str.casefold)]

    def is_connected(self, channel: Any) -> bool:
        """Whether what is said on a channel is read on IRC now."""
        target, link = self._targets.get(channel.key), self._link
        return target is not None and link is not None and link.is_on(target)

    # -- the link ---------------------------------------------------------------------------

    @property
    def _link(self) -> IrcLink | None:
        return links_of(self.service).get(self.name)

    def _started(self, _event: events.Event) -> None:
        if not IReactorTCP.providedBy(self.service.reactor):
            return  # in memory
        link = self._link
        if link is None or link.server != self._server or not link.is_running:
            if link is not None:
                link.stop("the bridge has changed")
            link = IrcLink(self.service, self.name, self._server)
            links_of(self.service)[self.name] = link
            link.start()
        link.generation = self.service.session.generation
        link.set_channels(self._keys)

    def _stopping(self, _event: events.PreStop) -> None:
        link = links_of(self.service).pop(self.name, None)
        if link is not None:
            link.stop("the service stops")

    # -- from here to there -----------------------------------------------------------------

    def _said(self, event: Said) -> None:
        target, link = self._targets.get(event.channel.key), self._link
        # What comes over a bridge goes over none: two bridges would send it in a circle.
        if target is not None and link is not None and not isinstance(event.user, IrcUser):
            link.send(event.user.key, target, self.sent_prefix(event.user), str(event.text))

    # -- from there to here -----------------------------------------------------------------

    def _received(self, event: IrcReceived) -> None:
        if event.bridge != self.name:
            return
        links = links_of(self.service).items()
        if any(
            link.has_sent(event.text, except_to=event.target if name == self.name else "")
            for name, link in links
        ):
            return  # somebody else's bridge sends back what was said here
        user = IrcUser(event.nickname, self.name)
        for channel in self._channels_of(event.target):
            if event.action:
                channel.notify(f"{user} {event.text}", by=user)  # their own words
            else:
                channel.relay(user, event.text)

    def _lost(self, event: IrcLost) -> None:
        text = (
            _(
                "The connection to {target} is lost ({reason}).",
                target=event.target,
                reason=_(event.reason),  # ours, or of the server
            )
            if event.reason
            else _("The connection to {target} is lost.", target=event.target)
        )
        self._notify(event, text)

    def _back(self, event: IrcBack) -> None:
        self._notify(event, _("The connection to {target} is back.", target=event.target))

    def _left_out(self, event: IrcLeftOut) -> None:
        if event.sent:
            text = ngettext(
                "{count} line did not reach {target}.",
                "{count} lines did not reach {target}.",
                event.sent,
                target=event.target,
            )
            self._notify(event, text)
        if event.received:
            text = ngettext(
                "Too many at once: {count} line from {target} left out.",
                "Too many at once: {count} lines from {target} left out.",
                event.received,
                target=event.target,
            )
            self._notify(event, text)

    def _joined(self, event: Joined) -> None:
        if event.channel.key in self._targets:
            event.user.write(event.channel.notice_text(self.introduction(event.channel)))

    def _notify(self, event: IrcLost | IrcBack | IrcLeftOut, text: str) -> None:
        if event.bridge == self.name:
            for channel in self._channels_of(event.target):
                channel.notify(text)

    def _channels_of(self, target: str) -> Iterator[Any]:
        for key, own in self._targets.items():
            channel = self._channel.manager.get(key) if folded(own) == folded(target) else None
            if channel is not None:
                yield channel


def _target_and_key(text: str) -> tuple[str, str]:
    match = _TARGET.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} cannot be a channel on IRC, such as #lantern")
    return match[1], match[2] or ""
