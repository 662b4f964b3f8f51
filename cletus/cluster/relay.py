"""The application of a gateway: it hands on what people type, and shows them what the primary sends.

It is an ordinary service without an application of its own. Its doors do all that doors do: telnet, TLS,
compression, character mode, budgets. A client's lines go to the primary, in order, and wait there; when too
many do, the client's input is not read any more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from cletus import events
from cletus.client.client import Client
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
    ProgramMessage,
    Status,
    Write,
    unpack,
)
from cletus.cluster.gateway_door import BEAT
from cletus.cluster.gateway_ledger import GatewayLedger
from cletus.cluster.marked_text import show
from cletus.protocol.terminal import Terminal
from cletus.service.service import Service

LATE: Final = 3.0
"""Seconds without a primary after which people are told that they have to wait."""

WAIT: Final = "(The service does not answer at the moment. What you type is kept.)"
GOES_ON: Final = "(It goes on.)"

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
    """Reads the lines of one client of a gateway, as a dialogue that never ends.

    Args:
        client: its connection.
        conn: its number.
        relay: hands the lines on.
    """

    def __init__(self, client: Client, conn: int, relay: Relay) -> None:
        self._client = client
        self._conn = conn
        self._relay = relay

    @property
    def is_busy(self) -> bool:
        """Whether too many lines are not handled; and, when no more come, whether any is not."""
        ledger = self._relay.ledger
        if self._client.connected and self._client.input.is_over:  # it closes when all are answered
            return ledger.unhandled(self._conn) > 0
        return not ledger.can_take(self._conn)

    def take(self, line: str) -> None:
        """Hand on a line."""
        self._relay.hand_on(self._conn, line)

    def start(self, client: Client, result: Deferred[Any]) -> None:
        """As a dialogue is started."""

    def suspend(self) -> None:
        """No other dialogue is ever started."""

    def resume(self) -> None:
        """As above."""

    def stop(self) -> None:
        """The client is gone."""


class Relay:
    """Joins the doors of a service to the primary.

    Args:
        service: it has no application, and is not started.
        bus: it is open.
        name: of this gateway.
        incarnation: higher than that of each earlier process of this name; by default the present time.

    Attributes:
        ledger: what was told and sent.
        clients: by the number of their connection.
    """

    def __init__(
        self, service: Service, bus: Bus, name: str, *, incarnation: int | None = None
    ) -> None:
        self.service = service
        self._bus = bus
        self._name = name
        incarnation = time.time_ns() if incarnation is None else incarnation
        self.ledger = GatewayLedger(name, incarnation)
        self.clients: dict[int, Client] = {}
        self._conns: dict[Client, int] = {}
        self._terminals: dict[int, dict[str, Any]] = {}
        self._last_conn = 0
        self._cursor = ""
        self._stop_reading: Callable[[], None] | None = None
        self._beat = LoopingCall(self._beats)
        self._crawlers: dict[str, Any] = {}
        self._questions: dict[int, Deferred[list[bool]]] = {}
        self._last_question = 0
        self._heard_at = 0.0
        self._is_late = False
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
        self._stop_reading = self._bus.read(frames_for(self._name), self._received)
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
        return self._bus.leave(self._name)

    def hand_on(self, conn: int, line: str) -> None:
        """Somebody has typed a line."""
        if conn in self.clients:
            self.ledger.line(conn, line)
            self._wake()

    # -- what happens at the doors ----------------------------------------------------------

    def _connected(self, event: events.Connect) -> None:
        client = event.client
        self._last_conn += 1
        conn = self._last_conn
        self.clients[conn], self._conns[client] = client, conn
        terminal = self._terminals[conn] = _state_of(client.terminal)
        claim = None if client.claim is None else (client.claim.name, client.claim.proven)
        self.ledger.opened(
            conn, door=client.door, address=client.address, terminal=terminal, claim=claim
        )
        client.terminal.changed = partial(
            self.service.turn.at_end, partial(self._terminal_changed, conn)
        )
        client.start_dialogue(LineReader(client, conn, self))
        self._wake()

    def _disconnected(self, event: events.Disconnect) -> None:
        conn = self._conns.pop(event.client, None)
        if conn is not None:
            event.client.terminal.changed = None
            del self.clients[conn], self._terminals[conn]
            self.ledger.gone(conn, event.reason)
            self._wake()

    def _message(self, event: events.Gmcp) -> None:
        self.ledger.say(ProgramMessage(self._conns[event.client], event.package, event.data))
        self._wake()

    def _interrupted(self, event: events.Interrupt) -> None:
        self.ledger.say(Interrupted(self._conns[event.client]))
        self._wake()

    def _resized(self, event: events.Resize) -> None:
        self._terminal_changed(self._conns[event.client], is_resized=True)

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

    # -- what the primary sends -------------------------------------------------------------

    def _received(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            self._cursor = entry.cursor
            for frame in self.ledger.received(entry.data):
                try:
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
            case Write():
                self._show(frame)
            case Ack():
                for conn in frame.handled:
                    if conn in self.clients:
                        self.clients[conn].input.pump()
            case Label():
                if frame.conn in self.clients:
                    identity = Identity.of(frame.label)
                    self.clients[frame.conn].user = identity and Account(identity)
            case Close():
                self._close(frame)
            case Answer():
                waiting = self._questions.pop(frame.request, None)
                if waiting is not None:
                    waiting.callback(frame.answers)
            case Status():
                self._crawlers.update(frame.values.get("crawlers", {}))

    def _show(self, frame: Write) -> None:
        clients, data = self.clients, frame.data
        for conn in unpack(frame.to):
            client = clients.get(conn)
            if client is not None:
                show(client, data)

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
            self._bus.tell(entry).addErrback(self._failed)

    def _beats(self) -> None:
        service = self.service
        self.ledger.beat()
        state = {"people": len(self.clients), "name": self._name}
        self._bus.announce(self._name, msgspec.msgpack.encode(state)).addErrback(self._failed)
        if self._cursor:
            at = msgspec.msgpack.encode(self.ledger.at)
            self._bus.ack(self._name, at, self._cursor).addErrback(self._failed)
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
