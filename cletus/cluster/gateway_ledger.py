"""What a gateway has told and was sent: a state machine without I/O.

It keeps all that it says of its connections until the primary has confirmed it: the lines of each until they
are handled, the rest as long as the connection is there. So nothing that the bus loses is lost. What the
bus repeats or delays is recognised by its numbers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from cletus.cluster.frames import (
    ENTRY_SIZE,
    LINES_MAX,
    VERSION,
    Ack,
    Beat,
    Begin,
    Event,
    Frame,
    Gap,
    Gone,
    Hello,
    Label,
    Line,
    New,
    Position,
    RemoteConnection,
    Sent,
    Status,
    TerminalChanged,
    Told,
    chunks,
    decode_sent,
    encode,
    encode_entry,
    frames_of,
)


@dataclass(slots=True)
class _Connection:
    """One connection, as it stands in the next ``Hello``."""

    conn: int
    door: str
    address: str
    terminal: dict[str, Any]
    claim: tuple[str, bool] | None
    label: bytes = b""
    handled: int = 0
    lines: deque[str] = field(default_factory=deque)
    ticket: bytes = b""
    former: bytes = b""

    def plain(self) -> RemoteConnection:
        return RemoteConnection(
            self.conn,
            self.door,
            self.address,
            dict(self.terminal),
            self.claim,
            self.label,
            self.handled,
            list(self.lines),
            self.ticket,
            self.former,
        )


class GatewayLedger:
    """The gateway's end.

    Args:
        gateway: its name.
        incarnation: higher than that of each earlier process of this name.

    Attributes:
        at: how far it has come: what was sent up to there is carried out.
        is_begun: whether the primary knows this gateway, and nothing is missing.
    """

    def __init__(self, gateway: str, incarnation: int) -> None:
        self._gateway = gateway
        self._incarnation = incarnation
        self.at = Position()
        self._life = 0  # of the primary
        #: The last entry with anything of its own. A begin may follow another before the primary
        #: has heard of that; what it has sent before them all is still numbered by the first.
        self._last = Position()
        self.is_begun = False
        self._told = 0
        self._connections: dict[int, _Connection] = {}
        self._parts: list[msgspec.Raw] = []  # told with the next entry
        self._entries: list[bytes] = []

    # -- what happens at the doors ----------------------------------------------------------

    def opened(
        self,
        conn: int,
        *,
        door: str,
        address: str,
        terminal: dict[str, Any],
        claim: tuple[str, bool] | None = None,
        ticket: bytes = b"",
        former: bytes = b"",
    ) -> None:
        """Somebody has connected. Arguments as for ``RemoteConnection``."""
        connection = _Connection(conn, door, address, terminal, claim, ticket=ticket, former=former)
        self._connections[conn] = connection
        self._tell(New(connection.plain()))

    def line(self, conn: int, text: str) -> None:
        """They have typed a line. ``can_take(conn)`` was true."""
        connection = self._connections[conn]
        connection.lines.append(text)
        self._tell(Line(conn, connection.handled + len(connection.lines), text))

    @property
    def pages(self) -> list[int]:
        """The connections that have a ticket."""
        return [conn for conn, connection in self._connections.items() if connection.ticket]

    def can_take(self, conn: int) -> bool:
        """Whether another of their lines may be taken now."""
        return self.unhandled(conn) < LINES_MAX

    def unhandled(self, conn: int) -> int:
        """How many of their lines are not handled yet."""
        connection = self._connections.get(conn)
        return 0 if connection is None else len(connection.lines)

    def terminal_changed(self, conn: int, changes: dict[str, Any], *, is_resized: bool) -> None:
        """Attributes of their terminal have changed."""
        self._connections[conn].terminal.update(changes)
        self._tell(TerminalChanged(conn, changes, is_resized))

    def gone(self, conn: int, reason: str) -> None:
        """They are gone; lines that they have typed before are still told."""
        if self._connections.pop(conn, None) is not None:
            self._tell(Gone(conn, reason))

    def say(self, event: Event) -> None:
        """Tell something that is not kept: it is lost if the primary is lost now."""
        self._tell(event)

    # -- to another process -----------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """All of it as plain data, after ``entries()``, so that nothing is begun."""
        return {
            "gateway": self._gateway,
            "incarnation": self._incarnation,
            "at": msgspec.structs.astuple(self.at),
            "life": self._life,
            "last": msgspec.structs.astuple(self._last),
            "is_begun": self.is_begun,
            "told": self._told,
            "connections": [
                msgspec.structs.asdict(connection.plain())
                for connection in self._connections.values()
            ],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on with such a state; for a ledger that has just been made."""
        self._gateway, self._incarnation = state["gateway"], state["incarnation"]
        self.at, self._last = Position(*state["at"]), Position(*state["last"])
        self._life, self.is_begun, self._told = state["life"], state["is_begun"], state["told"]
        for values in state["connections"]:
            connection = _Connection(**{**values, "lines": deque(values["lines"])})
            self._connections[connection.conn] = connection

    # -- the bus ----------------------------------------------------------------------------

    def received(self, data: bytes) -> list[Frame]:
        """An entry of the primary has come. Returns what is to be carried out, in this order."""
        sent = decode_sent(data)
        if sent is None:
            return []
        begin, now = (sent.epoch, sent.begin), (self.at.epoch, self.at.begin)
        if begin < now or (begin == now and sent.number <= self.at.number):
            return []  # of a primary that is none any more, or a repetition
        frames = list(frames_of(sent))
        if begin > now:
            first = frames[0] if frames and sent.number == 1 else None
            if not isinstance(first, Begin):
                self._lacks_entries()
                return []
            self._begin(sent, first.life)
        elif sent.number > self.at.number + 1:
            self._lacks_entries()
            return []
        self.at = Position(sent.epoch, sent.begin, sent.number)
        if not all(isinstance(frame, (Begin, Status)) for frame in frames):
            self._last = self.at
        for frame in frames:
            self._note(frame)
        return [frame for frame in frames if not isinstance(frame, Begin)]

    def beat(self) -> None:
        """Give a sign of life; called every second. Without a begin, ask for one again."""
        if self.is_begun:
            self._tell(Beat())
        else:
            self._ask_for_begin()

    def entries(self) -> list[bytes]:
        """What is to be told now, in this order; each is returned once."""
        self._close_entries()
        entries, self._entries = self._entries, []
        return entries

    # -- inside -----------------------------------------------------------------------------

    def _tell(self, event: Event) -> None:
        # Before a begin there is nobody to tell; ``Hello`` will say how things stand.
        if self.is_begun:
            self._parts.append(encode(event))

    def _close_entries(self) -> None:
        parts, self._parts = self._parts, []
        for chunk in chunks(parts):
            self._told += 1
            self._entries.append(self._entry(self._told, chunk))

    def _entry(self, number: int, parts: list[msgspec.Raw]) -> bytes:
        return encode_entry(Told(VERSION, self._gateway, self._incarnation, self.at, number, parts))

    def _lacks_entries(self) -> None:
        """Ask for a begin, once; ``beat()`` asks again."""
        if self.is_begun:
            self.is_begun = False
            self._parts.clear()
            self._ask_for_begin()

    def _ask_for_begin(self) -> None:
        self._entries.append(self._entry(0, [encode(Gap())]))

    def _begin(self, sent: Sent, life: int) -> None:
        again = self._life > 0
        self._life = life
        self.at = Position(sent.epoch, sent.begin, 0)
        self.is_begun, self._told = True, 0
        self._parts.clear()
        self._entries.clear()  # of the begin before: nobody would take them
        *others, rest = self._hellos()
        for connections in others:
            self._tell(Hello(self._last, connections, False, again))
        self._tell(Hello(self._last, rest, True, again))

    def _hellos(self) -> Iterator[list[RemoteConnection]]:
        """All connections, so many at a time that they fit into an entry."""
        connections: list[RemoteConnection] = []
        size = 0
        for connection in self._connections.values():
            # At least as much as msgpack takes; exact enough for a bound.
            length = 512 + len(connection.label) + 4 * sum(map(len, connection.lines))
            if connections and size + length > ENTRY_SIZE:
                yield connections
                connections, size = [], 0
            connections.append(connection.plain())
            size += length
        yield connections

    def _note(self, frame: Frame) -> None:
        """Note what the ledger keeps."""
        match frame:
            case Label():
                if frame.conn in self._connections:
                    self._connections[frame.conn].label = frame.label
            case Ack():
                for conn, number in frame.handled.items():
                    self._acknowledge(conn, number)

    def _acknowledge(self, conn: int, number: int) -> None:
        connection = self._connections.get(conn)
        if connection is None:
            return
        while connection.handled < number and connection.lines:
            connection.lines.popleft()
            connection.handled += 1
