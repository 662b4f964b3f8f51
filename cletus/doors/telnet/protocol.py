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

from cletus import events
from cletus.doors.address import printable
from cletus.doors.fast_send import can_send_now, send_now
from cletus.errors import ProtocolError
from cletus.protocol import lines as http
from cletus.protocol.charset import decode, telnet_encoder
from cletus.protocol.echo import hide_input
from cletus.protocol.lines import CutLine, LineBuffer
from cletus.protocol.mccp import Budget, Deflater, Inflater, Mccp3
from cletus.protocol.negotiator import Handshake
from cletus.protocol.telnet import (
    HERE,
    NOP,
    Command,
    Data,
    Event,
    Negotiation,
    Remainder,
    Signal,
    Subnegotiation,
    TelnetParser,
)
from cletus.protocol.terminal import Terminal
from cletus.protocol.text import clean
from cletus.version import __version__

if TYPE_CHECKING:
    from twisted.python.failure import Failure

    from cletus.client.client import Client
    from cletus.protocol.mssp import Status
    from cletus.service.service import Service


def status_of(service: Service) -> dict[str, Any]:
    """The variables of MSSP, as far as we know them; listeners to ``Status`` add theirs.

    A door that is to be told of has ``advertised``, such as ``{"TLS": 9443}``.
    """
    names = [root.name for root in service.session.application.roots]
    values: dict[str, Any] = {
        "NAME": service.settings.name or next(iter(names), "Cletus"),
        "PLAYERS": sum(getattr(client, "user", None) is not None for client in service.clients),
        "UPTIME": int(service.started_at),
        "CODEBASE": f"Cletus {__version__}",
    }
    for door in service.doors:
        values.update(getattr(door, "advertised", {}))
    service.fire(events.Status(service, values))
    return values


FLOOD_PAUSE = 1.0
"""Seconds for which nothing is read of a peer that negotiates without end. Our choice: with it, the
most that such a peer can cost is one read in a second."""
TOO_LONG = "Your line was too long: only the first {} bytes were taken."
_DEL = b"\x7f"
_HANDOVER = frozenset({Mccp3.code})
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

    Args:
        service: whose client they become.
        tls: whether what arrives here has been decrypted.

    Attributes:
        address: where they come from, for logs: ``127.0.0.1:54321``.
        terminal: what is in front of them, as far as they have told.
    """

    log = Logger()
    transport: Any  # Twisted's; ITransport names only half of what every transport can

    def __init__(self, service: Service, *, tls: bool = False) -> None:
        settings = service.settings
        compression = settings.compression and not tls  # CRIME: never together
        self.address = "nowhere"
        self.terminal = Terminal(telnet_encoder(), tls=tls)
        self._service = service
        self._sent = service.metrics.sent
        self._client: Client | None = None
        self._parser = TelnetParser(
            settings.subnegotiation_max, _HANDOVER if compression else frozenset()
        )
        self._handshake = Handshake(
            self.terminal, self, service.reactor.seconds, compression=compression
        )
        self._lines = LineBuffer(settings.line_max)
        self._deflater: Deflater | None = None
        self._inflater: Inflater | None = None
        self._compress_next = False
        self._sends_now = False
        self._mark_due = False
        self._spoken = False
        self._congested = False
        self._reading = True
        self._resting: Any = None
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
        self._sends_now = can_send_now(self.transport)
        self.send(self._handshake.open())
        try:
            door = "tls" if self.terminal.tls else "telnet"
            self._client = self._service.connected(self, door=door)
        except Exception:  # noqa: BLE001 - Twisted would log it and leave a connection without a client
            self.log.failure("nobody could be made of {address}", address=self.address)
            self.abort()

    def dataReceived(self, data: bytes) -> None:
        """Twisted's: bytes have come. Lines go to the client even while reading is paused."""
        self._inflate(self._parse(data) if self._inflater is None else data)
        if self._handshake.options.flooded:
            self._rest()

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
        for timer in (self._hanging_up, self._resting):
            if timer is not None:
                timer.cancel()
        self._hanging_up = self._resting = None
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

    # -- what the client says: ``cletus.client.interfaces.Transport`` -------------------------------

    def send(self, data: bytes) -> None:
        """Send bytes as they are. After the connection has gone they go nowhere."""
        if not data or self._life is _Life.GONE:
            return
        if self._mark_due and data.endswith(b"\n"):
            self._mark_due = False
        if self._deflater is not None:
            data = self._deflater.compress(data)
        self._sent.value += len(data)
        if self._sends_now:
            send_now(self.transport, data)
        else:
            self.transport.write(data)

    def pause_reading(self) -> None:
        """Take nothing more from the socket for now; calling it twice is harmless."""
        if self._reading and self._life is _Life.OPEN:
            self._reading = False
            if self._resting is None:
                self.transport.pauseProducing()

    def resume_reading(self) -> None:
        """Go on taking; calling it twice is harmless."""
        if not self._reading and self._life is _Life.OPEN:
            self._reading = True
            if self._resting is None:
                self.transport.resumeProducing()

    def hide_input(self, hidden: bool) -> bytes:
        """The bytes that make the peer's terminal stop (or go on) showing what is typed."""
        return hide_input(self._handshake.options, hidden)

    def prompt_mark(self) -> bytes:
        """The bytes that tell the peer's program that what was just sent is a prompt."""
        mark = self._handshake.prompt_mark()
        self._mark_due = not mark
        return mark

    def message(self, package: str, data: Any) -> bytes:
        """The bytes of a message to the peer's program, by GMCP or MSDP; none if it has neither."""
        return self._handshake.message(package, data)

    def close(self) -> None:
        """Close when what was sent has gone out. A terminal that hides is told to show again."""
        self.send(self.hide_input(False))
        self.end_compression()
        if not self._congested and self._life is _Life.OPEN:
            self.transport.unregisterProducer()  # TLS does not close while there is one
        self._lose_connection()

    def abort(self) -> None:
        """Close at once, also when the peer does not read."""
        if self._life is not _Life.GONE:
            self.transport.abortConnection()

    def keep_alive(self) -> None:
        """For the door: show a peer that speaks telnet, and the routers between, that we live."""
        if self._handshake.speaks_telnet and not self._congested:
            self.send(NOP)

    # -- what the handshake says ------------------------------------------------------------

    def resized(self) -> None:
        """The peer's window has another size."""
        if self._client is not None:
            self._service.resized(self._client)

    def message_received(self, package: str, data: Any) -> None:
        """The peer's program has sent a message."""
        if self._client is not None:
            self._service.message_received(self._client, package, data)

    def status(self) -> Status:
        """What the service is, for crawlers."""
        return status_of(self._service)

    def begin_compression(self) -> None:
        """What is sent after the replies at hand is to be compressed."""
        self._compress_next = self._deflater is None

    def end_compression(self) -> None:
        """What is sent from now on is plain."""
        deflater, self._deflater = self._deflater, None
        if deflater is not None:
            self.send(deflater.finish())

    # -- inside -----------------------------------------------------------------------------

    def _parse(self, data: bytes) -> bytes:
        """Take plain telnet. Returns what is left of it: what follows is compressed."""
        replies = left = b""
        for event in self._parser.receive(data):
            if isinstance(event, Remainder):
                left, self._inflater = event.data, Inflater()
                self._parser.handover = frozenset()  # no stream begins within another
                break
            try:
                replies += self._answer(event)
            except Exception:  # noqa: BLE001 - Twisted would close the connection
                self._log_failure()
            if self._compress_next:
                self._compress_next = False
                self.send(replies)
                replies, self._deflater = b"", Deflater()
        if not self._congested:  # who does not read gets no answers, so that none pile up
            self.send(replies + self._late_mark())
        return left

    def _late_mark(self) -> bytes:
        """The mark of a prompt that was sent before we knew that the peer wants one.

        The first prompt always is: without its mark TinyFugue would not show it.
        """
        if not self._mark_due:
            return b""
        mark = self._handshake.prompt_mark()
        self._mark_due = not mark
        return mark

    def _answer(self, event: Event) -> bytes:
        """What to send back to one event."""
        match event:
            case Data(data):
                self._take(self._lines.receive(data))
            case Negotiation():
                return self._handshake.receive(event)
            case Subnegotiation():
                return self._handshake.subnegotiation(event)
            case Command(signal):
                return self._obey(signal)
        return b""

    def _obey(self, signal: Signal) -> bytes:
        match signal:
            case Signal.AYT if self._handshake.options.admits():
                return HERE
            case Signal.EC:
                self._take(self._lines.receive(_DEL))
            case Signal.EL:
                self._lines.erase()
        return b""

    def _inflate(self, data: bytes) -> None:
        """Take compressed input; the peer may end and begin that many times in one read."""
        if not data:
            return
        budget = Budget(len(data), self._service.settings.inflated_max)
        try:
            while data:
                inflater = self._inflater
                if inflater is None:
                    data = self._parse(data)
                    continue
                for piece in inflater.inflate(data, budget):
                    self._parse(piece)
                if inflater.rest is not None:
                    self._inflater, self._parser.handover = None, _HANDOVER
                data = inflater.rest or b""
        except ProtocolError as error:
            self.log.warn("{address} dropped: {error}", address=self.address, error=str(error))
            self.abort()

    def _take(self, lines: list[bytes]) -> None:
        for line in lines:
            try:
                self._take_line(line)
            except Exception:  # noqa: BLE001 - the lines after this one must not be lost with it
                self._log_failure()

    def _take_line(self, line: bytes) -> None:
        if self._client is None or self._life is _Life.GONE:
            return
        if not self._spoken:
            self._spoken = True
            if http.is_request(line):
                self._refuse_http(self._client)
                return
        cut = isinstance(line, CutLine)
        if cut:
            self._client.write(TOO_LONG.format(len(line)))
        self._mark_due = False
        charset, known = self.terminal.encoder.charset, self._handshake.charset_known
        self._client.line_received(clean(decode(line, charset, negotiated=known, cut=cut)))

    def _refuse_http(self, client: Client) -> None:
        client.write_encoded(http.REFUSAL)
        client.close("spoke HTTP")

    def _log_failure(self) -> None:
        """Log what was just raised, with its place. The input stays out: it may be a password."""
        self.log.failure("input from {address} met a mistake of ours", address=self.address)

    def _lose_connection(self) -> None:
        if self._life is _Life.OPEN:
            self._life = _Life.CLOSING
            self.transport.loseConnection()

    def _rest(self) -> None:
        """Read nothing for a while."""
        if self._resting is None and self._life is _Life.OPEN:
            self._resting = self._service.reactor.callLater(FLOOD_PAUSE, self._rested)
            if self._reading:
                self.transport.pauseProducing()

    def _rested(self) -> None:
        self._resting = None
        if self._reading and self._life is _Life.OPEN:
            self.transport.resumeProducing()

    def _hang_up(self) -> None:
        self._hanging_up = None
        self.abort()
