"""Looks at what a peer says first, before it is greeted: programs at the wrong port, and health checks.

Browsers and TLS clients speak first, people's programs mostly wait for the greeting. So the connection
begins with the first bytes, or after ``detect_delay``, whichever comes first. A peer that closes without
a byte until then, as a proxy's health check does, never becomes a client.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol, ServerFactory, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from cletus.doors.address import printable
from cletus.protocol.lines import answer_to_http, is_request

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress

_TLS_HELLO = b"\x16\x03"


@implementer(IHalfCloseableProtocol)
class FirstBytes(Protocol):
    """A connection that has not begun yet, and then hands on what arrives.

    Args:
        factory: says what to do.
        address: where the peer is, for the protocol that is chosen.

    Attributes:
        inner: the protocol that was chosen; ``None`` until then.
    """

    log = Logger()
    transport: Any  # Twisted's; ITransport names only half of what every transport can

    def __init__(self, factory: FirstBytesFactory, address: IAddress | None) -> None:
        self._factory = factory
        self._address = address
        self.inner: Any = None
        self._timer: Any = None

    def connectionMade(self) -> None:
        """Twisted's: somebody has connected."""
        delay = self._factory.delay()
        if delay:
            self._timer = self._factory.reactor.callLater(delay, self._begin)
            self._factory.waiting[self] = None
        else:
            self._begin()

    def dataReceived(self, data: bytes) -> None:
        """Twisted's: bytes have arrived; the first ones say who speaks."""
        if self.inner is not None:
            self.inner.dataReceived(data)
            return
        if self._timer is None:  # answered already
            return
        line = data.partition(b"\n")[0].rstrip(b"\r")
        if data.startswith(_TLS_HELLO) and self._factory.tls is not None:
            self._begin(self._factory.tls)
        elif data.startswith(_TLS_HELLO):
            self._turn_away(b"", "spoke TLS at a door without")
            return
        elif is_request(line):
            page = self._factory.page(self.transport.getHost())
            self._turn_away(answer_to_http(data, page), "spoke HTTP")
            return
        else:
            self._begin()
        if self.inner is not None:
            self.inner.dataReceived(data)

    def readConnectionLost(self) -> None:
        """Twisted's: the peer sends nothing more; if it never has, it is not a person."""
        if IHalfCloseableProtocol.providedBy(self.inner):
            self.inner.readConnectionLost()
        else:
            self.transport.loseConnection()

    def writeConnectionLost(self) -> None:
        """Twisted's: only our side is closed. It never is on its own."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Twisted's: the connection is gone."""
        self._stop_waiting()
        if self.inner is not None:
            self.inner.connectionLost(reason)

    def _begin(self, factory: Any = None) -> None:
        self._stop_waiting()
        transport = self.transport
        self.inner = (factory or self._factory.factory).buildProtocol(self._address)
        if getattr(transport, "protocol", None) is self:
            transport.protocol = self.inner  # from here on there is nothing to look at
        self.inner.makeConnection(transport)

    def _turn_away(self, answer: bytes, deed: str) -> None:
        self._stop_waiting()
        self.log.info("{client} {deed}", client=printable(self.transport.getPeer()), deed=deed)
        if answer:
            self.transport.write(answer)
        self.transport.loseConnection()

    def begin(self) -> None:
        """Begin now, whatever the peer says first."""
        self._begin()

    def _stop_waiting(self) -> None:
        self._factory.waiting.pop(self, None)
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()


class FirstBytesFactory(ServerFactory):
    """Stands before the factory of a door.

    Args:
        factory: makes the connections.
        reactor: its timers.
        delay: seconds that a silent peer waits for the connection to begin; 0: no first bytes are looked at.
        page: the URL of the service's page, given the address that a peer has connected to; "" without one.
        tls: makes the connections of peers that begin with TLS; without it they are closed.

    Attributes:
        waiting: the connections that have not begun; nothing was read from them.
    """

    noisy = False

    def __init__(
        self,
        factory: Any,
        reactor: Any,
        *,
        delay: Callable[[], float],
        page: Callable[[Any], str],
        tls: Any = None,
    ) -> None:
        self.factory = factory
        self.reactor = reactor
        self.delay = delay
        self.page = page
        self.tls = tls
        self.waiting: dict[FirstBytes, None] = {}

    def buildProtocol(self, addr: IAddress | None) -> FirstBytes:
        """Twisted's: somebody has connected."""
        return FirstBytes(self, addr)
