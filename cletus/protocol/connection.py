"""One telnet connection without I/O: bytes in, events out, and bytes to send back.

``Connection`` is what every door uses: it joins the other modules of this room. Nothing here knows
a socket, a reactor or a client. A door reads and writes::

    for event in connection.receive(data):
        ...                                   # a Line, a Message, ...; a Reply goes to the socket
    socket.write(connection.send(encoded_text))

What arrives passes through four layers, in this order: MCCP3 (``mccp``), telnet commands (``telnet``,
answered by ``negotiator``), lines (``lines``), and text (``charset``, then ``text``). What is sent is
encoded already, by ``terminal.encoder``; MCCP2 is applied here.

Two rules matter to those who change this module:

* **Nothing is done ahead.** ``receive`` is a generator, and makes an event only after the one before
  it has been handled. Handling a line may change how the next one is to be read: an application may
  set ``terminal.encoder`` or hide what is typed, and the peer may switch character set or compression
  in the middle of a chunk. The next byte is read as things are by then.
* **Everything that is kept between two chunks is bounded**, whatever the peer sends: the line that is
  not complete by ``line_max``, a subnegotiation by ``subnegotiation_max``, what one chunk inflates
  to by ``inflated_max`` and ``mccp.RATIO_MAX``, answers by ``options.NEGOTIATIONS_PER_SECOND``.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

from cletus.protocol import echo
from cletus.protocol.charset import decode, telnet_encoder
from cletus.protocol.lines import CutLine, LineBuffer, is_request
from cletus.protocol.mccp import Budget, Deflater, Inflater, Mccp3
from cletus.protocol.mssp import Status
from cletus.protocol.negotiator import Message, Negotiator, Resized
from cletus.protocol.telnet import (
    HERE,
    NOP,
    ControlFunction,
    Data,
    Negotiation,
    Remainder,
    Signal,
    Subnegotiation,
    TelnetParser,
)
from cletus.protocol.terminal import Terminal
from cletus.protocol.text import clean

__all__ = [
    "TOO_LONG",
    "Connection",
    "Event",
    "Failed",
    "Flooded",
    "HttpRequest",
    "Line",
    "Message",
    "Reply",
    "Resized",
]

TOO_LONG = "Your line was too long: only the first {} bytes were taken."
"""What to tell somebody whose ``Line`` was cut."""

_DEL = b"\x7f"
_HANDOVER = frozenset({Mccp3.code})


@dataclass(slots=True)  # not frozen, as ``telnet.Data`` is not: each line that is typed makes one
class Line:
    """A complete line.

    Attributes:
        text: decoded, fit for others' screens (see ``text.clean``), without its end.
        cut: if it was longer than ``line_max``, how many bytes of it were taken; else 0.
    """

    text: str
    cut: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """Bytes that the peer must be sent now, as they are: answers to its telnet commands."""

    data: bytes


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """The first line is an HTTP request: the peer is a browser or a scanner, not a person."""


@dataclass(frozen=True, slots=True)
class Flooded:
    """The peer has negotiated so much in this second that the rest was not listened to."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Code of ours raised while it handled one command or one line; the next one is not affected."""

    error: Exception


Event = Line | Message | Resized | Reply | HttpRequest | Flooded | Failed


class Connection:
    """The server's end of one telnet connection.

    Args:
        line_max: the longest line that is taken, in bytes; 0 means no limit.
        subnegotiation_max: the longest subnegotiation that is taken, in bytes; 0 means no limit.
        inflated_max: bytes that one chunk may become when it is inflated; 0 means that the ratio of
            ``mccp`` is the only limit.
        clock: seconds, from any start.
        status: what crawlers are told by MSSP; called when one asks.
        compression: whether MCCP2 and MCCP3 are offered. Never over TLS, whatever is said here: what
            is compressed and then encrypted can be guessed by its length (CRIME).
        tls: whether the bytes are encrypted on their way.

    Attributes:
        terminal: what is in front of the person, as far as their program has told.
        congested: set by the door while the peer does not read. Its commands are then not replied
            to, or the replies would pile up.
    """

    __slots__ = (
        "_deflate_next",
        "_deflater",
        "_events",
        "_has_flooded",
        "_has_received_line",
        "_inflated_max",
        "_inflater",
        "_lines",
        "_mark_is_due",
        "_negotiator",
        "_parser",
        "congested",
        "terminal",
    )

    def __init__(
        self,
        *,
        line_max: int,
        subnegotiation_max: int,
        inflated_max: int,
        clock: Callable[[], float],
        status: Callable[[], Status] = dict,
        compression: bool = False,
        tls: bool = False,
    ) -> None:
        compression = compression and not tls
        self.terminal = Terminal(telnet_encoder(), tls=tls)
        self.congested = False
        self._inflated_max = inflated_max
        self._parser = TelnetParser(subnegotiation_max, _HANDOVER if compression else frozenset())
        self._lines = LineBuffer(line_max)
        self._events: list[Event] = []  # those that the command at hand has led to
        self._negotiator = Negotiator(
            self.terminal,
            emit=self._events.append,
            status=status,
            clock=clock,
            compress=self._compress if compression else None,
        )
        self._inflater: Inflater | None = None
        self._deflater: Deflater | None = None
        self._deflate_next = False
        self._mark_is_due = False
        self._has_received_line = False
        self._has_flooded = False

    # -- what arrives -----------------------------------------------------------------------

    def receive(self, data: bytes) -> Iterator[Event]:
        """What these bytes mean, in order. Read it to its end, unless the connection has ended.

        Raises:
            ProtocolError: what is said to be compressed is not, or inflates to too much
                (``InflationTooLarge``). Nothing more can be understood: abort the connection.
        """
        budget = None
        # A loop, not a call for each stream: a peer may end a stream and begin another thousands of
        # times in one chunk, and all of them share one budget.
        while data:
            if self._inflater is None:
                data = yield from self._parse(data)
            else:
                budget = Budget(len(data), self._inflated_max) if budget is None else budget
                data = yield from self._inflate(self._inflater, data, budget)
        if self._has_flooded:
            self._has_flooded = False
            yield Flooded()

    def _inflate(
        self, inflater: Inflater, data: bytes, budget: Budget
    ) -> Generator[Event, None, bytes]:
        """Handle compressed bytes. Returns those that follow the end of the stream."""
        for piece in inflater.inflate(data, budget):
            yield from self._parse(piece)
        if inflater.unused is None:
            return b""
        self._inflater, self._parser.handover = None, _HANDOVER
        return inflater.unused

    def _parse(self, data: bytes) -> Generator[Event, None, bytes]:
        """Handle plain telnet. Returns the bytes after the beginning of a compressed stream."""
        remainder = replies = b""
        for item in self._parser.receive(data):
            if isinstance(item, Data):
                for line in self._lines.receive(item.data):
                    yield self._line(line)
                continue
            if isinstance(item, Remainder):
                # The parser has not looked at these bytes and gives nothing after them.
                remainder, self._inflater = item.data, Inflater()
                self._parser.handover = frozenset()  # a stream cannot begin within another
                continue
            try:
                replies += self._answer(item)
            except Exception as error:  # noqa: BLE001 - it must not cost the rest of the chunk
                self._events.append(Failed(error))
            yield from self._events
            self._events.clear()
            self._has_flooded = self._negotiator.options.flooded
            if self._deflate_next:
                # IAC SB 86 IAC SE is the end of ``replies``, and the last that is sent plain. It must
                # go out even to a peer that does not read, or it could not read what follows.
                self._deflate_next = False
                yield Reply(self.send(replies))
                replies, self._deflater = b"", Deflater()
        if not self.congested:
            if self._mark_is_due:
                replies += self.prompt_mark()
            if replies:
                yield Reply(self.send(replies))
        return remainder

    def _answer(self, item: ControlFunction | Negotiation | Subnegotiation) -> bytes:
        match item:
            case Negotiation():
                return self._negotiator.receive(item)
            case Subnegotiation():
                return self._negotiator.subnegotiation(item)
            case ControlFunction(Signal.AYT) if self._negotiator.options.admits():
                return HERE
            case ControlFunction(Signal.EC):
                self._lines.receive(_DEL)  # ``text.clean`` erases the character before it
            case ControlFunction(Signal.EL):
                self._lines.erase()
        return b""

    def _line(self, line: bytes) -> Event:
        self._mark_is_due = False  # the prompt has been answered
        if not self._has_received_line:
            self._has_received_line = True
            if is_request(line):
                return HttpRequest()
        cut = isinstance(line, CutLine)
        charset, known = self.terminal.encoder.charset, self._negotiator.charset_known
        try:
            text = clean(decode(line, charset, negotiated=known, cut=cut))
        except Exception as error:  # noqa: BLE001 - as above; an application may set any encoder
            return Failed(error)
        return Line(text, len(line) if cut else 0)

    # -- what is sent: these bytes are for the socket, in the order of the calls -----------------

    def open(self) -> bytes:
        """What the peer is sent first."""
        return self._negotiator.open()

    def send(self, data: bytes) -> bytes:
        """What the peer must be sent to show this text.

        Args:
            data: made by ``terminal.encoder``, and by ``hide_input``, ``prompt_mark`` and ``message``.
        """
        if self._mark_is_due and data.endswith(b"\n"):
            self._mark_is_due = False  # what was a prompt is a line of text by now
        return data if self._deflater is None or not data else self._deflater.compress(data)

    def keep_alive(self) -> bytes:
        """A sign of life. Nothing for a peer that would show it, or does not read."""
        return self.send(NOP) if self._negotiator.speaks_telnet and not self.congested else b""

    def close(self) -> bytes:
        """What to send before the connection is closed: typing is shown again, streams end."""
        return self.send(self.hide_input(False)) + self._end_deflating()

    # -- what is sent among text: these bytes are parts of what ``send`` is given ----------------

    def hide_input(self, hidden: bool) -> bytes:
        """What makes the peer's terminal stop (or go on) showing what is typed; often nothing."""
        return echo.hide_input(self._negotiator.options, hidden)

    def prompt_mark(self) -> bytes:
        """What tells the peer's program that the text before it is a prompt; often nothing.

        The first prompt goes out before the peer has said whether it wants a mark, and TinyFugue
        does not show a prompt that has none: so the mark is sent once the peer turns out to want it,
        if the prompt still stands.
        """
        mark = self._negotiator.prompt_mark()
        self._mark_is_due = not mark
        return mark

    def message(self, package: str, data: object) -> bytes:
        """A message to the peer's program, by GMCP or MSDP; nothing if it has neither.

        Raises:
            TypeError: JSON does not take the data.
        """
        return self._negotiator.message(package, data)

    # -- compression of what is sent --------------------------------------------------------

    def _compress(self, on: bool) -> None:
        """The peer has agreed to MCCP2, or wants it no more."""
        if on:
            self._deflate_next = self._deflater is None
        else:
            self._events.append(Reply(self._end_deflating()))

    def _end_deflating(self) -> bytes:
        deflater, self._deflater = self._deflater, None
        return b"" if deflater is None else deflater.finish()
