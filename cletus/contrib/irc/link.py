"""The connection of a bridge: lasts through reloads, comes back when it is lost, and bounds what goes over it.

A link is an object of Cletus, so that an edit of the application does not touch it. It knows nothing of the
application: it fires events, which the bridge of the code in force listens to.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast
from weakref import WeakKeyDictionary

from twisted.application.internet import ClientService, backoffPolicy
from twisted.internet.endpoints import clientFromString
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.protocol import Factory
from twisted.logger import Logger

from cletus.contrib.irc.events import IrcBack, IrcLeftOut, IrcLost, IrcReceived
from cletus.contrib.irc.flood import Queue, Rate
from cletus.contrib.irc.lines import folded, messages, plain, shown_nickname, text_bytes_max
from cletus.contrib.irc.protocol import IrcConnection
from cletus.service.service import Service

_log = Logger()

#: Seconds between looks at silence, missing channels, and what was left out.
CHECK_INTERVAL: Final = 10.0

#: Seconds without a channel after which people are told; short breaks are not worth a line.
LOST_AFTER: Final = 30.0

#: Seconds of being connected after which the next attempt to connect is the first again.
STABLE_AFTER: Final = 120.0

#: Seconds that a closed connection has for what was written.
CLOSE_TIMEOUT: Final = 5.0

#: Messages that are remembered as ours, and for how many seconds.
_RECENT_MAX, _RECENT_SECONDS = 100, 60.0

#: Service to its links, by the name of their bridge. It outlasts the bridges, which are of one generation.
_links: WeakKeyDictionary[Service, dict[str, IrcLink]] = WeakKeyDictionary()


def links_of(service: Service) -> dict[str, IrcLink]:
    """The links of a service, by the name of their bridge."""
    return _links.setdefault(service, {})


@dataclass(frozen=True, slots=True)
class IrcLimits:
    """How much may go over a bridge. What is more is left out, and counted for the people of the channel.

    Attributes:
        sent_per_second: messages to the server, on average. Servers disconnect clients that send more than
            one every two seconds (RFC 2813, section 5.8).
        sent_burst: messages to the server at once.
        queue_bytes: bytes of messages that wait for that; of one speaker, a quarter.
        queue_seconds: seconds that a message may wait, also for the connection to come back.
        received_per_second: messages from one channel on IRC, on average.
        received_burst: messages from it at once.
    """

    sent_per_second: float = 0.5
    sent_burst: int = 5
    queue_bytes: int = 16_384
    queue_seconds: float = 60.0
    received_per_second: float = 2.0
    received_burst: int = 10


@dataclass(frozen=True, slots=True)
class IrcServer:
    """Where a link leads, and as whom. A link of another server is another link.

    Attributes:
        endpoint: Twisted's description of a client endpoint, such as ``tls:irc.libera.chat:6697``.
        nickname, realname, password: see ``IrcBridge``.
        limits: of the link.
    """

    endpoint: str
    nickname: str
    realname: str
    password: str
    limits: IrcLimits

    def __repr__(self) -> str:
        return f"<{self.nickname} on {self.endpoint}>"  # without the password


class IrcLink:
    """A connection to an IRC server, for as long as the application has its bridge.

    Args:
        service: the service.
        name: of the bridge.
        server: where it leads.

    Attributes:
        server: as given.
        generation: the latest generation of the code that has the bridge; of an older one it is closed.
    """

    def __init__(self, service: Service, name: str, server: IrcServer) -> None:
        self.server = server
        self.generation = 0
        self._service = service
        self._name = name
        self._channels: dict[str, str] = {}
        seconds, limits = service.clock.seconds, server.limits
        self._sending = Rate(limits.sent_per_second, limits.sent_burst, seconds)
        self._queue = Queue(limits.queue_bytes, limits.queue_seconds, seconds)
        self._receiving: dict[str, Rate] = {}
        self._not_shown: Counter[str] = Counter()
        self._recent: deque[tuple[float, str, str]] = deque(maxlen=_RECENT_MAX)
        self._missing_since: dict[str, float] = {}
        self._lost: set[str] = set()
        self._reason = ""
        self._connection: IrcConnection | None = None
        self._connected_at = 0.0
        self._attempts = 0
        self._backoff = backoffPolicy(initialDelay=5.0, maxDelay=600.0)
        self._connecting = ClientService(
            clientFromString(service.reactor, server.endpoint),
            cast("IProtocolFactory", Factory.forProtocol(self._protocol)),
            retryPolicy=self._retry_delay,
            clock=service.reactor,
        )
        self._check_call: Any = None
        self._send_call: Any = None

    @property
    def is_running(self) -> bool:
        """Whether it was started, and not stopped."""
        return bool(self._connecting.running)

    def start(self) -> None:
        """Connect, and stay connected until ``stop()``."""
        self._connecting.startService()
        self._check_call = self._service.clock.callLater(CHECK_INTERVAL, self._check)

    def stop(self, reason: str) -> None:
        """Say goodbye and disconnect."""
        for call in (self._check_call, self._send_call):
            if call is not None and call.active():
                call.cancel()
        connection = self._connection
        if connection is not None:
            connection.close(reason)
            # A server that does not read would keep it open.
            self._service.clock.callLater(CLOSE_TIMEOUT, connection.give_up, reason)
        self._connecting.stopService().addErrback(
            lambda failure: _log.failure("irc: stopping", failure=failure)
        )

    def set_channels(self, channels: Mapping[str, str]) -> None:
        """Be on these channels: name to key, which is empty for most."""
        now = self._service.clock.seconds()
        self._channels = dict(channels)
        self._missing_since = {
            name: self._missing_since.get(name, now) for name in channels if not self.is_on(name)
        }
        self._lost &= set(channels)
        self._receiving = {folded(name): self._rate_of(name) for name in channels}
        if self._connection is not None:
            self._connection.set_channels(self._channels.items())

    # -- what goes over it ------------------------------------------------------------------

    def send(self, speaker: str, target: str, prefix: str, text: str) -> None:
        """Send what somebody has said, as soon as the server takes it.

        Args:
            speaker: who, for their share of the queue.
            target: the channel on IRC.
            prefix: stands before each line of the text.
            text: may be long.
        """
        nickname = (self._connection or self.server).nickname
        for message in messages(prefix, text, text_bytes_max(nickname, target)):
            self._queue.put(speaker, target, message)
        self._send()

    def has_sent(self, text: str, *, except_to: str) -> bool:
        """Whether a text ends with what was sent just now, so that it is an echo.

        Args:
            text: what was received.
            except_to: the channel that it was received from: its people may quote what was said there.
        """
        oldest = self._service.clock.seconds() - _RECENT_SECONDS
        return any(
            when >= oldest and folded(target) != folded(except_to) and text.endswith(message)
            for when, target, message in self._recent
        )

    def is_on(self, target: str) -> bool:
        """Whether we are on a channel."""
        return self._connection is not None and self._connection.is_on(target)

    def people(self, target: str) -> list[str]:
        """The nicknames of the others on a channel, as they are shown."""
        people = self._connection.people if self._connection is not None else {}
        return [shown_nickname(name) for name in people.get(folded(target), ())]

    # -- what the connection reports: protocol.Listener ----------------------------------------------------

    def signed_on(self) -> None:
        """The server has welcomed us."""
        self._connected_at = self._service.clock.seconds()
        _log.info("irc: {name}: connected to {server}", name=self._name, server=self.server)

    def entered(self, target: str) -> None:
        """We are on a channel now."""
        for name in self._channels:
            if folded(name) == folded(target):
                self._missing_since.pop(name, None)
                if name in self._lost:
                    self._lost.discard(name)
                    self._service.fire(IrcBack(self._service, self._name, name))
        self._send()

    def received(self, nickname: str, target: str, text: str, *, action: bool) -> None:
        """Somebody has written to a channel."""
        nickname, text = shown_nickname(nickname), plain(text)
        rate = self._receiving.get(folded(target))
        if rate is None or not nickname or not text:
            return
        if not rate.take():
            self._not_shown[folded(target)] += 1
            return
        event = IrcReceived(self._service, self._name, folded(target), nickname, text, action)
        self._service.fire(event)

    def disconnected(self, reason: str) -> None:
        """The connection is gone."""
        now, reason = self._service.clock.seconds(), plain(reason)
        if self._connected_at and now - self._connected_at >= STABLE_AFTER:
            self._attempts = 0
        self._connection, self._connected_at, self._reason = None, 0.0, reason
        _log.warn("irc: {name}: disconnected: {reason}", name=self._name, reason=reason)
        for name in self._channels:
            self._missing_since.setdefault(name, now)

    # -- inside -----------------------------------------------------------------------------

    def _protocol(self) -> IrcConnection:
        self._connection = IrcConnection(
            self,
            nickname=self.server.nickname,
            realname=self.server.realname,
            password=self.server.password,
            channels=self._channels.items(),
            seconds=self._service.clock.seconds,
        )
        return self._connection

    def _retry_delay(self, _attempt: int) -> float:
        """Seconds until the next attempt. A connection that did not last counts as a failed attempt."""
        self._attempts += 1
        return self._backoff(self._attempts)

    def _rate_of(self, target: str) -> Rate:
        limits, former = self.server.limits, self._receiving.get(folded(target))
        return former or Rate(
            limits.received_per_second, limits.received_burst, self._service.clock.seconds
        )

    def _send(self) -> None:
        while self._connection is not None:
            wait = self._sending.wait
            if wait:
                if len(self._queue) and (self._send_call is None or not self._send_call.active()):
                    self._send_call = self._service.clock.callLater(wait, self._send)
                return
            message = self._queue.take(self._connection.is_on)
            if message is None:
                return
            self._sending.take()
            self._connection.send(*message)
            self._recent.append((self._service.clock.seconds(), *message))

    def _check(self) -> None:
        if self.generation != self._service.session.generation:
            # A reload has happened, and no bridge of the new code has asked for this link.
            self.stop("the bridge is gone")
            return
        self._check_call = self._service.clock.callLater(CHECK_INTERVAL, self._check)
        if self._connection is not None:
            self._connection.check()
        self._queue.expire()
        self._send()
        self._report()

    def _report(self) -> None:
        """Tell the people of channels that are lost, and how much was left out."""
        service, now = self._service, self._service.clock.seconds()
        for name in self._channels:
            if name not in self._lost and now - self._missing_since.get(name, now) >= LOST_AFTER:
                self._lost.add(name)
                refused = self._connection.refused if self._connection is not None else {}
                reason = refused.get(folded(name), self._reason)
                service.fire(IrcLost(service, self._name, name, plain(reason)))
            sent = self._queue.left_out.pop(name, 0)
            received = self._not_shown.pop(folded(name), 0)
            if sent or received:
                service.fire(IrcLeftOut(service, self._name, name, sent, received))
