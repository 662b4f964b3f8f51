"""What the primary has sent and was told: a state machine without I/O.

It keeps what it sends to a gateway until that has confirmed it, so nothing that the bus loses is lost. What
the lines of a turn of the reactor have led to is sent at the end of that turn, together with their
acknowledgement: a line's effects are seen everywhere and it is acknowledged, or neither.
"""

from __future__ import annotations

import sys
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from msgspec import Raw

from cletus.cluster.frames import (
    VERSION,
    Ack,
    Asked,
    Begin,
    Event,
    Gap,
    Gone,
    Hello,
    Line,
    New,
    Part,
    Position,
    RemoteConnection,
    Sent,
    Status,
    TerminalChanged,
    Told,
    Write,
    chunks,
    decode_told,
    encode,
    encode_entry,
    events_of,
)

GATEWAY_LOST: Final = "gateway lost"
"""The reason for ``Disconnect`` of those whose gateway is silent or was started anew."""

PATIENCE: Final = 2.0
"""Seconds for which lines wait after a claim if no gateway is known: each has given a sign of life by then,
also to an engine that has lost its memory."""


_LINK_STATE: Final = (
    "begin",
    "connections",
    "greeting",
    "incarnation",
    "is_greeted",
    "is_known",
    "name",
    "sent",
    "silence",
    "told",
)


@dataclass(frozen=True, slots=True)
class Happened:
    """Something that the primary's door has to carry out.

    Attributes:
        link: to the gateway that has told it.
        event: what it has told; a ``New`` comes before all others of a connection, a ``Gone`` after them.
        again: of a ``Line``: whether a primary before may have handled it.
    """

    link: GatewayLink
    event: Event
    again: bool = False


@dataclass(slots=True)
class _Kept:
    """An entry that is not confirmed yet."""

    begin: int
    number: int
    parts: list[Raw]


class GatewayLink:
    """One gateway, as the primary knows it.

    Args:
        name: of the gateway.
        incarnation: of its process; 0 if that is not known yet.
        wake: called when there is something to send, before it is added.
        keep: called with bytes that are kept from now on, or (negative) no more.

    Attributes:
        connections: the number of the last line that was taken, by connection.
        begin: the number of the latest begin.
        told: the number of the last entry that was taken in it.
        is_greeted: whether its ``Hello`` has come.
        is_known: whether one has ever come, in the life of this primary.
        silence: seconds since its last sign of life, while the engine has answered.
        data, to: the last item of this turn, if it is text, and the connections that it goes to. Of a
            broadcast all get the same object.
    """

    __slots__ = (
        "_handled",
        "_items",
        "_keep",
        "_kept",
        "_unsent",
        "_wake",
        "begin",
        "connections",
        "data",
        "greeting",
        "incarnation",
        "is_greeted",
        "is_known",
        "name",
        "sent",
        "silence",
        "to",
        "told",
    )

    def __init__(
        self, name: str, incarnation: int, wake: Callable[[], None], keep: Callable[[int], None]
    ) -> None:
        self.name = name
        self.incarnation = incarnation
        self._wake = wake
        self._keep = keep
        self.connections: dict[int, int] = {}
        self.begin = self.told = self.sent = 0
        self.is_greeted = self.is_known = False
        self.silence = 0.0
        self.greeting: list[RemoteConnection] = []
        self._kept: deque[_Kept] = deque()
        self._unsent: list[Raw] = []  # committed while nobody could take it
        self._items: list[Part | tuple[bytes, array[int]]] = []  # of this turn
        self._handled: dict[int, int] = {}
        self.data: bytes | None = None
        self.to: array[int] = array("I")

    # -- what is sent -----------------------------------------------------------------------

    def write(self, conn: int, data: bytes) -> None:
        """Send a connection this text. Of a broadcast, all are in one part."""
        if data is self.data:
            self.to.append(conn)
            return
        self._wake()
        self.data, self.to = data, array("I", (conn,))
        self._items.append((data, self.to))

    def say(self, frame: Part) -> None:
        """Send this."""
        self._wake()
        self.data = None
        self._items.append(frame)

    def handled(self, conn: int, number: int) -> None:
        """The lines of a connection up to this one are handled."""
        if conn in self.connections:
            self._wake()
            self._handled[conn] = number

    def has_items(self) -> bool:
        """Whether there is something to send."""
        return bool(self._items or self._handled or (self._unsent and self.is_greeted))

    def commit(self) -> Iterator[tuple[int, list[Raw]]]:
        """The end of a turn: number and parts of the entries to be sent, usually one.

        While the gateway has not said where it is, they wait.
        """
        parts = self._unsent + list(self._parts())
        self._unsent = []
        if not self.is_greeted:
            self._unsent = parts
            return
        for chunk in chunks(parts):
            self.sent += 1
            self._kept.append(_Kept(self.begin, self.sent, chunk))
            yield self.sent, chunk

    def _parts(self) -> Iterator[Raw]:
        items, self._items, self.data = self._items, [], None
        for item in items:
            if isinstance(item, tuple):
                data, to = item
                if sys.byteorder == "big":
                    to.byteswap()
                part: Part = Write(data, to.tobytes())
            else:
                part = item
            yield self._counted(encode(part))
        handled, self._handled = self._handled, {}
        if handled:
            yield self._counted(encode(Ack(handled)))

    def _counted(self, part: Raw) -> Raw:
        self._keep(len(memoryview(part)))
        return part

    # -- what is confirmed ------------------------------------------------------------------

    def confirm(self, at: Position) -> None:
        """The gateway has carried out all entries up to this one."""
        kept = self._kept
        # What was kept in an earlier begin has no number in that of ``at``; ``Hello.last`` confirms it.
        while kept and kept[0].begin == at.begin and kept[0].number <= at.number:
            self._forget(kept.popleft().parts)

    def send_again(self) -> None:
        """A new begin: what is not confirmed is sent with the next commit."""
        parts = [part for kept in self._kept for part in kept.parts]
        self._kept.clear()
        self._unsent[:0] = parts

    def forget_all(self) -> None:
        """Nothing of what was sent is of use any more."""
        for kept in self._kept:
            self._forget(kept.parts)
        self._forget(self._unsent)
        self._kept.clear()
        self._unsent, self._items, self.data = [], [], None
        self._handled.clear()

    # -- to another process -----------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """The link as plain data; after a ``commit()``, so that nothing is begun."""
        return {
            **{name: getattr(self, name) for name in _LINK_STATE},
            "kept": [(kept.begin, kept.number, _plain(kept.parts)) for kept in self._kept],
            "unsent": _plain(self._unsent),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on with such a state."""
        for name in _LINK_STATE:
            setattr(self, name, state[name])
        for begin, number, parts in state["kept"]:
            self._kept.append(_Kept(begin, number, [self._counted(Raw(part)) for part in parts]))
        self._unsent = [self._counted(Raw(part)) for part in state["unsent"]]

    def _forget(self, parts: Iterable[Raw]) -> None:
        self._keep(-sum(len(memoryview(part)) for part in parts))


class PrimaryLedger:
    """The primary's end.

    Args:
        epoch: of the primary.
        gateways: the gateways that the engine knows.
        lease: seconds of silence after which a gateway is lost.
        backlog: bytes that may be kept for all of them.
        wake: called when there is something to send; ``commit()`` is expected then.

    Attributes:
        epoch: changes when the engine has lost its memory.
        links: by the gateway's name.
        kept: bytes that are not confirmed.
        is_ready: whether lines are handled. They wait until all gateways have said who is there, so that
            nobody speaks into an empty room.
    """

    def __init__(
        self,
        epoch: int,
        gateways: Iterable[str] = (),
        *,
        lease: float,
        backlog: int,
        wake: Callable[[], None] = lambda: None,
        patience: float = PATIENCE,
    ) -> None:
        self.epoch = epoch
        self._life = epoch
        self._epochs = {epoch}
        self._lease = lease
        self._backlog = backlog
        self._wake = wake
        self._begins = 0
        self.links: dict[str, GatewayLink] = {}
        self.kept = 0
        self._control: list[dict[str, bytes]] = []  # turns of begins
        self._held: list[Happened] = []
        self._expected = set(gateways)
        self._waits = lease if self._expected else patience
        self.is_ready = not self._waits
        for name in sorted(self._expected):
            self._begin(self._new_link(name, 0))

    # -- to another process -----------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """All of it as plain data, after a ``commit()``. ``is_ready`` is true."""
        return {
            "epoch": self.epoch,
            "epochs": sorted(self._epochs),
            "life": self._life,
            "begins": self._begins,
            "links": [link.snapshot() for link in self.links.values()],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on with such a state; for a ledger that has just been made."""
        self.epoch, self._life = state["epoch"], state["life"]
        self._epochs, self._begins = set(state["epochs"]), state["begins"]
        self.is_ready = True
        for link_state in state["links"]:
            self._new_link(link_state["name"], 0).restore(link_state)

    # -- the bus ----------------------------------------------------------------------------

    def received(self, data: bytes) -> list[Happened]:
        """An entry of a gateway has come. Returns what is to be carried out, in this order."""
        told = decode_told(data)
        if told is None:
            return []
        link = self.links.get(told.gateway)
        happened: list[Happened] = []
        if link is not None and 0 < link.incarnation < told.incarnation:
            happened += self._lose(link)
            link = None
        if link is None:
            self._begin(self._new_link(told.gateway, told.incarnation), told.at)
        elif link.incarnation in (0, told.incarnation):
            link.incarnation = told.incarnation
            happened += self._heard(link, told)
        return self._let_pass(happened)

    def commit(self) -> list[dict[str, bytes]]:
        """The end of a turn of the reactor.

        Returns:
            What to send, as entries by gateway. Each dict is a turn of the bus; usually there is one.
        """
        turns, self._control = self._control, []
        ours: list[dict[str, bytes]] = []
        for link in self.links.values():
            if link.has_items():
                for index, (number, parts) in enumerate(link.commit()):
                    if index == len(ours):
                        ours.append({})
                    ours[index][link.name] = self._entry(link, number, parts)
        return turns + ours

    def status(self, values: dict[str, object]) -> None:
        """Tell all gateways; each second, so that they see whether they lack something."""
        turn = {}
        for link in self.links.values():
            if link.begin:
                link.sent += 1
                turn[link.name] = self._entry(link, link.sent, [encode(Status(dict(values)))])
        if turn:
            self._wake()
            self._control.append(turn)

    def tick(self, seconds: float, *, answers: bool) -> list[Happened]:
        """Time has passed.

        Args:
            seconds: since the call before.
            answers: whether the engine has answered meanwhile. If not, nobody can have been heard.

        Returns:
            Who is gone with a lost gateway, and what has waited for those.
        """
        happened: list[Happened] = []
        if answers:
            for link in tuple(self.links.values()):
                link.silence += seconds
                if link.silence > self._lease:
                    happened += self._lose(link)
            if not self.is_ready:
                self._waits -= seconds
        if self._backlog and self.kept > self._backlog:
            happened += self.lose_all()
        return self._let_pass(happened)

    def lose_all(self) -> list[Happened]:
        """What cannot be kept any longer is lost, and all gateways with it."""
        return [item for link in tuple(self.links.values()) for item in self._lose(link)]

    def claimed_anew(self, epoch: int) -> None:
        """The engine had lost its memory: all that is known here is kept, and everybody is asked."""
        self.epoch = epoch
        self._epochs.add(epoch)
        self._control.clear()
        for link in self.links.values():
            self._begin(link)

    # -- one gateway ------------------------------------------------------------------------

    def _new_link(self, name: str, incarnation: int) -> GatewayLink:
        link = self.links[name] = GatewayLink(name, incarnation, self._wake, self._keep)
        return link

    def _keep(self, size: int) -> None:
        self.kept += size

    def _begin(self, link: GatewayLink, at: Position | None = None) -> None:
        self._begins = max(self._begins, 0 if at is None else at.begin) + 1
        link.begin, link.sent, link.told = self._begins, 1, 0
        link.is_greeted = False
        link.greeting = []
        self._wake()
        self._control.append({link.name: self._entry(link, 1, [encode(Begin(self._life))])})

    def _entry(self, link: GatewayLink, number: int, parts: list[Raw]) -> bytes:
        return encode_entry(Sent(VERSION, self.epoch, link.begin, number, parts))

    def _lose(self, link: GatewayLink) -> list[Happened]:
        self.links.pop(link.name, None)
        link.forget_all()
        connections, link.connections = link.connections, {}
        return [Happened(link, Gone(conn, GATEWAY_LOST)) for conn in connections]

    def _heard(self, link: GatewayLink, told: Told) -> Iterator[Happened]:
        link.silence = 0.0
        if told.at.epoch in self._epochs:
            link.confirm(told.at)
        if told.number == 0:
            if any(isinstance(event, Gap) for event in events_of(told)):
                self._begin(link, told.at)
            return
        if (told.at.epoch, told.at.begin) != (self.epoch, link.begin) or told.number <= link.told:
            return  # of a begin that is over, or a repetition
        if told.number > link.told + 1:
            self._begin(link)
            return
        link.told = told.number
        for event in events_of(told):
            if isinstance(event, Hello):
                yield from self._greeted(link, event)
            elif link.is_greeted:
                yield from self._happened(link, event)

    def _happened(self, link: GatewayLink, event: Event) -> Iterator[Happened]:
        match event:
            case New():
                yield from self._connected(link, event.connection, again=False)
            case Line():
                yield from self._line(link, event, again=False)
            case Gone():
                if link.connections.pop(event.conn, None) is not None:
                    yield Happened(link, event)
            case Asked():
                yield Happened(link, event)
            case _ if getattr(event, "conn", None) in link.connections:
                yield Happened(link, event)

    def _greeted(self, link: GatewayLink, hello: Hello) -> Iterator[Happened]:
        link.greeting += hello.connections
        if not hello.is_complete:
            return
        greeting, link.greeting = link.greeting, []
        link.is_greeted = True
        self._wake()
        if link.is_known:
            link.confirm(hello.last)
            link.send_again()
        else:
            link.forget_all()
        present = {connection.conn for connection in greeting}
        for conn in [conn for conn in link.connections if conn not in present]:
            del link.connections[conn]
            yield Happened(link, Gone(conn, "connection lost"))
        again = hello.again and not link.is_known
        for connection in greeting:
            if connection.conn in link.connections:
                yield Happened(link, TerminalChanged(connection.conn, connection.terminal))
                yield from self._lines(link, connection, again=False)
            else:
                yield from self._connected(link, connection, again=again)
        link.is_known = True

    def _connected(
        self, link: GatewayLink, connection: RemoteConnection, *, again: bool
    ) -> Iterator[Happened]:
        if connection.conn not in link.connections:
            link.connections[connection.conn] = connection.handled
            yield Happened(link, New(connection), again)
            yield from self._lines(link, connection, again=again)

    def _lines(
        self, link: GatewayLink, connection: RemoteConnection, *, again: bool
    ) -> Iterator[Happened]:
        for number, text in enumerate(connection.lines, connection.handled + 1):
            yield from self._line(link, Line(connection.conn, number, text), again=again)

    def _line(self, link: GatewayLink, line: Line, *, again: bool) -> Iterator[Happened]:
        taken = link.connections.get(line.conn)
        if taken is not None and line.number == taken + 1:
            link.connections[line.conn] = line.number
            yield Happened(link, line, again)

    def _let_pass(self, happened: list[Happened]) -> list[Happened]:
        """What may be carried out now: lines only when everybody is there, and what follows them."""
        if self.is_ready:
            return happened
        greeted = {link.name for link in self.links.values() if link.is_greeted}
        if self._waits <= 0 or (self._expected and self._expected <= greeted):
            self.is_ready = True
            held, self._held = self._held, []
            # Who is there comes first, what they do after that.
            early = [item for item in happened if _is_early(item)]
            return early + held + [item for item in happened if not _is_early(item)]
        self._held += [item for item in happened if not _is_early(item)]
        return [item for item in happened if _is_early(item)]


def _plain(parts: Iterable[Raw]) -> list[bytes]:
    return [bytes(memoryview(part)) for part in parts]


def _is_early(happened: Happened) -> bool:
    return isinstance(happened.event, (New, TerminalChanged, Asked))
