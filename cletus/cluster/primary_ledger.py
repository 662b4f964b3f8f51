"""What the primary has sent and was told: a state machine without I/O.

It keeps what it sends to a gateway until that has confirmed it, so nothing that the bus loses is lost. What
the lines of a turn of the reactor have led to is sent at the end of that turn, together with their
acknowledgement: a line's effects are seen everywhere and it is acknowledged, or neither.
"""

from __future__ import annotations

import sys
from array import array
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate, chain, takewhile
from typing import Any, Final, TypeAlias

from msgspec import Raw
from msgspec.structs import astuple, replace

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
    Mark,
    New,
    Part,
    Position,
    RemoteConnection,
    ResumeAsked,
    Sent,
    Status,
    TerminalChanged,
    Told,
    Write,
    are_whole_lines,
    chunks,
    decode_told,
    encode,
    encode_entry,
    events_of,
    frames_of,
    goes_to,
    unpack,
)

GATEWAY_LOST: Final = "gateway lost"
"""The reason for ``Disconnect`` of those whose gateway is silent or was started anew."""

PATIENCE: Final = 2.0
"""Seconds for which lines wait after a claim if no gateway is known: each has given a sign of life by then,
also to an engine that has lost its memory."""

_TAKEN_MAX: Final = 100
"""Lost gateways that are remembered, should they come back. Our choice."""

_ENDED_MAX: Final = 256 * 1024
"""Bytes that are kept of what was sent to a lost gateway, should it come back and have shown it. Our choice."""

_JOINED_MAX: Final = 64 * 1024
"""Bytes after which no more is joined to a text, of which each join makes a copy. Our choice."""

_Text: TypeAlias = "tuple[bytes, array[int]]"  # at run time, array takes no type before Python 3.12
_Item: TypeAlias = "Part | _Text"

Text: TypeAlias = "tuple[Mark, bytes]"
"""What was written to one connection, and the mark behind it."""

_LINK_STATE: Final = (
    "begin",
    "connections",
    "epoch",
    "greeting",
    "incarnation",
    "is_greeted",
    "is_known",
    "keeps",
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
    """An entry that is kept."""

    begin: int
    number: int
    parts: list[Raw]
    epoch: int

    @property
    def at(self) -> Position:
        return Position(self.epoch, self.begin, self.number)

    def plain(self) -> tuple[int, int, list[bytes], int]:
        return self.begin, self.number, _plain(self.parts), self.epoch

    @classmethod
    def of(cls, plain: tuple[int, int, list[bytes], int]) -> _Kept:
        begin, number, parts, epoch = plain
        return cls(begin, number, list(map(Raw, parts)), epoch)


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
        epoch: of the primary at that begin.
        greeted_at: where it was when it has said who is there.
        confirmed: up to where the gateway has carried out what was sent.
        keeps: bytes of confirmed entries that are kept, since a page may lack them; 0 before it has one.
        lost: of a link that is gone: what its connections may not have been shown.
        shown: of a gateway that is back: what of that they were shown after all.
        data, to: the last item of this turn, if it is text, and the connections that it goes to. Of a
            broadcast all get the same object.
    """

    __slots__ = (
        "_ended",
        "_handled",
        "_items",
        "_keep",
        "_kept",
        "_recent",
        "_recent_size",
        "_texts",
        "_unsent",
        "_wake",
        "begin",
        "confirmed",
        "connections",
        "data",
        "dropped",
        "epoch",
        "greeted_at",
        "greeting",
        "incarnation",
        "is_greeted",
        "is_known",
        "keeps",
        "lost",
        "name",
        "sent",
        "shown",
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
        self.lost: dict[int, bytes] = {}
        self.shown: dict[int, bytes] = {}
        self._ended: list[_Kept] = []
        self.greeting: list[RemoteConnection] = []
        self.epoch = 0
        self.confirmed = self.dropped = self.greeted_at = Position()
        self.keeps = 0
        self._kept: deque[_Kept] = deque()
        self._recent: deque[_Kept] = deque()  # confirmed
        self._recent_size = 0
        self._texts: defaultdict[int, list[Text]] | None = None  # of a link that is gone
        self._unsent: list[Raw] = []  # committed while nobody could take it
        self._items: list[_Item] = []  # of this turn
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
            self.handled_before(conn, number)

    def handled_before(self, conn: int, number: int) -> None:
        """Its lines up to this one were handled before this connection was known here."""
        self._wake()
        self._handled[conn] = number

    def has_items(self) -> bool:
        """Whether there is something to send."""
        return bool(self._items or self._handled or (self._unsent and self.is_greeted))

    def hold(self) -> None:
        """The end of a turn that is sent with a later one."""
        self._unsent += self._parts()

    def commit(self) -> Iterator[tuple[int, list[Raw]]]:
        """The end of a turn: number and parts of the entries to be sent, usually one.

        While the gateway has not said where it is, they wait.
        """
        self.hold()
        if not self.is_greeted:
            return
        parts, self._unsent = self._unsent, []
        for chunk in chunks(parts):
            self.sent += 1
            self._kept.append(_Kept(self.begin, self.sent, chunk, self.epoch))
            yield self.sent, chunk

    def _parts(self) -> Iterator[Raw]:
        items, self._items, self.data = self._items, [], None
        for item in _joined(items):
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
            entry = kept.popleft()
            self._forget(entry.parts)
            self.confirmed = entry.at
            self._remember(entry)

    def send_again(self) -> None:
        """A new begin: what is not confirmed is sent with the next commit."""
        parts = [part for kept in self._kept for part in kept.parts]
        self._kept.clear()
        self._unsent[:0] = parts

    def unconfirmed(self) -> dict[int, bytes]:
        """What was written to each connection, and may not have come there."""
        return _by_connection([*self._kept, self._pending()])

    @property
    def at(self) -> Position:
        """How far it has come with sending."""
        return Position(self.epoch, self.begin, self.sent)

    @property
    def next_at(self) -> Position:
        """The entry that the first part of this turn is sent in."""
        return Position(self.epoch, self.begin, self.sent + 1)

    @property
    def confirmed_mark(self) -> Mark:
        """The mark behind all that is confirmed."""
        return Mark(self.confirmed, sys.maxsize)

    def after(self, conn: int, mark: Mark) -> tuple[list[Text], bool]:
        """What was written to a connection after this mark, and whether some of it is not kept any more."""
        if self._texts is not None:
            texts: Iterable[Text] = self._texts.get(conn, ())
        else:
            latest = chain((self._pending(),), reversed(self._kept), reversed(self._recent))
            entries = [*takewhile(lambda entry: entry.at >= mark.at, latest)]
            texts = [text for entry in reversed(entries) for text in _texts_for(conn, entry)]
        return [text for text in texts if text[0] > mark], self.dropped > mark.at

    def not_confirmed(self, conn: int, since: Mark) -> list[Text]:
        """What was written to a connection after this mark, and the gateway has not confirmed."""
        return self.after(conn, max(self.confirmed_mark, since))[0]

    def _pending(self) -> _Kept:
        """What is not sent yet, as the entry that it will be."""
        self.hold()
        return _Kept(self.begin, self.sent + 1, self._unsent, self.epoch)

    def _remember(self, entry: _Kept) -> None:
        """Keep a confirmed entry for pages, and no more of them than ``keeps``."""
        self._recent.append(entry)
        self._recent_size += _size_of(entry.parts)
        while self._recent_size > self.keeps:
            oldest = self._recent.popleft()
            self._recent_size -= _size_of(oldest.parts)
            self.dropped = oldest.at

    def end(self) -> None:
        """The gateway is lost: what pages may lack is kept, as far as ``keeps`` allows."""
        self.lost = self.unconfirmed()
        kept, confirmed = [*self._kept], self.confirmed
        if self._unsent:
            kept.append(self._pending())
        self.forget_all()
        sizes = accumulate(_size_of(entry.parts) for entry in kept)
        self._ended = [entry for entry, size in zip(kept, sizes, strict=True) if size <= _ENDED_MAX]
        for entry in kept:
            self._remember(entry)
        self.confirmed = confirmed
        self._texts = defaultdict(list)  # thousands of pages will ask at once
        for entry in self._recent:
            for index, frame in enumerate(_writes_of(entry)):
                text = Mark(entry.at, index), frame.data
                for conn in unpack(frame.to):
                    self._texts[conn].append(text)
        self._recent.clear()

    def shown_until(self, at: Position) -> dict[int, bytes]:
        """Of a link that is gone: what of ``lost`` the gateway has carried out, since it has come to there."""
        return _by_connection(takewhile(lambda entry: entry.at <= at, self._ended))

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
            "positions": [astuple(at) for at in (self.confirmed, self.dropped)],
            "kept": [kept.plain() for kept in self._kept],
            "recent": [kept.plain() for kept in self._recent],
            "unsent": _plain(self._unsent),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on with such a state."""
        for name in _LINK_STATE:
            setattr(self, name, state[name])
        self.confirmed, self.dropped = (Position(*at) for at in state["positions"])
        for plain in state["kept"]:
            self._kept.append(_Kept.of(plain))
            self._keep(_size_of(self._kept[-1].parts))
        for plain in state["recent"]:
            self._remember(_Kept.of(plain))
        self._unsent = [self._counted(Raw(part)) for part in state["unsent"]]

    def remnant(self) -> dict[str, Any]:
        """Of a link that is gone, as plain data: what counts if its gateway comes back."""
        ended = [kept.plain() for kept in self._ended]
        return {"name": self.name, "incarnation": self.incarnation, "ended": ended}

    def restore_remnant(self, state: Mapping[str, Any]) -> None:
        """Be gone, with such a state."""
        self.incarnation = state["incarnation"]
        self._ended = list(map(_Kept.of, state["ended"]))

    def _forget(self, parts: Iterable[Raw]) -> None:
        self._keep(-_size_of(parts))


def _joined(items: Iterable[_Item]) -> list[_Item]:
    """The items; texts that follow each other to the same connections are one, so that each gets it at once."""
    result: list[_Item] = []
    for item in items:
        before = result[-1] if result else None
        if isinstance(item, tuple) and isinstance(before, tuple) and _can_join(before, item):
            result[-1] = (before[0] + item[0], item[1])
        else:
            result.append(item)
    return result


def _size_of(parts: Iterable[Raw]) -> int:
    return sum(len(memoryview(part)) for part in parts)


def _by_connection(entries: Iterable[_Kept]) -> dict[int, bytes]:
    """What these entries write to each connection."""
    texts: dict[int, bytes] = {}
    for entry in entries:
        for frame in _writes_of(entry):
            for conn in unpack(frame.to):
                texts[conn] = texts.get(conn, b"") + frame.data
    return texts


def _texts_for(conn: int, entry: _Kept) -> Iterator[Text]:
    """What an entry writes to one connection."""
    for index, frame in enumerate(_writes_of(entry)):
        if goes_to(frame, conn):
            yield Mark(entry.at, index), frame.data


def _writes_of(entry: _Kept) -> Iterator[Write]:
    frames = frames_of(Sent(VERSION, 0, 0, 0, entry.parts))
    return (frame for frame in frames if isinstance(frame, Write))


def _can_join(before: _Text, text: _Text) -> bool:
    # What stands before the mark of a prompt is the prompt, so only whole lines are joined.
    return (
        before[1] == text[1]
        and len(before[0]) < _JOINED_MAX
        and are_whole_lines(before[0])
        and are_whole_lines(text[0])
    )


class PrimaryLedger:
    """The primary's end.

    Args:
        epoch: of the primary.
        gateways: the gateways that the engine knows.
        lease: seconds of silence after which a gateway is lost.
        backlog: bytes that may be kept for all of them.
        wake: called when there is something to send; ``commit()`` is expected then.
        patience: seconds in which each gateway gives a sign of life.
        has_forgotten: whether the engine may have lost its memory, so that there may be more gateways.

    Attributes:
        epoch: changes when the engine has lost its memory.
        later: the highest epoch that a gateway has been told of. If it is later than this one, the engine has
            lost its memory, and its clock was set back; or another primary is in force.
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
        has_forgotten: bool = False,
    ) -> None:
        self.epoch = epoch
        self._life = self.later = epoch
        self._epochs = {epoch}
        self._lease = lease
        self._backlog = backlog
        self._wake = wake
        self._begins = 0
        self.links: dict[str, GatewayLink] = {}
        self.kept = 0
        self._control: list[dict[str, bytes]] = []  # turns of begins
        self._lost: list[tuple[str, bool]] = []
        #: Of gateways that were lost: the last line of each connection that was taken, and the link. Those that
        #: come back have not read all acknowledgements.
        self._taken: dict[str, tuple[dict[int, int], GatewayLink]] = {}
        self._held: list[Happened] = []
        self._expected = set(gateways)
        self._waits = lease
        self._least = patience if has_forgotten or not self._expected else 0.0
        self.is_ready = not (self._expected or self._least)
        for name in sorted(self._expected):
            self._begin(self._new_link(name, 0))

    @property
    def is_settled(self) -> bool:
        """Whether each gateway has said who is there and what it lacks, so that nothing waits for that."""
        return all(link.is_greeted for link in self.links.values())

    # -- to another process -----------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """All of it as plain data, after a ``commit()``. ``is_ready`` is true."""
        return {
            "epoch": self.epoch,
            "epochs": sorted(self._epochs),
            "life": self._life,
            "begins": self._begins,
            "links": [link.snapshot() for link in self.links.values()],
            "taken": list(self.remnants().values()),
        }

    def remnants(self) -> dict[str, tuple[dict[int, int], dict[str, Any]]]:
        """Of gateways that were lost, by name, as plain data: what counts if one of them comes back."""
        return {name: (lines, link.remnant()) for name, (lines, link) in self._taken.items()}

    def restore_remnant(self, lines: dict[int, int], remnant: Mapping[str, Any]) -> None:
        """Remember a gateway that the process before has lost."""
        link = GatewayLink(remnant["name"], 0, self._wake, self._keep)
        link.restore_remnant(remnant)
        self._taken[link.name] = (lines, link)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on with such a state; for a ledger that has just been made."""
        self.epoch, self._life = state["epoch"], state["life"]
        self._epochs, self._begins = set(state["epochs"]), state["begins"]
        self.is_ready = True
        for link_state in state["links"]:
            self._new_link(link_state["name"], 0).restore(link_state)
        for lines, remnant in state.get("taken", ()):  # a version before has not left them
            self.restore_remnant(lines, remnant)

    # -- the bus ----------------------------------------------------------------------------

    def received(self, data: bytes) -> list[Happened]:
        """An entry of a gateway has come. Returns what is to be carried out, in this order."""
        told = decode_told(data)
        if told is None:
            return []
        self.later = max(self.later, told.at.epoch)
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

    def commit(self, *, is_last: bool = False) -> list[dict[str, bytes]]:
        """The end of a turn of the reactor.

        A turn goes to all gateways or to none: if a known gateway has not answered a begin yet, all wait for
        it. If its part alone waited, and this primary was killed then, a line would be acknowledged that its
        people have not heard.

        Args:
            is_last: whether nothing can be waited for, since this primary ends.

        Returns:
            What to send, as entries by gateway. Each dict is a turn of the bus; usually there is one.
        """
        turns, self._control = self._control, []
        ours: list[dict[str, bytes]] = []
        links = self.links.values()
        if not is_last and any(link.is_known and not link.is_greeted for link in links):
            for link in links:
                link.hold()
            return turns
        for link in links:
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
                    self._note_lost(link)
                    happened += self._lose(link)
            if not self.is_ready:
                self._waits -= seconds
                self._least -= seconds
        if self._backlog and self.kept > self._backlog:
            happened += self.lose_all()
        return self._let_pass(happened)

    def take_lost(self) -> list[tuple[str, bool]]:
        """The names of gateways that have fallen silent since the call before.

        Returns:
            Each with whether it has ever answered this primary. Then what the bus has for it is of this one
            alone, and of no use: its people miss it, and read it when they come back. What a primary before
            has sent to it nobody else has, and what goes with that was shown elsewhere.
        """
        lost, self._lost = self._lost, []
        return lost

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
        if not self.is_ready:
            self._expected.add(name)
        link = self.links[name] = GatewayLink(name, incarnation, self._wake, self._keep)
        return link

    def _keep(self, size: int) -> None:
        self.kept += size

    def _begin(self, link: GatewayLink, at: Position | None = None) -> None:
        self._begins = max(self._begins, 0 if at is None else at.begin) + 1
        link.epoch, link.begin, link.sent, link.told = self.epoch, self._begins, 1, 0
        link.is_greeted = False
        link.greeting = []
        self._wake()
        self._control.append({link.name: self._entry(link, 1, [encode(Begin(self._life))])})

    def _entry(self, link: GatewayLink, number: int, parts: list[Raw]) -> bytes:
        return encode_entry(Sent(VERSION, self.epoch, link.begin, number, parts))

    def _note_lost(self, link: GatewayLink) -> None:
        self._lost.append((link.name, link.is_known))
        if link.is_known:
            self._taken[link.name] = (dict(link.connections), link)
        if len(self._taken) > _TAKEN_MAX:
            del self._taken[next(iter(self._taken))]

    def _lose(self, link: GatewayLink) -> list[Happened]:
        self.links.pop(link.name, None)
        self._wake()  # the others may have waited for it
        link.end()
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
            case Asked() | ResumeAsked():
                yield Happened(link, event)
            case _ if getattr(event, "conn", None) in link.connections:
                yield Happened(link, event)

    def _greeted(self, link: GatewayLink, hello: Hello) -> Iterator[Happened]:
        link.greeting += hello.connections
        if not hello.is_complete:
            return
        greeting, link.greeting = link.greeting, []
        link.is_greeted = True
        link.greeted_at = hello.last
        self._wake()
        if link.is_known:
            if hello.last.epoch in self._epochs:
                link.confirm(hello.last)
            link.send_again()
        elif not link.connections:
            link.forget_all()
        present = {connection.conn for connection in greeting}
        for conn in [conn for conn in link.connections if conn not in present]:
            del link.connections[conn]
            yield Happened(link, Gone(conn, "connection lost"))
        again = hello.again and not link.is_known
        lines_taken, former = self._taken.pop(link.name, ({}, link))
        if former is not link and former.incarnation == link.incarnation:
            link.shown = former.shown_until(hello.last)
            greeting = [_without_taken(link, connection, lines_taken) for connection in greeting]
        for connection in greeting:
            if link.is_known and connection.conn in link.connections:
                yield Happened(link, TerminalChanged(connection.conn, connection.terminal))
                yield from self._lines(link, connection, again=False)
            else:  # also those who were clients of the primary before: the gateway knows better
                link.connections.pop(connection.conn, None)
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
        are_all_here = self._least <= 0 and self._expected <= greeted
        if self._waits <= 0 or are_all_here:
            self.is_ready = True
            held, self._held = self._held, []
            # Who is there comes first, what they do after that.
            early = [item for item in happened if _is_early(item)]
            return early + held + [item for item in happened if not _is_early(item)]
        self._held += [item for item in happened if not _is_early(item)]
        return [item for item in happened if _is_early(item)]


def _without_taken(
    link: GatewayLink, connection: RemoteConnection, lines_taken: Mapping[int, int]
) -> RemoteConnection:
    """The connection without the lines that were taken of it before its gateway was lost."""
    more = lines_taken.get(connection.conn, 0) - connection.handled
    if more <= 0 or connection.ticket:  # a page's client is waited for, and knows by itself
        return connection
    handled = connection.handled + more
    link.handled_before(connection.conn, handled)
    return replace(connection, handled=handled, lines=connection.lines[more:])


def _plain(parts: Iterable[Raw]) -> list[bytes]:
    return [bytes(memoryview(part)) for part in parts]


def _is_early(happened: Happened) -> bool:
    return isinstance(happened.event, (New, TerminalChanged, Asked, ResumeAsked))
