"""The clients of a service: how a connection becomes one, and what their events tell the listeners."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.logger import Logger
from twisted.python.failure import Failure

from cletus import events
from cletus.client.claim import Claim
from cletus.client.client import Client
from cletus.client.interfaces import Reader, Transport
from cletus.client.ticket import Resumed, Ticket
from cletus.meters import Meters
from cletus.protocol.text import clean
from cletus.reactor.clock import Clock
from cletus.reactor.held_memory import HeldMemory
from cletus.reactor.shares import Shares
from cletus.reactor.spare_memory import SpareMemory
from cletus.reactor.turn import Turn
from cletus.service.dispatch import Dispatcher
from cletus.settings.settings import Settings

_log = Logger()


class Connections:
    """Makes a client of each connection, keeps the table of them, and fires their events.

    It is the ``Host`` of the clients (``cletus.client.interfaces``). Doors report connections,
    messages and window sizes here; clients report lines and their end.

    Args:
        service: the service of the clients. It is what events name, and it imports this module,
            so its type is not known here.
        turn: what clients do at the end of a reactor turn.
        dispatcher: calls the listeners.
        metrics: what clients count.

    Attributes:
        clients: those who are connected, in the order of their connecting.
        shares: the shares of their connections in the time of the reactor.
        held_memory: what strangers make the doors hold.
        accepting: false once the service is stopping: a client that still connects gets the
            ``stop_notice`` and is closed.
        next_id: the id of the next client.
        reader_of: makes the reader of a client's lines, in place of ``Receive``; for gateways.
    """

    def __init__(self, service: Any, turn: Turn, dispatcher: Dispatcher, metrics: Meters) -> None:
        self._service = service
        self._dispatcher = dispatcher
        self.turn = turn
        self.metrics = metrics
        self.accepting = True
        self.clients: dict[Client, None] = {}
        self.shares = Shares(service.clock, lambda: self.settings.stranger_cpu, metrics.throttled)
        self.held_memory = HeldMemory(
            lambda: self.settings.stranger_memory, metrics.strangers_closed
        )
        self._spare_memory = SpareMemory(service.clock)
        self.next_id = 1
        self.reader_of: Callable[[Client], Reader] | None = None
        #: Asks, by the ticket and the last mark of a page, whether its client was at another gateway.
        self.resume_elsewhere: Callable[[bytes, str], Deferred[Resumed | None]] | None = None
        #: Fires when the last client is gone; there while ``close_all`` waits for that.
        self._empty: Deferred[None] | None = None
        #: The calls of ``Disconnect`` listeners that have not ended yet.
        self._farewells: dict[Deferred[None], None] = {}

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        settings: Settings = self._service.settings
        return settings

    @property
    def clock(self) -> Clock:
        """The reactor."""
        clock: Clock = self._service.reactor
        return clock

    # -- what doors report ------------------------------------------------------------------

    def connected(
        self,
        transport: Transport,
        *,
        door: str,
        claim: Claim | None = None,
        ticket: Ticket | None = None,
    ) -> Client:
        """Somebody has connected. Fires ``Connect``.

        Args:
            transport: the door's end of the connection.
            door: the name of the door, for logs and metrics: ``telnet``.
            claim: who they said they are, if the door has asked.
            ticket: of a page that can go on at another gateway.
        """
        transport.terminal.language = self._service.settings.language
        client = Client(self._service, self, transport, id=self.next_id, door=door, claim=claim)
        client.ticket = ticket
        self._add(client)
        self.metrics.connections.add(door=door)
        _log.info("{client} connected", **client.log_fields())
        self._dispatcher.fire(events.Connect(self._service, client))
        if not self.accepting:  # the handshake of some door has taken until now
            self._close(client)
        return client

    def resumed(self, transport: Transport, state: Mapping[str, Any]) -> Client:
        """A client of another process continues here. No event is fired: they have been here all along.

        Args:
            transport: the door's end of the connection; its terminal has its state already.
            state: what ``Client.snapshot()`` has returned there.
        """
        claim = None if state["claim"] is None else Claim(*state["claim"])
        client = Client(
            self._service, self, transport, id=state["id"], door=state["door"], claim=claim
        )
        client.restore(state)
        self._add(client)
        return client

    def _add(self, client: Client) -> None:
        self.next_id = max(self.next_id, client.id + 1)
        self.clients[client] = None
        if self.reader_of is not None:
            client.input.end_at(self.reader_of(client))

    def message_received(self, client: Client, package: str, data: Any) -> None:
        """Their program has sent a message. Fires ``Gmcp`` for the listeners of its package."""
        if client.connected:
            self._dispatcher.message(events.Gmcp(self._service, client, package, data))

    def interrupted(self, client: Client) -> None:
        """They have pressed Ctrl-C or BREAK. Fires ``Interrupt``."""
        if client.connected:
            self._dispatcher.fire(events.Interrupt(self._service, client))

    def resized(self, client: Client) -> None:
        """Their window has another size. Fires ``Resize``."""
        if client.connected:
            terminal = client.terminal
            client.resized()
            self._dispatcher.fire(
                events.Resize(self._service, client, terminal.columns, terminal.rows)
            )

    # -- what clients report ----------------------------------------------------------------

    def completions(self, client: Client, text: str) -> list[str]:
        """They have pressed Tab. Fires ``Complete``."""
        event = events.Complete(self._service, client, text, [])
        self._dispatcher.fire(event)
        return [clean(word) for word in event.words]

    def received(self, client: Client, line: str) -> None:
        """They have typed a line that no question or dialogue waited for. Fires ``Receive``."""
        again = client.input.taken <= client.input.again_until
        self._dispatcher.fire(events.Receive(self._service, client, line, again))

    def closing(self, client: Client, reason: str) -> None:
        """Their connection is about to be closed by us. Fires ``Closing``."""
        self._dispatcher.fire(events.Closing(self._service, client, reason))

    def disconnected(self, client: Client, reason: str) -> None:
        """They are gone. Fires ``Disconnect``."""
        self.clients.pop(client, None)
        self._spare_memory.left()
        _log.info("{client} disconnected: {reason}", reason=reason, **client.log_fields())
        farewell = self._dispatcher.fire(events.Disconnect(self._service, client, reason))
        if not farewell.called:
            self._farewells[farewell] = None
            farewell.addCallback(lambda _: self._farewells.pop(farewell))
        if self._empty is not None and not self.clients:
            empty, self._empty = self._empty, None
            empty.callback(None)

    def failed(self, code: str, failure: Failure, *, client: Client) -> None:
        """Code of the application that was handling them has raised an error."""
        self._dispatcher.failed(code, failure, client=client)

    # -- the end ----------------------------------------------------------------------------

    async def close_all(self) -> None:
        """Send every client ``stop_notice`` and close their connections.

        Returns when all are gone and the listeners of ``Disconnect`` have ended; those are waited
        for no longer than ``close_timeout``. The stores must stay open until then.
        """
        self.accepting = False
        if self.clients:
            empty = self._empty = Deferred()
            for client in tuple(self.clients):
                self._close(client)
            await empty
        if self._farewells:
            await self._farewells_ended()

    def _close(self, client: Client) -> None:
        client.write(self.settings.stop_notice)
        client.close("service stopped")

    def _farewells_ended(self) -> Deferred[None]:
        ended: Deferred[None] = Deferred()
        timeout = self.settings.close_timeout
        timer = self.clock.callLater(timeout, ended.callback, None) if timeout else None

        def all_ended(_: object) -> None:
            if timer is not None and timer.active():
                timer.cancel()
            if not ended.called:
                ended.callback(None)

        DeferredList(list(self._farewells)).addCallback(all_ended)
        return ended
