"""A connection in memory: the transport of a door's protocol, and the person's end of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import IHalfCloseableProtocol, ITransport
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer


@implementer(ITransport)
class Wire:
    """Carries bytes to and fro, each chunk in a turn of the clock's of its own.

    What the service sends arrives at once. What the person sends waits, as in a socket, while the
    service does not read.

    Args:
        clock: of the service.
        address: where the person seems to come from.
        arrived: called with what the service sends.

    Attributes:
        is_open: whether neither side has closed it.
    """

    def __init__(
        self, clock: Clock, address: IPv4Address, arrived: Callable[[bytes], None]
    ) -> None:
        self._clock = clock
        self._address = address
        self._arrived = arrived
        self._protocol: Any = None
        self._waiting = b""
        self._reading = True
        self._gone = False
        self.is_open = True

    # -- the person's end -------------------------------------------------------------------

    def connect(self, protocol: Any) -> None:
        """Connect to this protocol of a door."""
        self._protocol = protocol
        protocol.makeConnection(self)

    def put(self, data: bytes) -> None:
        """Send this to the service; after the connection has gone it goes nowhere."""
        if data:
            self._waiting += data
            self._clock.callLater(0, self._deliver)

    def hang_up(self) -> None:
        """Close the connection from the person's side. Doing it twice is harmless."""
        if not self.is_open:
            return
        self._deliver()
        if IHalfCloseableProtocol.providedBy(self._protocol):
            self._protocol.readConnectionLost()
        self._lost(ConnectionDone())

    # -- the service's end: Twisted's ITransport --------------------------------------------

    def write(self, data: bytes) -> None:
        """Twisted's: send this."""
        if not self._gone:
            self._arrived(data)

    def writeSequence(self, data: Any) -> None:
        """Twisted's: send these."""
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        """Twisted's: close when everything has gone out."""
        if self.is_open:
            self.is_open = False
            self._clock.callLater(0, self._lost, ConnectionDone())

    def abortConnection(self) -> None:
        """Twisted's: close at once."""
        self.is_open = False
        self._clock.callLater(0, self._lost, ConnectionAborted())

    def getPeer(self) -> IPv4Address:
        """Twisted's: where the person is."""
        return self._address

    def getHost(self) -> IPv4Address:
        """Twisted's: where the service is."""
        return IPv4Address("TCP", "192.0.2.254", 9000)

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Twisted's: whom to tell that the person reads too slowly. This one never does."""

    def unregisterProducer(self) -> None:
        """Twisted's: tell them no more."""

    def pauseProducing(self) -> None:
        """Twisted's: read nothing for now."""
        self._reading = False

    def resumeProducing(self) -> None:
        """Twisted's: read on."""
        self._reading = True
        self._clock.callLater(0, self._deliver)

    # -- inside -----------------------------------------------------------------------------

    def _deliver(self) -> None:
        if self._reading and self.is_open and self._waiting:
            data, self._waiting = self._waiting, b""
            self._protocol.dataReceived(data)

    def _lost(self, reason: Exception) -> None:
        if not self._gone:
            self._gone, self.is_open = True, False
            self._protocol.connectionLost(Failure(reason))
