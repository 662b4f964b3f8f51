"""A telnet connection in memory: the wire, and the telnet program at the person's end of it."""

from __future__ import annotations

import codecs
import itertools
import json
from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import IHalfCloseableProtocol, ITransport
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer

from cletus.protocol.options import Option, Options, Side, State
from cletus.protocol.telnet import Data, Negotiation, Subnegotiation, TelnetParser, subnegotiation

_IS, _SEND = b"\0", b"\1"


@implementer(ITransport)
class Wire:
    """Carries bytes between a door's protocol and the person's program.

    Bytes of the service arrive at once. Bytes of the person arrive in a turn of the clock of their
    own, and wait, as in a socket, while the service does not read.

    Args:
        clock: of the service.
        address: where the person seems to come from.
        arrived: called with the bytes that the service sends.

    Attributes:
        is_open: whether neither side has closed the connection.
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
        self._lost = False
        self.is_open = True

    # -- the person's end -------------------------------------------------------------------

    def connect(self, protocol: Any) -> None:
        """Connect to this protocol of a door."""
        self._protocol = protocol
        protocol.makeConnection(self)

    def put(self, data: bytes) -> None:
        """Send bytes to the service. After the connection has gone they go nowhere."""
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
        self._lose(ConnectionDone())

    # -- the service's end: Twisted's ITransport --------------------------------------------

    def write(self, data: bytes) -> None:
        """Twisted's: send bytes."""
        if not self._lost:
            self._arrived(data)

    def writeSequence(self, data: Any) -> None:
        """Twisted's: send several pieces."""
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        """Twisted's: close when everything has gone out."""
        if self.is_open:
            self.is_open = False
            self._clock.callLater(0, self._lose, ConnectionDone())

    def abortConnection(self) -> None:
        """Twisted's: close at once."""
        self.is_open = False
        self._clock.callLater(0, self._lose, ConnectionAborted())

    def getPeer(self) -> IPv4Address:
        """Twisted's: where the person is."""
        return self._address

    def getHost(self) -> IPv4Address:
        """Twisted's: where the service is."""
        return IPv4Address("TCP", "192.0.2.254", 9000)

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Twisted's: whom to tell that the person reads too slowly. This person never does."""

    def unregisterProducer(self) -> None:
        """Twisted's: tell the producer no more."""

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

    def _lose(self, reason: Exception) -> None:
        if not self._lost:
            self._lost, self.is_open = True, False
            self._protocol.connectionLost(Failure(reason))


class _ServiceEchoes(Option):
    """ECHO (RFC 857): while it is on, the person's terminal does not show what they type.

    SUPPRESS GO AHEAD is refused, and so the person stays in line mode.
    """

    code = 1
    accepts = frozenset({Side.REMOTE})


class _Name(Option):
    """TERMINAL-TYPE (RFC 1091): each question is answered with the same name."""

    code = 24
    accepts = frozenset({Side.LOCAL})

    def __init__(self, name: str) -> None:
        self._name = name

    def received(self, payload: bytes) -> bytes:
        """The service asks."""
        return subnegotiation(self.code, _IS + self._name.encode()) if payload == _SEND else b""


class _Window(Option):
    """NAWS (RFC 1073): sent when the service wants to know it, and whenever it changes."""

    code = 31
    accepts = frozenset({Side.LOCAL})

    def __init__(self, columns: int, rows: int) -> None:
        self.size = (columns, rows)
        self.is_wanted = False

    def switched(self, side: Side, on: bool) -> bytes:
        """The service wants to know the size, or does not any more."""
        self.is_wanted = on
        return self.report()

    def report(self) -> bytes:
        """The bytes that say how large the window is; none if the service does not want to know."""
        columns, rows = self.size
        payload = columns.to_bytes(2, "big") + rows.to_bytes(2, "big")
        return subnegotiation(self.code, payload) if self.is_wanted else b""


class _Messages(Option):
    """GMCP."""

    code = 201
    accepts = frozenset({Side.REMOTE})

    def __init__(self) -> None:
        self.received_messages: list[tuple[str, Any]] = []

    def received(self, payload: bytes) -> bytes:
        """A message from the service."""
        name, _, data = payload.decode().partition(" ")
        self.received_messages.append((name, json.loads(data) if data else None))
        return b""


class TelnetPeer:
    """A telnet program without I/O: the mirror of ``protocol.connection.Connection``.

    It agrees that the service shows what is typed (ECHO), names its terminal, sends the size of its
    window, and takes GMCP if it is told to. It refuses all other options. Line ends, colours and
    cursor movements are the terminal's business (``screen.py``).

    Args:
        columns, rows: the size of its window.
        terminal: the name of its terminal, such as ``xterm-256color``; ``dumb`` has no colours.
        gmcp: whether it takes messages beside the text.
    """

    def __init__(self, columns: int, rows: int, terminal: str, *, gmcp: bool) -> None:
        self._parser = TelnetParser(0)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._window = _Window(columns, rows)
        self._messages = _Messages()
        known: list[Option] = [_ServiceEchoes(), _Name(terminal), self._window]
        if gmcp:
            known.append(self._messages)
        # A clock on which each look is a second later: tests may negotiate as much as they like.
        self._options = Options(known, itertools.count().__next__)

    @property
    def shows_typing(self) -> bool:
        """Whether the terminal shows what is typed."""
        return self._options.state(Side.REMOTE, _ServiceEchoes.code) is not State.YES

    @property
    def messages(self) -> list[tuple[str, Any]]:
        """The GMCP messages that have come, as (package, data)."""
        return self._messages.received_messages

    def receive(self, data: bytes) -> tuple[str, bytes]:
        """Take bytes of the service. Returns the text for the terminal, and what to answer."""
        text, answer = "", b""
        for event in self._parser.receive(data):
            match event:
                case Data(piece):
                    text += self._decoder.decode(piece)
                case Negotiation():
                    answer += self._options.receive(event)
                case Subnegotiation():
                    answer += self._options.subnegotiation(event)
        return text.replace("\r\0", "\r"), answer

    def line(self, text: str) -> bytes:
        """The bytes of a line that is typed."""
        return text.encode().replace(b"\xff", b"\xff\xff") + b"\r\n"

    def resized(self, columns: int, rows: int) -> bytes:
        """The bytes that report another size of the window."""
        self._window.size = (columns, rows)
        return self._window.report()

    def message(self, package: str, data: Any) -> bytes:
        """The bytes of a GMCP message."""
        text = package if data is None else f"{package} {json.dumps(data)}"
        return subnegotiation(_Messages.code, text.encode())
