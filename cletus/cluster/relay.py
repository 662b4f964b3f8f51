"""The application of a gateway: it hands on what people type, and shows them what the primary sends.

It is an ordinary service without an application of its own. Its doors do all that doors do: telnet, TLS,
compression, character mode, budgets. A client's lines go to the primary, in order, and wait there; when too
many do, the client's input is not read any more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from cletus import events
from cletus.client.client import Client
from cletus.client.ticket import Resumed
from cletus.cluster.bus import Bus, Entry, frames_for
from cletus.cluster.frames import (
    Ack,
    Answer,
    Asked,
    Close,
    Frame,
    Identity,
    Interrupted,
    Label,
    Mark,
    ProgramMessage,
    ResumeAnswer,
    ResumeAsked,
    Status,
    Write,
    are_whole_lines,
    unpack,
)
from cletus.cluster.gateway_door import BEAT
from cletus.cluster.gateway_ledger import GatewayLedger
from cletus.cluster.marked_text import MARK, show
from cletus.protocol.telnet import subnegotiation
from cletus.protocol.terminal import Terminal
from cletus.service.service import Service

LATE: Final = 3.0
"""Seconds without a primary after which people are told that they have to wait."""

WAIT: Final = "(The service does not answer at the moment. What you type is kept.)"
GOES_ON: Final = "(It goes on.)"

MARKS_EVERY: Final = 20
"""Beats after which all pages are marked, so that what is kept for them need not go back further."""

_ALL: Final = 0xFFFF
"""In a mark: more texts than an entry has."""

_NOT_SENT: Final = frozenset({"changed", "editor", "profile", "reported"})

_PORTS: Final = ("PORT", "TLS", "WEB", "SSH")

_log = Logger()


class Account:
    """Who a client of a gateway is logged in as, for the log and for the budgets of strangers.

    Args:
        identity: what the primary has said of them.
    """

    def __init__(self, identity: Identity) -> None:
        self.key = identity.key


class LineReader:
    """Reads the lines of one client of a gateway.

    Args:
        client: its connection, whose id is the number of the connection.
        relay: hands the lines on.
    """

    def __init__(self, client: Client, relay: Relay) -> None:
        self._client = client
        self._relay = relay

    @property
    def is_busy(self) -> bool:
        """Whether too many lines are not handled; and, when no more come, whether any is not."""
        ledger, conn = self._relay.ledger, self._client.id
        if self._client.connected and self._client.input.is_over:  # it closes when all are answered
            return ledger.unhandled(conn) > 0
        return not ledger.can_take(conn)

    def take(self, line: str) -> None:
        """Hand on a line."""
        self._relay.hand_on(self._client.id, line)


class Relay:
    """Joins the doors of a service to the primary.

    Args:
        service: it has no application, and is not started.
        bus: it is open.
        name: of this gateway; another process may leave its own to this one.
        incarnation: higher than that of each earlier process of this name; by default the present time.

    Attributes:
        name: the one in use.
        ledger: what was told and sent.
        clients: by the number of their connection, which is the id of the client here.
    """

    def __init__(
        self, service: Service, bus: Bus, name: str, *, incarnation: int | None = None
    ) -> None:
        self.service = service
        self._bus = bus
        self.name = name
        incarnation = time.time_ns() if incarnation is None else incarnation
        self.ledger = GatewayLedger(name, incarnation)
        self.clients: dict[int, Client] = {}
        self._terminals: dict[int, dict[str, Any]] = {}
        self._cursor = ""
        self._stop_reading: Callable[[], None] | None = None
        self._beat = LoopingCall(self._beats)
        self._crawlers: dict[str, Any] = {}
        self._questions: dict[int, Deferred[list[bool]]] = {}
        self._last_question = 0
        self._pages: set[int] = set()  # connections that are sent marks
        self._pages_asked: dict[int, tuple[ResumeAsked, Deferred[Resumed | None]]] = {}
        self._beats_until_marks = MARKS_EVERY
        self._heard_at = 0.0
        self._is_late = False
        #: Entries that the engine may not have, for another process.
        self._unconfirmed: dict[int, bytes] = {}
        self._last_entry = 0
        service.connections.reader_of = self._reader_of
        service.connections.resume_elsewhere = self._resume_elsewhere
        service.listen(events.Connect)(self._connected)
        service.listen(events.Disconnect)(self._disconnected)
        service.listen(events.Gmcp)(self._message)
        service.listen(events.Interrupt)(self._interrupted)
        service.listen(events.Resize)(self._resized)
        service.listen(events.Status)(self._status)
        service.listen(events.Authenticate)(self._authenticate)

    def open(self) -> None:
        """Read what the primary sends, and give signs of life."""
        service = self.service
        service.turn.after = self._commit
        self._heard_at = service.clock.seconds()
        self._stop_reading = self._bus.read(frames_for(self.name), self._received)
        self._beat.clock = service.reactor
        self._beat.start(BEAT).addErrback(self._failed)

    def close(self) -> Deferred[None]:
        """End it; the primary is told that this gateway is gone."""
        if self._beat.running:
            self._beat.stop()
        if self._stop_reading is not None:
            self._stop_reading()
            self._stop_reading = None
        self._commit()
        return self._bus.leave(self.name)

    def leave(self) -> dict[str, Any]:
        """What another process needs to go on with it, as plain data. The bus keeps what it has."""
        self._commit()
        return {
            "name": self.name,
            "ledger": self.ledger.snapshot(),
            "unconfirmed": list(self._unconfirmed.values()),
            "crawlers": self._crawlers,
        }

    def resume(self, state: Mapping[str, Any]) -> None:
        """Go on with what another process has left, in place of ``open()``; its clients follow."""
        self.name, self._crawlers = state["name"], state["crawlers"]
        self.ledger.restore(state["ledger"])
        self._pages.update(self.ledger.pages)
        self.open()
        # The primary knows by their numbers what it has got already.
        for entry in state["unconfirmed"]:
            self._tell(entry)

    def hand_on(self, conn: int, line: str) -> None:
        """Somebody has typed a line."""
        if conn in self.clients:
            self.ledger.line(conn, line)
            self._wake()

    # -- what happens at the doors ----------------------------------------------------------

    def _reader_of(self, client: Client) -> LineReader:
        """Somebody is there, who has just connected or stays through a restart of the gateway."""
        self.clients[client.id] = client
        self._terminals[client.id] = _state_of(client.terminal)
        client.terminal.changed = partial(
            self.service.turn.at_end, partial(self._terminal_changed, client.id)
        )
        return LineReader(client, self)

    def _connected(self, event: events.Connect) -> None:
        client = event.client
        terminal = self._terminals[client.id]
        claim = None if client.claim is None else (client.claim.name, client.claim.proven)
        ticket = client.ticket
        if ticket is not None:
            self._pages.add(client.id)
        self.ledger.opened(
            client.id,
            door=client.door,
            address=client.address,
            terminal=terminal,
            claim=claim,
            ticket=b"" if ticket is None else ticket.digest,
            former=b"" if ticket is None else ticket.former,
        )
        self._wake()

    def _disconnected(self, event: events.Disconnect) -> None:
        conn = event.client.id
        if self.clients.pop(conn, None) is not None:
            event.client.terminal.changed = None
            del self._terminals[conn]
            self._pages.discard(conn)
            self.ledger.gone(conn, event.reason)
            self._wake()

    def _message(self, event: events.Gmcp) -> None:
        self.ledger.say(ProgramMessage(event.client.id, event.package, event.data))
        self._wake()

    def _interrupted(self, event: events.Interrupt) -> None:
        self.ledger.say(Interrupted(event.client.id))
        self._wake()

    def _resized(self, event: events.Resize) -> None:
        self._terminal_changed(event.client.id, is_resized=True)

    def _terminal_changed(self, conn: int, *, is_resized: bool = False) -> None:
        client = self.clients.get(conn)
        if client is None:
            return
        before, now = self._terminals[conn], _state_of(client.terminal)
        changes = {name: value for name, value in now.items() if before.get(name) != value}
        if changes or is_resized:
            self._terminals[conn] = now
            self.ledger.terminal_changed(conn, changes, is_resized=is_resized)
            self._wake()

    def _status(self, event: events.Status) -> None:
        """A crawler asks a door of ours: the primary knows, but for the ports."""
        ours: dict[str, Any] = {name: event.values[name] for name in _PORTS if name in event.values}
        event.values.update(self._crawlers)
        event.values.update(ours)

    async def _authenticate(self, event: events.Authenticate) -> None:
        self._last_question += 1
        answer = self._questions[self._last_question] = Deferred()
        asked = Asked(
            self._last_question, event.name, event.method, event.secret, event.address, event.door
        )
        self.ledger.say(asked)
        self._wake()
        try:
            seconds = self.service.settings.ssh_login_time or 60.0
            answer.addTimeout(seconds, self.service.reactor)
            event.answers.extend(await answer)
        except Exception:  # noqa: BLE001 - without an answer nobody comes in
            event.refuse()
        finally:
            self._questions.pop(asked.request, None)

    def _resume_elsewhere(self, ticket: bytes, at: str) -> Deferred[Resumed | None]:
        """A page has come with a secret that no session here has: the primary may know it."""
        self._last_question += 1
        number = self._last_question
        asked = ResumeAsked(number, ticket, at)

        def waits_no_more(_: object) -> None:
            self._pages_asked.pop(number, None)

        answer: Deferred[Resumed | None] = Deferred(waits_no_more)
        self._pages_asked[number] = asked, answer
        self.ledger.say(asked)
        self._wake()
        return answer

    def _ask_for_pages(self) -> None:
        """Again: a primary that was lost has not answered."""
        for asked, _ in self._pages_asked.values():
            self.ledger.say(asked)

    # -- what the primary sends -------------------------------------------------------------

    def _received(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            self._cursor = entry.cursor
            index = 0
            for frame in self.ledger.received(entry.data):
                try:
                    if isinstance(frame, Write):
                        self._show(frame, index)
                        index += 1
                    else:
                        self._carry_out(frame)
                except Exception:  # noqa: BLE001 - it must not cost the others
                    _log.failure("what the primary has sent could not be carried out")
        if self.ledger.is_begun:
            self._heard_at = self.service.clock.seconds()
            if self._is_late:
                self._is_late = False
                self._tell_everybody(GOES_ON)
        self._wake()

    def _carry_out(self, frame: Frame) -> None:
        match frame:
            case Ack():
                for conn in frame.handled:
                    if conn in self.clients:
                        self.clients[conn].input.pump()
            case Label():
                if frame.conn in self.clients:
                    identity = Identity.of(frame.label)
                    self.clients[frame.conn].user = Account(identity) if identity.key else None
            case Close():
                self._close(frame)
            case Answer():
                waiting = self._questions.pop(frame.request, None)
                if waiting is not None:
                    waiting.callback(frame.answers)
            case ResumeAnswer():
                _, page = self._pages_asked.pop(frame.request, (None, None))
                if page is not None:
                    page.callback(Resumed(frame.lines, frame.lost) if frame.is_known else None)
            case Status():
                self._crawlers.update(frame.values.get("crawlers", {}))

    def _show(self, frame: Write, index: int) -> None:
        clients, pages, data = self.clients, self._pages, frame.data
        is_plain = are_whole_lines(data)  # asked once, as a broadcast has thousands of clients
        mark = self._mark(index) if pages else b""
        marked = data + mark
        for conn in unpack(frame.to):
            client = clients.get(conn)
            if client is None:
                continue
            if is_plain:
                client.output.put(marked if conn in pages else data)
                continue
            show(client, data)
            if conn in pages:
                client.output.put_message(mark)

    def _mark(self, index: int) -> bytes:
        """What tells a page how far it has come."""
        return subnegotiation(MARK, str(Mark(self.ledger.at, index)).encode())

    def _mark_pages(self) -> None:
        """Who is not sent anything has come as far as the others."""
        self._beats_until_marks -= 1
        if self._beats_until_marks > 0 or not self.ledger.is_begun:
            return
        self._beats_until_marks = MARKS_EVERY
        mark = self._mark(_ALL)
        for conn in self._pages:
            self.clients[conn].output.put_message(mark)

    def _close(self, frame: Close) -> None:
        client = self.clients.get(frame.conn)
        if client is None:
            return
        if frame.at_once:
            client.abort("closed by the service")
        else:
            client.close()

    # -- the bus ----------------------------------------------------------------------------

    def _wake(self) -> None:
        self.service.turn.at_end(self._nothing)

    def _nothing(self) -> None:
        """Something is to be told at the end of the turn."""

    def _commit(self) -> None:
        for entry in self.ledger.entries():
            self._tell(entry)

    def _tell(self, entry: bytes) -> None:
        self._last_entry += 1
        number = self._last_entry
        self._unconfirmed[number] = entry
        told = self._bus.tell(entry).addErrback(self._failed)
        told.addCallback(lambda _: self._unconfirmed.pop(number))

    def _beats(self) -> None:
        service = self.service
        self.ledger.beat()
        self._ask_for_pages()
        self._mark_pages()
        state = {"people": len(self.clients), "name": self.name}
        self._bus.announce(self.name, msgspec.msgpack.encode(state)).addErrback(self._failed)
        if self._cursor:
            at = msgspec.msgpack.encode(self.ledger.at)
            self._bus.ack(self.name, at, self._cursor).addErrback(self._failed)
        if service.clock.seconds() - self._heard_at > LATE and not self._is_late:
            self._is_late = True
            self._tell_everybody(WAIT)
        self._wake()

    def _tell_everybody(self, words: str) -> None:
        for client in self.clients.values():
            client.write(words)

    def _failed(self, failure: Any) -> None:
        _log.failure("the bus has failed", failure=failure)


def _state_of(terminal: Terminal) -> dict[str, Any]:
    """What the primary has to know of a terminal."""
    state = {
        name: value
        for name, value in terminal.snapshot().items()
        if name not in _NOT_SENT and value is not None
    }
    return {**state, "edited": terminal.editor is not None}
