"""Connections that come through a proxy of ours, which says first who is behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol, ServerFactory, connectionDone
from twisted.logger import Logger
from zope.interface import directlyProvides, implementer, providedBy

from cletus.errors import ProtocolError
from cletus.protocol.proxy import Origin, ProxyHeader

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress
    from twisted.python.failure import Failure

HEADER_TIMEOUT = 10.0
"""Seconds that a proxy has to say who connects. Our choice; it does so with the first packet."""


class Behind:
    """The transport of a proxy's connection, but for where it comes from.

    Args:
        transport: Twisted's.
        peer: where the person is.
    """

    def __init__(self, transport: Any, peer: Any) -> None:
        self._transport = transport
        self._peer = peer
        directlyProvides(self, providedBy(transport))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def getPeer(self) -> IAddress:
        """Twisted's: where the person is."""
        peer: IAddress = self._peer
        return peer


@implementer(IHalfCloseableProtocol)
class ProxiedConnection(Protocol):
    """Holds a connection back until its PROXY header is complete, then makes it as if from there.

    Args:
        inner: the connection that is held back.
        reactor: its timers.
    """

    log = Logger()
    transport: Any  # Twisted's; ITransport names only half of what every transport can

    def __init__(self, inner: Any, reactor: Any) -> None:
        self._inner = inner
        self._reactor = reactor
        self._header: ProxyHeader | None = ProxyHeader()
        self._timer: Any = None

    def connectionMade(self) -> None:
        """Twisted's: the proxy has connected."""
        self._timer = self._reactor.callLater(HEADER_TIMEOUT, self._give_up)

    def dataReceived(self, data: bytes) -> None:
        """Twisted's: the header, then what the person sends."""
        if self._header is None:
            self._inner.dataReceived(data)
            return
        try:
            found = self._header.receive(data)
        except ProtocolError as error:
            self._refuse(str(error))
            return
        if found is not None:
            self._open(*found)

    def readConnectionLost(self) -> None:
        """Twisted's: nothing more comes."""
        if self._header is None and IHalfCloseableProtocol.providedBy(self._inner):
            self._inner.readConnectionLost()
        else:
            self.transport.loseConnection()

    def writeConnectionLost(self) -> None:
        """Twisted's: only our side is closed. It never is on its own."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Twisted's: it is gone; what is behind hears of it if it ever came to be."""
        self._stop_waiting()
        if self._header is None:
            self._inner.connectionLost(reason)

    def _open(self, origin: Origin, rest: bytes) -> None:
        self._stop_waiting()
        self._header = None
        transport = self.transport
        if origin.host:
            kind: Any = IPv6Address if ":" in origin.host else IPv4Address
            transport = Behind(transport, kind("TCP", origin.host, origin.port))
        self._inner.makeConnection(transport)
        if rest:
            self._inner.dataReceived(rest)

    def _refuse(self, reason: str) -> None:
        self._stop_waiting()
        peer = self.transport.getPeer()
        self.log.warn("the proxy at {peer} sent {reason}", peer=peer, reason=reason)
        self.transport.abortConnection()

    def _give_up(self) -> None:
        self._timer = None
        self._refuse("nothing")

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class ProxiedFactory(ServerFactory):
    """Makes the connections of trusted proxies.

    Args:
        factory: makes what is behind.
        reactor: its timers.
    """

    noisy = False

    def __init__(self, factory: Any, reactor: Any) -> None:
        self._factory = factory
        self._reactor = reactor

    def buildProtocol(self, addr: IAddress | None) -> ProxiedConnection:
        """Twisted's: a proxy has connected."""
        return ProxiedConnection(self._factory.buildProtocol(addr), self._reactor)
