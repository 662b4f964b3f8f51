"""One TLS connection: a person comes with the end of its handshake, and leaves without losing a byte.

Twisted's class is right for clients. A server that talks to people needs four things more:

* Nobody has come before the handshake is done. A peer that never does it is dropped.
* The peer's ``close_notify`` ends what it sends, not what it reads (RFC 8446, section 6.1): what was
  asked is still answered.
* So does a FIN without ``close_notify``, which is how many programs leave.
* After our own ``close_notify`` the connection is closed at once, without waiting for the peer's. The
  kernel then delivers what it still has, however slowly the peer reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from OpenSSL.SSL import Error, WantReadError, ZeroReturnError
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.protocols.policies import ProtocolWrapper
from twisted.protocols.tls import BufferingTLSTransport, TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import directlyProvides, implementer, providedBy

if TYPE_CHECKING:
    from cletus.doors.admission import ConnectionLimiter

HANDSHAKE_TIMEOUT = 10.0
"""Seconds that a peer has for its handshake. Our choice; a handshake takes two round trips."""

_READ_MAX = 2**15

_Connection: Any = BufferingTLSTransport  # its types name half of what it has
_Factory: Any = TLSMemoryBIOFactory


@implementer(IHalfCloseableProtocol)
class TlsConnection(_Connection):  # type: ignore[misc]  # see above
    """TLS between a transport and the protocol of a door, which begins when the handshake is done.

    Args:
        factory: a ``TlsFactory``.
        wrapped: the protocol of the door.
    """

    factory: TlsFactory
    wrappedProtocol: Any  # noqa: N815 - Twisted's name

    def __init__(self, factory: TlsFactory, wrapped: Any) -> None:
        super().__init__(factory, wrapped, False)
        self._host: str | None = None  # under which the handshake is counted, while it lasts
        self._timer: Any = None
        self._has_begun = False

    def makeConnection(self, transport: Any) -> None:
        """Twisted's: the peer has connected, and TLS is still to be agreed on."""
        host = getattr(transport.getPeer(), "host", "")
        if self.factory.handshakes.admit(host) is None:
            self._host = host
            self._timer = self.factory.clock.callLater(HANDSHAKE_TIMEOUT, self._give_up)
        super().makeConnection(transport)
        if self._host is None:
            self.abortConnection()

    def readConnectionLost(self) -> None:
        """Twisted's: a FIN has arrived; what is written still goes out."""
        if not self._has_begun:
            self.abortConnection()
        elif IHalfCloseableProtocol.providedBy(self.wrappedProtocol):
            self.wrappedProtocol.readConnectionLost()
        else:
            self.loseConnection()

    def writeConnectionLost(self) -> None:
        """Twisted's: only our side has been closed. We never do that."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Twisted's: the connection is gone."""
        self._end_handshake()
        if not self._has_begun:
            self.wrappedProtocol = Protocol()  # the door's has never heard of this connection
        super().connectionLost(reason)

    # -- what Twisted's class does otherwise ------------------------------------------------

    def _checkHandshakeStatus(self) -> None:
        super()._checkHandshakeStatus()
        if self._handshakeDone and not self._has_begun and not self._aborted:
            self._has_begun = True
            self._end_handshake()
            directlyProvides(self, providedBy(self.transport))
            self.wrappedProtocol.makeConnection(self)

    def _flushReceiveBIO(self) -> None:
        while not self._lostTLSConnection:
            try:
                data = self._tlsConnection.recv(_READ_MAX)
            except WantReadError:
                break
            except ZeroReturnError:  # the peer's close_notify
                if not self.disconnecting:
                    self.readConnectionLost()
                break
            except Error:
                self._tlsShutdownFinished(Failure())
            else:
                if not self._aborted:
                    ProtocolWrapper.dataReceived(self, data)
        self._flushSendBIO()

    def _shutdownTLS(self) -> None:
        super()._shutdownTLS()
        self.transport.loseConnection()

    # -- the handshake ----------------------------------------------------------------------

    def _give_up(self) -> None:
        self._timer = None
        self.abortConnection()

    def _end_handshake(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._host is not None:
            self.factory.handshakes.release(self._host)
            self._host = None


class TlsFactory(_Factory):  # type: ignore[misc]  # see above
    """Puts TLS before the connections of another factory.

    Args:
        certificate: makes OpenSSL's side of each connection.
        factory: the factory of a door.
        clock: the reactor.
        handshakes: counts the peers that have not done their handshake.
    """

    protocol = TlsConnection

    def __init__(
        self, certificate: Any, factory: Any, clock: Any, handshakes: ConnectionLimiter
    ) -> None:
        super().__init__(certificate, False, factory, clock)
        self.clock = clock
        self.handshakes = handshakes
