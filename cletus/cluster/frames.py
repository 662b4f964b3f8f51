"""The wire format between gateways and the primary. Knows no bus and no connection.

What crosses the bus is an entry: a msgpack array with a head and a list of parts. A gateway tells the primary
``Told`` entries, whose parts are the ``Event`` classes; the primary sends each gateway ``Sent`` entries, whose
parts are the ``Frame`` classes. A part is an array that begins with its name, so a newer process may add parts
and fields: what a reader does not know it skips.

A *begin* is a fresh start between the primary and one gateway: the primary sends ``Begin``, the gateway
answers with ``Hello``. Both number their entries from 1 after each.
"""

from __future__ import annotations

import re
import sys
from array import array
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar, Union, cast

import msgspec
from twisted.logger import Logger

from cletus.protocol.telnet import IAC

VERSION: Final = 1
"""Of the wire format. A process reads its own version and the one before."""

VERSIONS: Final = frozenset({VERSION})

ENTRY_SIZE: Final = 512 * 1024
"""Bytes after which an entry is closed and the next one begun; half of what a bus takes, since one part may
be as long as a line, a page of text or a message."""

LINES_MAX: Final = 40
"""Lines of one connection that the primary has not handled yet; then the gateway reads no more of it."""

NAMES_MAX: Final = 100
"""Unknown parts that are named in the log; others are skipped without a word."""

_IAC: Final = bytes((IAC,))
_MARK: Final = re.compile(r"([0-9a-f]{1,16})\.([0-9a-f]{1,16})\.([0-9a-f]{1,16})\.([0-9a-f]{1,8})")

_log = Logger()


class Part(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Base of all parts."""


# -- what a gateway tells ----------------------------------------------------------------------


class Position(msgspec.Struct, array_like=True, frozen=True, order=True, gc=False):
    """How far a gateway has come: the epoch, the number of its begin, and of the last entry in it."""

    epoch: int = 0
    begin: int = 0
    number: int = 0


class Mark(NamedTuple):
    """Which of the texts that were sent to a page it has got last. A gateway puts it behind each.

    Attributes:
        at: the entry that it came in.
        part: which ``Write`` in this entry, from 0.
    """

    at: Position = Position()
    part: int = -1

    def __str__(self) -> str:
        return f"{self.at.epoch:x}.{self.at.begin:x}.{self.at.number:x}.{self.part:x}"

    @classmethod
    def of(cls, text: str) -> Mark:
        """The mark that ``str()`` has made; of another text, one that is before all others."""
        match = _MARK.fullmatch(text)
        if match is None:
            return cls()
        epoch, begin, number, write = (int(part, 16) for part in match.groups())
        return cls(Position(epoch, begin, number), write)


class RemoteConnection(msgspec.Struct, array_like=True, frozen=True):
    """All that a gateway knows of one connection.

    Attributes:
        conn: its number; a gateway uses none twice.
        door, address: as ``Client`` has them.
        terminal: of ``Terminal.snapshot()``.
        claim: name and whether it is proven, if the door has asked.
        label: what the primary has said of it last (``Label``).
        handled: the number of its last line that was handled.
        lines: those after that.
        ticket: that of a browser's page, by which it resumes at another gateway (``parked.py``).
        former: the one that it came with.
    """

    conn: int
    door: str
    address: str
    terminal: dict[str, Any]
    claim: tuple[str, bool] | None = None
    label: bytes = b""
    handled: int = 0
    lines: list[str] = []
    ticket: bytes = b""
    former: bytes = b""


class Identity(msgspec.Struct, array_like=True, frozen=True):
    """What a ``Label`` says: who a connection is logged in as.

    Attributes:
        store, key: of their account; empty for a stranger.
        is_busy: whether a question or a dialogue waits for their next line.
    """

    store: str = ""
    key: str = ""
    is_busy: bool = False

    def label(self) -> bytes:
        """The bytes of this; none for a stranger whom nobody asks anything."""
        return _encoder.encode(self) if self.key or self.is_busy else b""

    @classmethod
    def of(cls, label: bytes) -> Identity:
        """Who a label names."""
        try:
            return _identity.decode(label) if label else cls()
        except _UNREADABLE:
            return cls()


class Hello(Part, frozen=True, tag="hello"):
    """The answer to ``Begin``, in several parts if it is long.

    Attributes:
        last: the last entry with anything of its own that it has carried out, be it of a primary before;
            0 for none.
        connections: some of its connections.
        is_complete: whether these are the last.
        again: whether it has had a begin before, so that the lines of these may have been handled.
    """

    last: Position
    connections: list[RemoteConnection]
    is_complete: bool = True
    again: bool = False


class New(Part, frozen=True, tag="new"):
    """Somebody has connected."""

    connection: RemoteConnection


class Line(Part, frozen=True, tag="line"):
    """A line was typed; those of one connection are numbered from 1, whatever begins come between."""

    conn: int
    number: int
    text: str


class TerminalChanged(Part, frozen=True, tag="terminal"):
    """Attributes of a terminal, of ``Terminal.snapshot()``, that have changed."""

    conn: int
    changes: dict[str, Any]
    is_resized: bool = False


class ProgramMessage(Part, frozen=True, tag="message"):
    """A message of their program (GMCP)."""

    conn: int
    package: str
    data: Any = None


class Interrupted(Part, frozen=True, tag="interrupted"):
    """Ctrl-C."""

    conn: int


class Gone(Part, frozen=True, tag="gone"):
    """A connection is gone."""

    conn: int
    reason: str


class Asked(Part, frozen=True, tag="asked"):
    """A door asks whether somebody may come in: the fields of ``events.Authenticate``."""

    request: int
    name: str
    method: str
    secret: str
    address: str
    door: str


class ResumeAsked(Part, frozen=True, tag="resume"):
    """A page has come that was at another gateway; asked again until it is answered.

    Attributes:
        request: the number of this question.
        ticket: of the page.
        at: up to where it has what was sent to it (``Mark``).
    """

    request: int
    ticket: bytes
    at: str


class Beat(Part, frozen=True, tag="beat"):
    """Nothing but a sign of life."""


class Gap(Part, frozen=True, tag="gap"):
    """The gateway lacks entries, or has never had a begin: it wants one."""


Event: TypeAlias = Union[  # noqa: UP007 - the decoder takes the union as it is
    Hello,
    New,
    Line,
    TerminalChanged,
    ProgramMessage,
    Interrupted,
    Gone,
    Asked,
    ResumeAsked,
    Beat,
    Gap,
]


class Told(msgspec.Struct, array_like=True, frozen=True):
    """An entry of a gateway.

    Attributes:
        version: of the wire format.
        gateway: its name.
        incarnation: rises with each start of a process of that name.
        at: where it is; all up to that number was written to its connections.
        number: of this entry in the begin, from 1; 0 if it has no part in the order.
        parts: ``Event``, not decoded yet.
    """

    version: int
    gateway: str
    incarnation: int
    at: Position
    number: int
    parts: list[msgspec.Raw]


# -- what the primary sends --------------------------------------------------------------------


class Begin(Part, frozen=True, tag="begin"):
    """Begin anew: always the first part of the first entry.

    Attributes:
        life: the first epoch of this primary process.
    """

    life: int


class Write(Part, frozen=True, tag="write"):
    """Text for some connections, as telnet; a gateway turns it into what its door speaks.

    ``IAC EOR`` marks the end of a prompt and ``IAC EL`` withdraws it, ``IAC WILL`` and ``WONT ECHO`` hide
    and show what is typed, and ``IAC SB GMCP`` is a message.

    Attributes:
        data: the text.
        to: the numbers of the connections, of four bytes each, the lowest byte first.
    """

    data: bytes
    to: bytes


class Ack(Part, frozen=True, tag="ack"):
    """Up to which of its lines each connection is handled."""

    handled: dict[int, int]


class Label(Part, frozen=True, tag="label"):
    """What to say of this connection in the next ``Hello``."""

    conn: int
    label: bytes


class Close(Part, frozen=True, tag="close"):
    """Close a connection when everything has gone out; or at once."""

    conn: int
    at_once: bool = False


class Answer(Part, frozen=True, tag="answer"):
    """The answer to ``Asked``: ``answers`` of ``events.Authenticate``."""

    request: int
    answers: list[bool]


class ResumeAnswer(Part, frozen=True, tag="resumed"):
    """The answer to ``ResumeAsked``.

    Attributes:
        request: the number of the question.
        is_known: whether there is a client with that ticket; it is waited for.
        lines: how many of its lines have come.
        lost: whether something that was sent to it could not be kept.
    """

    request: int
    is_known: bool
    lines: int = 0
    lost: bool = False


class Status(Part, frozen=True, tag="status"):
    """What gateways tell crawlers (MSSP) and doors need to know of the service; sent every second."""

    values: dict[str, Any]


Frame: TypeAlias = Union[  # noqa: UP007 - as above
    Begin, Write, Ack, Label, Close, Answer, ResumeAnswer, Status
]


class Sent(msgspec.Struct, array_like=True, frozen=True):
    """An entry of the primary.

    Attributes:
        version: of the wire format.
        epoch: of the primary.
        begin: the number of the begin, which rises.
        number: of this entry in the begin, from 1.
        parts: ``Frame``, not decoded yet.
    """

    version: int
    epoch: int
    begin: int
    number: int
    parts: list[msgspec.Raw]


# -- bytes -------------------------------------------------------------------------------------

PartT = TypeVar("PartT", bound=Part)

_encoder = msgspec.msgpack.Encoder()
_told: msgspec.msgpack.Decoder[Told] = msgspec.msgpack.Decoder(Told)
_sent: msgspec.msgpack.Decoder[Sent] = msgspec.msgpack.Decoder(Sent)
_events: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(Event)
_frames: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(Frame)
_identity: msgspec.msgpack.Decoder[Identity] = msgspec.msgpack.Decoder(Identity)
_name: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder()
_UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError)
"""What msgspec raises for bytes that are none of its own; a ``ValueError`` for text that is not UTF-8."""

_skipped: set[str] = set()


def encode(part: Part) -> msgspec.Raw:
    """The bytes of one part. What msgpack does not have, such as an enumeration, raises ``TypeError``."""
    return msgspec.Raw(_encoder.encode(part))


def encode_entry(entry: Told | Sent) -> bytes:
    """The bytes of an entry."""
    return _encoder.encode(entry)


def decode_told(data: bytes) -> Told | None:
    """An entry of a gateway; ``None`` if it is not one, or of a version that is not known here."""
    return cast("Told | None", _decoded(data, _told))


def decode_sent(data: bytes) -> Sent | None:
    """An entry of the primary; ``None`` as above."""
    return cast("Sent | None", _decoded(data, _sent))


def events_of(told: Told) -> Iterator[Event]:
    """The parts that are known here."""
    return _parts(told.parts, _events)


def frames_of(sent: Sent) -> Iterator[Frame]:
    """The parts that are known here."""
    return _parts(sent.parts, _frames)


def chunks(parts: Iterable[msgspec.Raw]) -> Iterator[list[msgspec.Raw]]:
    """The parts in lists of about ``ENTRY_SIZE`` bytes at most, each for one entry."""
    chunk: list[msgspec.Raw] = []
    size = 0
    for part in parts:
        length = len(memoryview(part))
        if chunk and size + length > ENTRY_SIZE:
            yield chunk
            chunk, size = [], 0
        chunk.append(part)
        size += length
    if chunk:
        yield chunk


def are_whole_lines(data: bytes) -> bool:
    """Whether the text of a ``Write`` is lines without any mark, which an output takes as they are."""
    return data.endswith(b"\n") and _IAC not in data


def pack(numbers: Iterable[int]) -> bytes:
    """Numbers of connections, for ``Write.to``."""
    packed = array("I", numbers)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def unpack(data: bytes) -> array[int]:
    """The numbers that ``pack()`` was given; a rest of less than four bytes is ignored."""
    numbers = array("I")
    numbers.frombytes(data[: len(data) // 4 * 4])
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def goes_to(frame: Write, conn: int) -> bool:
    """Whether this is for a connection. ``unpack()`` would make an object of each number."""
    number = conn.to_bytes(4, "little")
    start = frame.to.find(number)
    while start > 0 and start % 4:
        start = frame.to.find(number, start + 1)
    return start >= 0


def _decoded(data: bytes, decoder: msgspec.msgpack.Decoder[Any]) -> Any:
    try:
        entry = decoder.decode(data)
    except _UNREADABLE:
        _skip("an entry that cannot be read")
        return None
    if entry.version not in VERSIONS:
        _skip(f"entries of version {entry.version}")
        return None
    return entry


def _parts(parts: list[msgspec.Raw], decoder: msgspec.msgpack.Decoder[Any]) -> Iterator[Any]:
    for part in parts:
        try:
            yield decoder.decode(part)
        except _UNREADABLE:
            _skip(f"parts called {_name_of(part)!r}")


def _name_of(part: msgspec.Raw) -> str:
    try:
        values = _name.decode(part)
    except _UNREADABLE:
        return "?"
    return str(values[0])[:40] if isinstance(values, list) and values else "?"


def _skip(words: str) -> None:
    """Log, once in the life of the process, that something is skipped."""
    if words not in _skipped and len(_skipped) < NAMES_MAX:
        _skipped.add(words)
        _log.warn("the cluster speaks another version: skipping {words}", words=words)
