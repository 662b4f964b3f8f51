"""One telnet connection without I/O: bytes in, events out, and bytes to send back.

``Connection`` joins the other modules of this room. It knows no socket, no reactor and no client, so
every door can use it: on TCP, or on the binary messages of a WebSocket (``telnet.mudstandards.org``). A
door reads and writes like this::

    transport.write(connection.open())
    for event in connection.receive(data):
        ...                                   # Line, Message, ...; the bytes of a Reply are written
    transport.write(connection.send(terminal.encoder.encode(text)))

What arrives passes through four layers, in this order: MCCP3 (``mccp``), telnet commands (``telnet``,
answered by ``negotiator``), lines (``lines``), and text (``charset``, then ``text``). What is sent is
already encoded, and passes through MCCP2 only.

Three rules matter to those who change this module:

* **Nothing is read ahead.** ``receive`` is a generator: it reads on only after the event before has
  been handled. Handling a line may change how the next line is read, because an application may set
  ``terminal.encoder`` or hide what is typed; and the peer may change its character set, or begin to
  compress, in the middle of a chunk.
* **A chunk is handled in pieces** of ``PIECE`` bytes, also when it is inflated. After each of them
  ``receive`` gives ``PIECE_END``, and a door that has other peers to serve goes on in a later turn. What
  one piece can cost has a limit, and so has what is held of it.
* **Everything that is kept between two chunks has a limit**, whatever the peer sends: the incomplete
  line has ``line_max``, a subnegotiation ``subnegotiation_max``, the inflated bytes of a chunk
  ``inflated_max`` and ``mccp.RATIO_MAX``, and answers ``options.NEGOTIATIONS_PER_SECOND``.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cletus.protocol import mssp
from cletus.protocol.charset import decode, telnet_encoder
from cletus.protocol.lines import CutLine, LineBuffer, is_request
from cletus.protocol.mccp import Budget, Deflater, Inflater, Mccp2, Mccp3
from cletus.protocol.mssp import Status
from cletus.protocol.negotiator import OPENING, Message, Negotiator, Resized
from cletus.protocol.plain_state import PlainState
from cletus.protocol.telnet import (
    HERE,
    IAC,
    NOP,
    ControlFunction,
    Data,
    Negotiation,
    Remainder,
    Signal,
    Subnegotiation,
    TelnetParser,
    subnegotiation,
)
from cletus.protocol.terminal import Terminal
from cletus.protocol.text import typed_line

__all__ = [
    "PIECE_END",
    "TOO_LONG",
    "Connection",
    "Event",
    "Failed",
    "Flooded",
    "HttpRequest",
    "Interrupted",
    "Keys",
    "Line",
    "Message",
    "ModeChanged",
    "PieceEnd",
    "Reply",
    "Resized",
    "TlsHello",
]

TOO_LONG = "Your line was too long: only the first {} bytes were taken."
"""What to tell a person whose ``Line`` was cut."""

HELD_MAX = 16 * 1024
"""Bytes of answers that wait for a peer that does not read; its commands beyond them are ignored, so that
nothing is agreed on that it is not told. Our choice: a negotiation takes three."""

PIECE = 1024
"""Bytes that are handled before the door may do something else; of text alone, four times as many, since
each of its lines is an event. Our choice: at worst, a millisecond."""

KEYS_PIECE = 16
"""Bytes of keys that are handled at once: each costs the more the longer the line is. Our choice."""

INFLATER_MEMORY = 40 * 1024
"""Bytes that zlib takes for a stream that is inflated: its window of 32 KiB, and its state."""

SUBNEGOTIATION_TIMEOUT = 10.0
"""Seconds after which an unfinished subnegotiation is given up. Our choice: programs send them
in one piece."""

_DEL = b"\x7f"
_AS_KEYS = {Signal.IP: b"\x03", Signal.BRK: b"\x03", Signal.EC: _DEL, Signal.EL: b"\x15"}
"""What the editor of character mode takes for telnet's own keys."""

_TLS_HELLO = b"\x16\x03"  # a record of the type "handshake", of any version (RFC 8446, section 5.1)
_IAC = bytes((IAC,))
_HANDOVER = frozenset({Mccp3.code})


@dataclass(slots=True)  # not frozen, for the same reason as ``telnet.Data``: each line makes one
class Line:
    """A complete line.

    Attributes:
        text: the line, decoded and cleaned (see ``text.typed_line``), without its end.
        cut: if the line was longer than ``line_max``, how many bytes of it were taken; else 0.
    """

    text: str
    cut: int = 0


@dataclass(frozen=True, slots=True)
class ModeChanged:
    """The peer is in character mode from now on, or in line mode."""

    by_character: bool


@dataclass(frozen=True, slots=True)
class Keys:
    """In character mode: what the peer's terminal sends for the keys that were pressed."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """Bytes to write to the transport now, unchanged: answers to telnet commands."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Interrupted:
    """Ctrl-C or BREAK: the telnet commands IP and BRK. What was typed of the line is forgotten."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """The first line is an HTTP request: the peer is a browser or a scanner, not a person."""


@dataclass(frozen=True, slots=True)
class TlsHello:
    """The first bytes are a TLS handshake: the peer has taken this door for one with TLS."""


@dataclass(frozen=True, slots=True)
class Flooded:
    """The peer has exceeded the limit of negotiations a second; those beyond it were ignored."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Our own code has raised an exception for a command or a line. The next one is not affected."""

    error: Exception


@dataclass(frozen=True, slots=True)
class PieceEnd:
    """A piece of what has arrived is handled; there is more. The door may go on in a later turn."""


PIECE_END = PieceEnd()

Event = (
    Line
    | Keys
    | Message
    | Resized
    | ModeChanged
    | Reply
    | Interrupted
    | HttpRequest
    | TlsHello
    | Flooded
    | Failed
    | PieceEnd
)


class Connection(PlainState):
    """The server's end of one telnet connection.

    Args:
        line_max: the longest line that is taken, in bytes; 0 means no limit.
        subnegotiation_max: the longest subnegotiation that is taken, in bytes; 0 means no limit.
        inflated_max: bytes that one chunk may inflate to; 0 means that ``mccp.RATIO_MAX`` is the only
            limit.
        clock: seconds, from any start.
        status: the variables of MSSP; called when a crawler asks.
        compression: whether MCCP2 and MCCP3 are offered. They are not offered over TLS, where the
            length of compressed data can reveal its content (CRIME).
        tls: whether the transport is encrypted.
        msdp_variables: packages that are listed as variables of MSDP before they are sent.
        character_mode: whether character mode is offered to terminals that are not MUD clients.

    Attributes:
        terminal: the person's terminal, as far as it is known.
        congested: set by the door while the peer does not read. Answers then wait, and the door sends
            ``held_answers()`` when the peer reads again.
    """

    __slots__ = (
        "_character_mode",
        "_compression",
        "_deflate_next",
        "_deflater",
        "_events",
        "_first",
        "_has_flooded",
        "_has_received_line",
        "_held",
        "_inflated_max",
        "_inflater",
        "_is_open",
        "_is_tls",
        "_lines",
        "_mark_is_due",
        "_msdp_variables",
        "_negotiation",
        "_parser",
        "_prompt_is_sent",
        "_seconds",
        "_status",
        "_subnegotiation_since",
        "_unread",
        "congested",
        "terminal",
    )
    STATE = (
        "_first",
        "_has_received_line",
        "_held",
        "_is_tls",
        "_mark_is_due",
        "_prompt_is_sent",
    )  # fmt: skip - as above

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
        msdp_variables: tuple[str, ...] = (),
        character_mode: bool = False,
    ) -> None:
        compression = compression and not tls
        self.terminal = Terminal(telnet_encoder(), tls=tls)
        self.congested = False
        self._inflated_max = inflated_max
        self._parser = TelnetParser(subnegotiation_max, _HANDOVER if compression else frozenset())
        self._lines = LineBuffer(line_max)
        self._events: list[Event] = []  # emitted by the option that handles the present command
        self._compression = compression
        self._msdp_variables = msdp_variables
        self._character_mode = character_mode
        self._negotiation: Negotiator | None = None
        self._is_open = False
        self._inflater: Inflater | None = None
        self._deflater: Deflater | None = None
        self._deflate_next = False
        self._mark_is_due = False
        self._prompt_is_sent = False  # the prompt whose mark is due
        self._has_received_line = False
        self._has_flooded = False
        self._held = b""
        self._first: bytes | None = b""  # the first bytes, until they show whether they are TLS
        self._seconds = clock
        self._status = status
        self._is_tls = False  # nothing of a TLS stream can be understood here
        self._subnegotiation_since: float | None = None
        self._unread = 0

    @property
    def _negotiator(self) -> Negotiator:
        """Made when it is first needed: a peer that says nothing in telnet costs none."""
        if self._negotiation is None:
            self._negotiation = Negotiator(
                self.terminal,
                emit=self._events.append,
                status=self._status,
                clock=self._seconds,
                compress=self._compress if self._compression else None,
                msdp_variables=self._msdp_variables,
                mode_changed=self._mode_changed,
                character_mode=self._character_mode,
            )
            if self._is_open:
                self._negotiation.open()  # as has been sent
        return self._negotiation

    # -- to another process, and back ------------------------------------------------------------

    def can_leave(self) -> bool:
        """Whether the connection can be continued by another process at this moment."""
        return self._inflater is None or self._inflater.snapshot() is not None

    def leave(self) -> bytes:
        """Another process is to continue: end what compresses, which cannot move.

        ``stay()`` begins it anew, here or there.

        Returns:
            the bytes to send now; nothing may be sent between them and those of ``stay()``.
        """
        return b"" if self._deflater is None else self._deflater.finish()

    def stay(self) -> bytes:
        """Send these bytes before anything else after ``leave()``."""
        if self._deflater is None:
            return b""
        self._deflater = Deflater()
        return subnegotiation(Mccp2.code)

    def snapshot(self) -> dict[str, Any]:
        """As ``PlainState.snapshot``. The limits are not in it: they are of the settings there."""
        since = self._subnegotiation_since
        return {
            **super().snapshot(),
            "parser": self._parser.snapshot(),
            "lines": self._lines.snapshot(),
            "negotiator": self._negotiator.snapshot(),
            "terminal": self.terminal.snapshot(),
            "deflates": self._deflater is not None,
            "inflater": None if self._inflater is None else self._inflater.snapshot(),
            "subnegotiation_age": None if since is None else self._seconds() - since,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """As ``PlainState.restore``; ``stay()`` has to follow."""
        super().restore(state)
        self._parser.restore(state["parser"])
        self._lines.restore(state["lines"])
        self._negotiator.restore(state["negotiator"])
        self.terminal.restore(state["terminal"])
        self._deflater = Deflater() if state["deflates"] else None
        if state["inflater"] is not None:
            self._inflater = Inflater()
            self._inflater.restore(state["inflater"])
        age = state["subnegotiation_age"]
        self._subnegotiation_since = None if age is None else self._seconds() - age

    # -- what arrives -----------------------------------------------------------------------

    def receive(self, data: bytes) -> Iterator[Event]:
        """The events of these bytes, in order, with a ``PIECE_END`` between two pieces.

        Read to the end before the next call, in this turn or later, unless the connection has ended.

        Raises:
            ProtocolError: the peer's compressed stream is invalid, or inflates to too much
                (``InflationTooLarge``). Nothing more can be understood: abort the connection.
        """
        if self._is_tls:
            return
        if self._first is not None:
            self._first += data[: len(_TLS_HELLO)]
            if self._first.startswith(_TLS_HELLO):
                self._is_tls = True
                yield TlsHello()
                return
            if not _TLS_HELLO.startswith(self._first):
                self._first = None
        budget = None
        # A loop, and not a call for each stream: a chunk may contain thousands of short streams. All
        # of them share one budget, or a peer could send one bomb after another.
        while data:
            if self._inflater is not None:
                budget = Budget(len(data), self._inflated_max) if budget is None else budget
                data = yield from self._inflate(self._inflater, data, budget)
            elif len(data) <= PIECE:
                data = yield from self._parse(data)
            else:
                piece = data[: 4 * PIECE]
                if _IAC in piece:  # commands are dearer than text
                    piece = piece[:PIECE]
                data = data[len(piece) :]
                self._unread = len(data)
                data = (yield from self._parse(piece)) + data
                yield PIECE_END
        self._unread = 0
        if self._has_flooded:
            self._has_flooded = False
            yield Flooded()

    def _inflate(
        self, inflater: Inflater, data: bytes, budget: Budget
    ) -> Generator[Event, None, bytes]:
        """Handle compressed bytes. Returns those that follow the end of the stream."""
        for piece in inflater.inflate(data, budget):
            self._unread = inflater.unread
            yield from self._parse(piece)
            yield PIECE_END
        if inflater.unused is None:
            return b""
        self._inflater, self._parser.handover = None, _HANDOVER
        return inflater.unused

    def _parse(self, data: bytes) -> Generator[Event, None, bytes]:  # noqa: PLR0912 - the loop of all
        """Handle plain telnet. Returns the bytes after the beginning of a compressed stream."""
        remainder = replies = b""
        ended = is_text = False  # whether a subnegotiation has ended, whether there was text
        self._give_up_subnegotiation()
        for item in self._parser.receive(data):
            if isinstance(item, Data):
                is_text = True
                if self._negotiation is not None and self._negotiation.mode.is_on:
                    for start in range(0, len(item.data), KEYS_PIECE):
                        yield Keys(item.data[start : start + KEYS_PIECE])
                else:
                    for line in self._lines.receive(item.data):
                        yield self._line(line)
                continue
            if isinstance(item, Remainder):
                # Always the last item: the parser has not looked at these bytes.
                remainder, self._inflater = item.data, Inflater()
                self._parser.handover = frozenset()  # a stream cannot begin within another
                continue
            if len(self._held) + len(replies) > HELD_MAX and self.congested:
                continue  # neither agreed nor answered
            ended = ended or isinstance(item, Subnegotiation)
            try:
                replies += self._answer(item)
            except Exception as error:  # noqa: BLE001 - it must not cost the rest of the chunk
                self._events.append(Failed(error))
            yield from self._events
            self._events.clear()
            self._has_flooded = self._negotiator.options.flooded
            if self._deflate_next:
                # ``replies`` ends with IAC SB 86 IAC SE, the last bytes that are sent plain. They must
                # go out even if the peer does not read at the moment: without them it could not
                # understand what follows.
                self._deflate_next = False
                yield Reply(self._out(self._held + replies))
                replies, self._held, self._deflater = b"", b"", Deflater()
        # Text alone neither begins nor ends one, and most chunks are text alone.
        if self._subnegotiation_since is not None or not is_text or _IAC in data:
            self._note_subnegotiation(ended)
        if self.congested:
            self._held += replies
        else:
            if self._mark_is_due and self._prompt_is_sent:
                replies += self._mark()
            if replies:
                yield Reply(self._out(replies))
        return remainder

    def _note_subnegotiation(self, ended: bool) -> None:
        """Remember since when one is unfinished; ``ended`` if another has ended in this chunk."""
        if not self._parser.in_subnegotiation:
            self._subnegotiation_since = None
        elif self._subnegotiation_since is None or ended:
            self._subnegotiation_since = self._seconds()

    def _give_up_subnegotiation(self) -> None:
        """After a while without its end, what follows is not taken for a part of it."""
        since = self._subnegotiation_since
        if since is not None and self._seconds() - since > SUBNEGOTIATION_TIMEOUT:
            self._parser.give_up_subnegotiation()

    def _answer(self, item: ControlFunction | Negotiation | Subnegotiation) -> bytes:
        match item:
            case Negotiation():
                return self._negotiator.receive(item)
            case Subnegotiation():
                return self._negotiator.subnegotiation(item)
            case ControlFunction(Signal.AYT) if self._negotiator.options.admits():
                return HERE
            case ControlFunction(signal) if signal in _AS_KEYS and self._negotiator.mode.is_on:
                self._events.append(Keys(_AS_KEYS[signal]))
            case ControlFunction(Signal.IP | Signal.BRK):
                self._lines.erase()
                self._events.append(Interrupted())
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
            if line == mssp.REQUEST:  # a crawler that does not negotiate
                return Reply(self.send(mssp.plain_reply(self._status())))
        cut = isinstance(line, CutLine)
        charset = self.terminal.encoder.charset
        known = self._negotiation is not None and self._negotiation.charset_known
        try:
            text = typed_line(decode(line, charset, negotiated=known, cut=cut))
        except Exception as error:  # noqa: BLE001 - as above: an application may set any encoder
            return Failed(error)
        return Line(text, len(line) if cut else 0)

    def _mode_changed(self, by_character: bool) -> None:
        self._events.append(ModeChanged(by_character))
        if by_character:
            self._mark_is_due = False
            if begun := self._lines.take():
                self._events.append(Keys(begun))

    @property
    def held(self) -> int:
        """Bytes of memory that are kept of what has arrived."""
        inflating = 0 if self._inflater is None else INFLATER_MEMORY
        editor = self.terminal.editor
        begun = len(self._lines.partial) + len(self._parser.payload)
        begun += 0 if editor is None else editor.held
        return self._unread + begun + len(self._held) + inflating

    def put_back(self, data: bytes) -> None:
        """Bytes that were ``Keys`` are the beginning of the next line: the peer is in line mode again."""
        self._lines.receive(data)

    # -- what is sent: write these bytes to the transport, in the order of the calls -------------

    def open(self) -> bytes:
        """The first bytes."""
        self._is_open = True
        return OPENING

    def send(self, data: bytes) -> bytes:
        """The bytes that send this text.

        Args:
            data: text from ``terminal.encoder``, with what ``hide_input``, ``prompt_mark`` and
                ``message`` return in its place among it.
        """
        if self._mark_is_due and data.endswith(b"\n"):
            self._mark_is_due = False  # the prompt has become part of a line
        elif self._mark_is_due and data and not self._prompt_is_sent:
            self._prompt_is_sent = True
            data += self._mark()  # the peer may have turned out to want it since
        return self._out(data)

    def held_answers(self) -> bytes:
        """The answers that waited while the peer did not read; for the door, when it reads again."""
        held, self._held = self._held, b""
        return self._out(held)

    def keep_alive(self) -> bytes:
        """A sign of life; none for a peer that would show it on the screen, or does not read."""
        is_due = self._negotiation is not None and self._negotiation.speaks_telnet
        return self._out(NOP) if is_due and not self.congested else b""

    def close(self) -> bytes:
        """The last bytes: they show what is typed again, and end the compressed stream."""
        return self._out(self.hide_input(False)) + self._end_deflating()

    # -- what is sent among text: pass these bytes to ``send``, in their place -------------------

    def hide_input(self, hidden: bool) -> bytes:
        """The bytes that make the terminal stop (or go on) showing what is typed; often none."""
        if self._negotiation is None and not hidden:
            return b""
        return self._negotiator.mode.hide_input(hidden)

    def prompt_mark(self) -> bytes:
        """The bytes that tell the peer's program that the text before them is a prompt; often none.

        The first prompt is sent before the peer has said whether it wants marks, and TinyFugue does
        not show a prompt without one. So the mark is sent later, as soon as the peer turns out to
        want it, unless something else has been sent or typed since.
        """
        self._prompt_is_sent = False
        return self._mark()

    def message(self, package: str, data: object) -> bytes:
        """The bytes of a message to the peer's program, by GMCP or MSDP; none if it has neither.

        Raises:
            TypeError: JSON cannot represent the data.
        """
        return self._negotiator.message(package, data)

    def _mark(self) -> bytes:
        mark = b"" if self._negotiation is None else self._negotiation.prompt_mark()
        self._mark_is_due = not mark
        return mark

    def _out(self, data: bytes) -> bytes:
        return data if self._deflater is None or not data else self._deflater.compress(data)

    # -- compression of what is sent --------------------------------------------------------

    def _compress(self, on: bool) -> None:
        """The peer has agreed to MCCP2, or does not want it any more."""
        if on:
            self._deflate_next = self._deflater is None
        elif self._deflater is not None:
            self._events.append(Reply(self._end_deflating()))

    def _end_deflating(self) -> bytes:
        deflater, self._deflater = self._deflater, None
        return b"" if deflater is None else deflater.finish()
