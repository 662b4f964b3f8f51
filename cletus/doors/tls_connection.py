"""One TLS connection: a person comes with the end of its handshake, and leaves without losing a byte.

Twisted's class is right for clients. A server that talks to people needs five things more:

* Nobody has come before the handshake is done. A peer that never does it is dropped.
* The peer's ``close_notify`` ends what it sends, not what it reads (RFC 8446, section 6.1): what was
  asked is still answered.
* So does a FIN without ``close_notify``, which is how many programs leave.
* After our own ``close_notify`` the connection is closed at once, without waiting for the peer's. The
  kernel then delivers what it still has, however slowly the peer reads.
* Records are decrypted as long as the connection's share of time allows it, and as the door takes them. The
  others wait, and nothing is read from the socket meanwhile. A record of one byte costs as much as a line.
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

from cletus.doors.admission import counted_network
from cletus.doors.fast_send import held_by
from cletus.reactor.shares import Share, Shares, Slice

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

    Attributes:
        share: of the time of the reactor; the door's protocol has a part of it.
    """

    factory: TlsFactory
    wrappedProtocol: Any  # noqa: N815 - Twisted's name

    def __init__(self, factory: TlsFactory, wrapped: Any) -> None:
        super().__init__(factory, wrapped, False)
        self._host: str | None = None  # under which the handshake is counted, while it lasts
        self._timer: Any = None
        self._has_begun = False
        self.share: Share | None = None
        self._has_records = False  # perhaps, in OpenSSL's buffer
        self._undecrypted = 0  # bytes of them
        self._is_paused = False  # by the door
        self._is_reading = True  # as the transport knows it
        self._has_fin = False

    def makeConnection(self, transport: Any) -> None:
        """Twisted's: the peer has connected, and TLS is still to be agreed on."""
        host = getattr(transport.getPeer(), "host", "")
        if self.factory.handshakes.admit(host) is None:
            self._host = host
            self._timer = self.factory.clock.callLater(HANDSHAKE_TIMEOUT, self._give_up)
        self.share = self.factory.shares.join(counted_network(host), self._decrypt)
        super().makeConnection(transport)
        if self._host is None:
            self.abortConnection()

    def readConnectionLost(self) -> None:
        """Twisted's: a FIN has arrived; what is written still goes out."""
        self._has_fin = True
        if not self._has_begun:
            self.abortConnection()
        elif not self._has_records:
            self._end_input()

    def _end_input(self) -> None:
        self._has_fin = False
        if IHalfCloseableProtocol.providedBy(self.wrappedProtocol):
            self.wrappedProtocol.readConnectionLost()
        else:
            self.loseConnection()

    def writeConnectionLost(self) -> None:
        """Twisted's: only our side has been closed. We never do that."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Twisted's: the connection is gone."""
        self._end_handshake()
        share, self.share = self.share, None
        if share is not None:
            share.leave()
            self._decrypt(Slice(self.factory.clock.seconds))
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

    @property
    def held(self) -> int:
        """Bytes of records that wait, and of what waits to be sent."""
        waiting = self._undecrypted if self._has_records else 0
        return waiting + sum(map(len, self._appSendBuffer)) + held_by(self.transport)

    def dataReceived(self, data: bytes) -> None:
        """Twisted's: records have arrived, or parts of them."""
        self._undecrypted = len(data) + (self._undecrypted if self._has_records else 0)
        super().dataReceived(data)

    def _flushReceiveBIO(self) -> None:
        self._has_records = True
        if self.share is not None:
            self.share.run()
            self._set_reading()

    def pauseProducing(self) -> None:
        """Twisted's: the door takes nothing for now."""
        self._is_paused = True
        self._set_reading()

    def resumeProducing(self) -> None:
        """Twisted's: the door takes what arrives again."""
        self._is_paused = False
        if self._has_records and self.share is not None:
            self.share.run()
        self._set_reading()

    def _set_reading(self) -> None:
        wanted = not (self._is_paused or self._has_records)
        if wanted is not self._is_reading and not self._aborted:
            self._is_reading = wanted
            (self.transport.resumeProducing if wanted else self.transport.pauseProducing)()

    def _decrypt(self, current: Slice) -> bool:
        """Decrypt, and give the door what that gives in one piece. Returns whether the slice was over."""
        records: list[bytes] = []
        ended, failure = False, None
        while not (self._lostTLSConnection or self._is_paused):
            try:
                records.append(self._tlsConnection.recv(_READ_MAX))
            except WantReadError:
                self._has_records = False
            except ZeroReturnError:  # the peer's close_notify
                self._has_records, ended = False, True
            except Error:
                self._has_records, failure = False, Failure()
            if not self._has_records or current.is_over:
                break
        if records and not self._aborted:
            ProtocolWrapper.dataReceived(self, b"".join(records))
        if failure is not None:
            self._tlsShutdownFinished(failure)
        if (ended or (self._has_fin and not self._has_records)) and not self.disconnecting:
            self._end_input()
        self._flushSendBIO()
        self._set_reading()
        return self._has_records and not (self._is_paused or self._lostTLSConnection)

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
        shares: of which each connection gets one.
    """

    protocol = TlsConnection

    def __init__(
        self,
        certificate: Any,
        factory: Any,
        clock: Any,
        handshakes: ConnectionLimiter,
        shares: Shares,
    ) -> None:
        super().__init__(certificate, False, factory, clock)
        self.clock = clock
        self.handshakes = handshakes
        self.shares = shares
