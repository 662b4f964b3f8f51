"""Connections through a trusted proxy, which says first of all where they really come from."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol, ServerFactory, connectionDone
from twisted.logger import Logger
from zope.interface import directlyProvides, implementer, providedBy

from cletus.doors.address import printable
from cletus.errors import ProtocolError
from cletus.protocol.proxy import Origin, ProxyHeader

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress
    from twisted.python.failure import Failure

HEADER_TIMEOUT = 10.0
"""Seconds that a proxy has for its header. Our choice; it sends the header with the first packet."""


class ProxiedTransport:
    """The transport of a proxy's connection, with the person's address in place of the proxy's.

    Args:
        transport: Twisted's.
        peer: where the person is.
        tls: whether the person came to the proxy over TLS.

    Attributes:
        underlying: Twisted's transport.
    """

    def __init__(self, transport: Any, peer: Any, *, tls: bool = False) -> None:
        self.came_over_tls = tls
        self.underlying = transport
        self._peer = peer
        directlyProvides(self, providedBy(transport))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.underlying, name)

    def getPeer(self) -> IAddress:
        """Twisted's: where the person is."""
        peer: IAddress = self._peer
        return peer


@implementer(IHalfCloseableProtocol)
class ProxiedConnection(Protocol):
    """Reads the PROXY header, then lets the connection begin as if it came from the address in it.

    Args:
        inner: the protocol of the connection; it begins when the header is complete.
        factory: of this connection.

    Attributes:
        received: what has come of the header while it is not complete.
    """

    log = Logger()
    transport: Any  # Twisted's; ITransport names only half of what every transport can

    def __init__(self, inner: Any, factory: ProxyProtocolFactory) -> None:
        self._inner = inner
        self._factory = factory
        self.received = b""
        self._header: ProxyHeader | None = ProxyHeader()
        self._timer: Any = None

    def connectionMade(self) -> None:
        """Twisted's: the proxy has connected."""
        self._timer = self._factory.reactor.callLater(HEADER_TIMEOUT, self._give_up)
        self._factory.waiting[self] = None

    def dataReceived(self, data: bytes) -> None:
        """Twisted's: the header, then what the person sends."""
        if self._header is None:
            self._inner.dataReceived(data)
            return
        try:
            received = self._header.receive(data)
        except ProtocolError as error:
            self._refuse(str(error))
            return
        self.received += data  # the header has a limit of its own
        if received is not None:
            self.received = b""
            self._open(*received)

    def readConnectionLost(self) -> None:
        """Twisted's: nothing more comes."""
        if self._header is None and IHalfCloseableProtocol.providedBy(self._inner):
            self._inner.readConnectionLost()
        else:
            self.transport.loseConnection()

    def writeConnectionLost(self) -> None:
        """Twisted's: only our side is closed. It never is on its own."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Twisted's: it is gone; the connection hears of that if it had begun."""
        self._stop_waiting()
        if self._header is None:
            self._inner.connectionLost(reason)

    def _open(self, origin: Origin, data: bytes) -> None:
        self._stop_waiting()
        self._header = None
        transport = self.transport
        if origin.host:
            address: Any = IPv6Address if ":" in origin.host else IPv4Address
            transport = ProxiedTransport(
                transport, address("TCP", origin.host, origin.port), tls=origin.tls
            )
        self._inner.makeConnection(transport)
        if data:
            self._inner.dataReceived(data)

    def _refuse(self, reason: str) -> None:
        self._stop_waiting()
        peer = printable(self.transport.getPeer())
        self.log.warn("the proxy at {client} sent {reason}", client=peer, reason=reason)
        self.transport.abortConnection()

    def _give_up(self) -> None:
        self._timer = None
        self._refuse("nothing")

    def _stop_waiting(self) -> None:
        self._factory.waiting.pop(self, None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class ProxyProtocolFactory(ServerFactory):
    """Stands before the factory of a door, and expects a PROXY header from trusted proxies only.

    Args:
        factory: makes the connections.
        trusts: whether the peer with this address is a proxy of ours.
        reactor: its timers.

    Attributes:
        waiting: the connections whose header is not complete.
    """

    noisy = False

    def __init__(self, factory: Any, trusts: Callable[[str], bool], reactor: Any) -> None:
        self._factory = factory
        self._trusts = trusts
        self.reactor = reactor
        self.waiting: dict[ProxiedConnection, None] = {}

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """Twisted's: somebody has connected."""
        connection = self._factory.buildProtocol(addr)
        if self._trusts(getattr(addr, "host", "")):
            return ProxiedConnection(connection, self)
        return connection
