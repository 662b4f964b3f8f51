"""One telnet connection: joins Twisted's transport, the sans-io parts and the client.

It decides nothing about telnet; each part it is made of does. What it adds is the life of the
connection: whatever goes wrong in our own code is logged with its place and costs at most the line
at hand, the peer's going is told exactly once, and what is sent after that goes nowhere.
"""

from __future__ import annotations

from contextlib import suppress
from enum import Enum
from typing import TYPE_CHECKING, Any

from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer, ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from zope.interface import implementer

from cletus.protocol.charset import Encoder, decode, telnet_encoder
from cletus.protocol.echo import Echo, hide_input
from cletus.protocol.lines import CutLine, LineBuffer
from cletus.protocol.options import Options
from cletus.protocol.telnet import (
    Data,
    Event,
    Negotiation,
    Subnegotiation,
    TelnetParser,
)
from cletus.protocol.text import clean

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress
    from twisted.python.failure import Failure

    from cletus.client import Client
    from cletus.service import Service

TOO_LONG = "Your line was too long: only the first {} bytes were taken."

_REASONS: dict[type[BaseException] | None, str] = {
    ConnectionDone: "closed by peer",
    ConnectionAborted: "aborted",
}


class _Life(Enum):
    """How far the connection has come."""

    OPEN = "open"
    CLOSING = "closing when all has gone out"
    GONE = "gone"


@implementer(IPushProducer, IHalfCloseableProtocol)
class TelnetProtocol(Protocol):
    """One person at the telnet door; also the transport of their client.

    Attributes:
        address: where they come from, for logs: ``127.0.0.1:54321``.
        encoder: what text becomes bytes with, shared with all who have the same character set.
    """

    log = Logger()
    transport: Any  # Twisted's; ITransport names only half of what every transport can

    def __init__(self, service: Service) -> None:
        settings = service.settings
        self.address = "nowhere"
        self.encoder: Encoder = telnet_encoder()
        self._service = service
        self._client: Client | None = None
        self._parser = TelnetParser(settings.subnegotiation_max)
        self._options = Options([Echo()], service.reactor.seconds)
        self._lines = LineBuffer(settings.line_max)
        self._congested = False
        self._reading = True
        self._life = _Life.OPEN
        self._hanging_up: Any = None

    # -- what Twisted says: the peer --------------------------------------------------------

    def connectionMade(self) -> None:
        """Twisted's: the connection is up."""
        self.address = printable(self.transport.getPeer())
        if ITCPTransport.providedBy(self.transport):
            with suppress(OSError):  # the peer may be gone already; we hear of that by itself
                self.transport.setTcpKeepAlive(True)
                self.transport.setTcpNoDelay(True)
        self.transport.registerProducer(self, True)
        try:
            self._client = self._service.connected(self, door="telnet")
        except Exception:  # noqa: BLE001 - Twisted would log it and leave a connection without a client
            self.log.failure("nobody could be made of {address}", address=self.address)
            self.abort()

    def dataReceived(self, data: bytes) -> None:
        """Twisted's: bytes have come. Lines go to the client even while reading is paused."""
        replies = b""
        for event in self._parser.receive(data):
            try:
                replies += self._answer(event)
            except Exception:  # noqa: BLE001 - Twisted would close the connection
                self._log_failure()
        if not self._congested:  # who does not read gets no answers, so that none pile up
            self.send(replies)

    def readConnectionLost(self) -> None:
        r"""Twisted's: the peer will send nothing more. What it has been sent still goes out.

        Without this method Twisted would throw that away, and ``printf 'who\nquit\n' | nc -N``
        would see nothing.
        """
        timeout = self._service.settings.close_timeout
        if timeout:
            self._hanging_up = self._service.reactor.callLater(timeout, self._hang_up)
        self._lose_connection()

    def writeConnectionLost(self) -> None:
        """Twisted's: only our side is closed. It never is on its own."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Twisted's: the connection is gone."""
        if self._life is _Life.GONE:
            return
        self._life = _Life.GONE
        if self._hanging_up is not None:
            self._hanging_up.cancel()
            self._hanging_up = None
        if self._client is not None:
            self._client.disconnected(_REASONS.get(reason.type, "connection lost"))

    # -- what Twisted says: our output, which it takes from a producer ----------------------

    def pauseProducing(self) -> None:
        """Twisted's: more than it wants to hold is waiting for the peer to read."""
        self._congested = True
        if self._client is not None:
            self._client.pause_output()

    def resumeProducing(self) -> None:
        """Twisted's: what was waiting has gone out."""
        self._congested = False
        if self._client is not None:
            self._client.resume_output()
        if self._life is _Life.CLOSING:
            # A producer that was paused keeps Twisted from closing after the last byte. What the
            # client sends now is written in this turn still, and so before the connection closes.
            self.transport.unregisterProducer()

    def stopProducing(self) -> None:
        """Twisted's: the connection is going; ``connectionLost`` tells the rest."""

    # -- what the client says: ``cletus.client.Transport`` ----------------------------------

    def send(self, data: bytes) -> None:
        """Send bytes as they are. After the connection has gone they go nowhere."""
        if data and self._life is not _Life.GONE:
            self.transport.write(data)

    def pause_reading(self) -> None:
        """Take nothing more from the socket for now; calling it twice is harmless."""
        if self._reading and self._life is _Life.OPEN:
            self._reading = False
            self.transport.pauseProducing()

    def resume_reading(self) -> None:
        """Go on taking; calling it twice is harmless."""
        if not self._reading and self._life is _Life.OPEN:
            self._reading = True
            self.transport.resumeProducing()

    def hide_input(self, hidden: bool) -> bytes:
        """The bytes that make the peer's terminal stop (or go on) showing what is typed."""
        return hide_input(self._options, hidden)

    def close(self) -> None:
        """Close when what was sent has gone out. A terminal that hides is told to show again."""
        self.send(self.hide_input(False))
        if not self._congested and self._life is _Life.OPEN:
            self.transport.unregisterProducer()  # TLS does not close while there is one
        self._lose_connection()

    def abort(self) -> None:
        """Close at once, also when the peer does not read."""
        if self._life is not _Life.GONE:
            self.transport.abortConnection()

    # -- inside -----------------------------------------------------------------------------

    def _answer(self, event: Event) -> bytes:
        """What to send back to one event. Commands ask for nothing yet."""
        match event:
            case Data(data):
                self._take(self._lines.receive(data))
            case Negotiation():
                return self._options.receive(event)
            case Subnegotiation():
                return self._options.subnegotiation(event)
        return b""

    def _take(self, lines: list[bytes]) -> None:
        for line in lines:
            try:
                self._take_line(line)
            except Exception:  # noqa: BLE001 - the lines after this one must not be lost with it
                self._log_failure()

    def _take_line(self, line: bytes) -> None:
        if self._client is None or self._life is _Life.GONE:
            return
        cut = isinstance(line, CutLine)
        if cut:
            self._client.write(TOO_LONG.format(len(line)))
        self._client.line_received(clean(decode(line, cut=cut)))

    def _log_failure(self) -> None:
        """Log what was just raised, with its place. The input stays out: it may be a password."""
        self.log.failure("input from {address} met a mistake of ours", address=self.address)

    def _lose_connection(self) -> None:
        if self._life is _Life.OPEN:
            self._life = _Life.CLOSING
            self.transport.loseConnection()

    def _hang_up(self) -> None:
        self._hanging_up = None
        self.abort()


def printable(address: IAddress) -> str:
    """An address as people write it: ``127.0.0.1:9000``, ``[::1]:9000``, or as it prints itself."""
    host, port = getattr(address, "host", None), getattr(address, "port", None)
    if host is None:
        return str(address)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
