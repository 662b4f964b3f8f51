"""A telnet connection: joins Twisted's transport, the sans-io ``Connection`` and the client.

It decides nothing about telnet: ``cletus.protocol.connection`` does. It adds the life of a connection.
An exception in our own code is logged with its traceback and costs at most the present line; the client
is told exactly once that the peer has gone; what is sent after that goes nowhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from enum import Enum
from typing import TYPE_CHECKING, Any

from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer, ITCPTransport
from twisted.internet.protocol import Protocol, ServerFactory, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from cletus import events
from cletus.doors.address import printable
from cletus.doors.admission import counted_network
from cletus.doors.fast_send import can_fast_send, fast_send, held_by, unsent
from cletus.errors import ProtocolError, RestartError
from cletus.logs.context import log_context
from cletus.protocol import echo
from cletus.protocol.connection import (
    TOO_LONG,
    Connection,
    Event,
    Failed,
    Flooded,
    HttpRequest,
    Interrupted,
    Keys,
    Line,
    Message,
    ModeChanged,
    PieceEnd,
    Reply,
    Resized,
    TlsHello,
)
from cletus.protocol.line_editor import LineEditor
from cletus.protocol.lines import answer_to_http
from cletus.protocol.terminal import Terminal
from cletus.reactor.shares import Share, Slice
from cletus.service.interfaces import Left, Purpose
from cletus.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

    from twisted.internet.interfaces import IAddress

    from cletus.client.client import Client
    from cletus.client.ticket import Ticket
    from cletus.doors.admission import ConnectionLimiter
    from cletus.service.service import Service


def status_of(service: Service) -> dict[str, Any]:
    """The variables of MSSP: those that we know, and those that listeners to ``Status`` add.

    A door with variables of its own has them in ``advertised``, such as ``{"TLS": 9443}``.
    """
    values: dict[str, Any] = {
        "NAME": name_of(service),
        "PLAYERS": sum(getattr(client, "user", None) is not None for client in service.clients),
        "UPTIME": int(service.started_at),
        "CODEBASE": f"Cletus {__version__}",
    }
    ports: dict[str, list[int]] = {}  # of several doors of a sort, MSSP takes all
    for door in service.doors:
        for name, port in getattr(door, "advertised", {}).items():
            ports.setdefault(name, []).append(port)
    if service.settings.tls_public_port:
        ports.setdefault("TLS", []).append(service.settings.tls_public_port)
    values.update(ports)
    service.fire(events.Status(service, values))
    return values


def name_of(service: Service) -> str:
    """What the service is called: by its setting ``name``, else as its package is."""
    names = [root.name for root in service.session.application.roots]
    return service.settings.name or next(iter(names), "Cletus")


def page_of(service: Service, host: Any) -> str:
    """The URL of the service's page for who has connected to this address; "" if it has none."""
    origins = [origin for origin in service.settings.web_origins if origin.isascii()]
    if origins and origins[0] != "*":
        return f"{origins[0].rstrip('/')}/"
    ports = [port for door in service.doors if (port := getattr(door, "advertised", {}).get("WEB"))]
    name = getattr(host, "host", "")
    if not ports or not name:
        return ""
    return f"http://{f'[{name}]' if ':' in name else name}:{ports[0]}/"


FLOOD_PAUSE = 1.0
"""Seconds for which nothing is read from a peer that negotiates without end. Our choice: such a peer
then costs one read a second."""

_REASONS: dict[type[BaseException] | None, str] = {
    ConnectionDone: "closed by peer",
    ConnectionAborted: "aborted",
}


class _State(Enum):
    """How far the connection has come."""

    OPEN = "open"
    CLOSING = "closing when everything has gone out"
    REFUSED = "refused, and closing when the reason has gone out"
    GONE = "gone"


_GONE = (
    _State.GONE
)  # a global is found faster than a member of an Enum; each line that is sent asks


@implementer(IPushProducer, IHalfCloseableProtocol)
class TelnetProtocol(Protocol):
    """A connection at the telnet door, and the ``Transport`` of its client.

    Args:
        service: the peer becomes a client of it.
        door: the name of the door, for the log and for ``client.door``.
        tls: whether the connection is encrypted; the bytes that arrive here are decrypted already.

    Attributes:
        address: where the peer is, for logs: ``127.0.0.1:54321``.
        terminal: the person's terminal, as far as it is known.
        client: who is connected; ``None`` before that, and if they were refused.
        ticket: of a page; for its client.
    """

    log = Logger()
    transport: Any  # Twisted's; ITransport names only half of what every transport can
    factory: Any  # Twisted's: a TelnetFactory, or None if the connection was not accepted by a door

    def __init__(self, service: Service, *, door: str = "telnet", tls: bool = False) -> None:
        self.address = "nowhere"
        self._service = service
        self._door = door
        self._sent = service.metrics.sent
        self._received = service.metrics.received
        self.client: Client | None = None
        self.ticket: Ticket | None = None
        self._is_encrypted = tls
        self._connection = self._new_connection(tls)
        self.terminal: Terminal = self._connection.terminal
        self._sends_now = False
        self._share: Share | None = None
        self._unread: list[bytes] = []  # what has arrived while ``_events`` was not read to its end
        self._events: Iterator[Event] | None = None
        self._is_reading = True  # as the transport knows it
        self._is_wanted = True  # the client takes lines
        self._input_ended = False
        self._noted = False  # whether HeldMemory has measured them as a stranger
        self._state = _State.OPEN
        self._flood_timer: Any = None
        self._abort_timer: Any = None
        self._has_left = False  # to another process, which may come to nothing
        self._resumed: tuple[Mapping[str, Any], Mapping[str, Any]] | None = None

    # -- called by Twisted: the peer --------------------------------------------------------

    def connectionMade(self) -> None:
        """Twisted's: the connection is up."""
        if self._resumed is not None:
            self._resume(*self._resumed)
            return
        self.address = printable(self.transport.getPeer())
        if getattr(self.transport, "came_over_tls", False):  # to a proxy, as its header says
            self._connection = self._new_connection(True)
            self.terminal = self._connection.terminal
        self._sends_now = can_fast_send(self.transport)
        refusal = None if self.factory is None else self.factory.admit(self)
        if refusal is not None:
            self._refuse(refusal)
            return
        self._set_options()
        self._join_shares(getattr(self.transport.getPeer(), "host", ""))
        self.transport.registerProducer(self, True)
        self._put(self._connection.open())
        try:
            self.client = self._service.connections.connected(
                self, door=self._door, ticket=self.ticket
            )
        except Exception:  # noqa: BLE001 - Twisted would log it and leave a connection without a client
            self.log.failure("no client could be created for {client}", client=self.address)
            self.abort()

    def dataReceived(self, data: bytes) -> None:
        """Twisted's: bytes have arrived. They are handled now, as far as the share allows."""
        if self.client is None or self._share is None:  # refused, or about to be aborted
            return
        self._received.value += len(data)
        self._unread.append(data)
        if not self._share.run():
            self._set_reading()

    def readConnectionLost(self) -> None:
        r"""Twisted's: the peer will send nothing more. Our output still goes out.

        Without this method Twisted would throw it away, and ``printf 'who\nquit\n' | nc -N`` would
        show nothing. The client closes the connection when all lines have been answered.
        """
        self._input_ended = True
        if self.client is not None and self._state is _State.OPEN and not self._has_unread:
            self.client.input_ended()

    def writeConnectionLost(self) -> None:
        """Twisted's: only our side has been closed. We never do that."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Twisted's: the connection is gone."""
        state, self._state = self._state, _GONE
        if self._share is not None:
            self._share.leave()
            self._handle_rest(self._share.is_working)
        for timer in (self._abort_timer, self._flood_timer):
            if timer is not None:
                timer.cancel()
        self._abort_timer = self._flood_timer = None
        if state in (_State.OPEN, _State.CLOSING):
            if self.factory is not None:
                self.factory.release(self)
            if self.client is not None:
                self.client.disconnected(_REASONS.get(reason.type, "connection lost"))

    # -- called by Twisted: our output, of which this is the producer -------------------------

    def pauseProducing(self) -> None:
        """Twisted's: the peer does not read, and enough is waiting for it."""
        self._connection.congested = True
        if self.client is not None:
            self.client.pause_output()
            self.note_memory()

    def resumeProducing(self) -> None:
        """Twisted's: what was waiting has gone out."""
        self._connection.congested = False
        self._put(self._connection.held_answers())
        if self.client is not None:
            self.client.resume_output()
            self.note_memory()
        if self._state is _State.CLOSING:
            # Twisted does not close while a producer that it has paused is registered. What the client
            # sends now is still written in this turn, and so before the connection closes.
            self.transport.unregisterProducer()

    def stopProducing(self) -> None:
        """Twisted's: the connection is about to be lost; ``connectionLost`` follows."""

    # -- called by the client: ``cletus.client.interfaces.Transport`` ------------------------

    def send(self, data: bytes) -> None:
        """Send encoded text. After the connection has gone it goes nowhere."""
        self._put(self._connection.send(data))

    def pause_reading(self) -> None:
        """Read nothing more from the socket for now. Calling it twice is harmless."""
        self._is_wanted = False
        self._set_reading()

    def resume_reading(self) -> None:
        """Read on. Calling it twice is harmless."""
        self._is_wanted = True
        if self._has_unread and self._share is not None:
            self._share.run()
        self._set_reading()

    def hide_input(self, hidden: bool) -> bytes:
        """The bytes that make the peer's terminal stop (or go on) showing what is typed."""
        return self._connection.hide_input(hidden)

    def prompt_mark(self) -> bytes:
        """The bytes that tell the peer's program that the text before them is a prompt."""
        return self._connection.prompt_mark()

    def message(self, package: str, data: Any) -> bytes:
        """The bytes of a message to the peer's program, by GMCP or MSDP; none if it has neither."""
        return self._connection.message(package, data)

    def close(self) -> None:
        """Close when everything has gone out. A terminal that hides what is typed is told to show it."""
        self._put(self._connection.close())
        if not self._connection.congested and self._state is _State.OPEN:
            self.transport.unregisterProducer()  # TLS does not close while one is registered
        self._lose_connection()

    def abort(self) -> None:
        """Close at once, also when the peer does not read."""
        if self._state is not _GONE:
            self.transport.abortConnection()

    def repeat_question(self) -> None:
        """For the door: what was sent last has been lost. Ask again, and hide the answer or show it."""
        if self.client is not None:
            output = self.client.output
            output.put_message(echo.repeat(output.echo.terminal_hides))
            output.repeat_prompt()

    def keep_alive(self) -> None:
        """For the door: show a peer that speaks telnet, and the routers on the way, that we are here."""
        self._put(self._connection.keep_alive())

    # -- to another process ------------------------------------------------------------------

    def finish_reading(self) -> None:
        """Handle all that has arrived, at once: the middle of a chunk cannot be left to another process."""
        client, current = self.client, Slice(self._service.reactor.seconds)
        if client is None:
            return
        try:
            while self._has_unread:
                self._handle_chunk(current, client)
        except ProtocolError as error:
            self._drop(error)

    def _handle_chunk(self, current: Slice, client: Client) -> None:
        for event in self._next_events():
            if self._events is None:  # the connection was lost meanwhile, or is closing
                return
            self._handle(event, client, current)
        self._events = None

    def leave(self) -> Left | None:
        """What another process needs to go on with the connection; ``None`` if it cannot."""
        transport = getattr(self.transport, "underlying", self.transport)  # of a proxy's connection
        if self._is_encrypted or not can_fast_send(transport):
            return None
        state = self.leave_session()
        if state is None or self.client is None:
            return None
        socket = transport.socket
        try:
            peer = socket.getpeername()
        except OSError:  # it is gone, and we are about to hear of that
            peer = None
        state |= {"family": int(socket.family), "peer": peer, "unsent": unsent(transport)}
        return Left(Purpose.CONNECTION, socket.fileno(), state, self.client.id)

    def leave_session(self) -> dict[str, Any] | None:
        """As ``leave()``, where the transport is not a socket but a session, which leaves by itself.

        Returns:
            the state for ``resume_from()``.
        """
        client = self.client
        if client is None or not client.connected or self._state is not _State.OPEN:
            return None
        if self._has_unread or not self._connection.can_leave():
            return None
        self._put(self._connection.leave())
        self._has_left = True
        host = getattr(self.transport.getPeer(), "host", "")
        if self.factory is not None:
            host = self.factory.connections.get(self, host)
        return {
            "address": self.address,
            "host": host,
            "flooded": self._flood_timer is not None,
            "connection": self._connection.snapshot(),
        }

    def stay(self) -> None:
        """After ``leave()``: the other process does not go on with it."""
        if self._has_left:
            self._has_left = False
            self._put(self._connection.stay())

    def left(self) -> None:
        """After ``leave()``: the other process goes on with it."""
        if self._has_left:
            self.transport.stopReading()
            self.transport.stopWriting()

    def resume_from(self, state: Mapping[str, Any], client: Mapping[str, Any]) -> None:
        """Before ``makeConnection``: go on with what was left elsewhere.

        Args:
            state: of ``leave()``.
            client: of ``Client.snapshot()``.
        """
        self._resumed = state, client

    def _resume(self, state: Mapping[str, Any], client: Mapping[str, Any]) -> None:
        if "peer" in state and self.transport.socket.getpeername() != state["peer"]:
            raise RestartError(f"the connection of {state['address']} has got another socket")
        self.address = state["address"]
        if state["connection"]["terminal"]["tls"]:  # to a proxy
            self._connection = self._new_connection(True)
        self._connection.restore(state["connection"])
        self.terminal = self._connection.terminal
        self._set_options()
        self._join_shares(state["host"])
        if self.factory is not None:
            self.factory.count(self, state["host"])
        self.client = self._service.connections.resumed(self, client)
        self._sends_now = False  # until the reactor runs: the connection is not ours yet
        self.transport.registerProducer(self, True)
        self._put(state.get("unsent", b"") + self._connection.stay())
        if not self._connection.congested:
            self._put(self._connection.held_answers())
        self._sends_now = can_fast_send(self.transport)
        if state["flooded"]:
            self._pause_for_flood()

    # -- inside -----------------------------------------------------------------------------

    def _set_options(self) -> None:
        if ITCPTransport.providedBy(self.transport):
            with suppress(OSError):  # the peer may be gone already; connectionLost will follow
                self.transport.setTcpKeepAlive(True)
                self.transport.setTcpNoDelay(True)

    def _new_connection(self, tls: bool) -> Connection:
        settings = self._service.settings
        return Connection(
            line_max=settings.line_max,
            subnegotiation_max=settings.subnegotiation_max,
            inflated_max=settings.inflated_max,
            clock=self._service.reactor.seconds,
            status=self._status,
            compression=settings.compression,
            tls=tls,
            msdp_variables=settings.msdp_variables,
            character_mode=settings.character_mode,
        )

    def _status(self) -> dict[str, Any]:
        return status_of(self._service)

    # -- what has arrived -------------------------------------------------------------------

    def _join_shares(self, host: str) -> None:
        host = counted_network(host)
        below: Share | None = getattr(self.transport, "share", None)  # of TLS
        self._share = self._service.connections.shares.join(host, self._work, below)

    @property
    def _has_unread(self) -> bool:
        """Whether bytes that have arrived are not handled yet."""
        return self._events is not None or bool(self._unread)

    def _work(self, current: Slice) -> bool:
        """Handle what has arrived, until the slice is over or the client has enough lines."""
        client = self.client
        if client is None:
            return False
        is_interrupted = False
        try:
            is_interrupted = self._receive(current, client)
        except ProtocolError as error:
            self._drop(error)
        if self._input_ended and not self._has_unread and self._state is _State.OPEN:
            client.input_ended()
        # A transport that holds back what has come (a session of the page) brings it in this very call.
        self._set_reading()
        has_more = is_interrupted or (self._has_unread and not client.input.is_full)
        if self._noted or client.user is None:
            self.note_memory()
        return has_more

    def _drop(self, error: ProtocolError) -> None:
        with log_context(self.client):
            self.log.warn("{address} dropped: {error}", address=self.address, error=str(error))
        self._forget_unread()
        self.abort()

    def _next_events(self) -> Iterator[Event]:
        """What is left of the events of a chunk, or those of what has come since."""
        if self._events is None:
            data, self._unread = b"".join(self._unread), []
            self._events = self._connection.receive(data)
            del data  # the generator lets go of it as it proceeds
        return self._events

    def _receive(self, current: Slice, client: Client) -> bool:
        while self._has_unread:
            for event in self._next_events():
                if self._events is None:  # the connection was lost meanwhile, or is closing
                    return False
                self._handle(event, client, current)
                if client.input.is_full:
                    return False  # resume_reading() continues
                if current.is_over:
                    return True
            self._events = None
        return False

    def _handle_rest(self, is_handling: bool) -> None:
        """The connection is gone: handle what has come before, as much as may be typed at once."""
        client = self.client
        if client is not None and not (is_handling or client.input.is_full):
            self._work(Slice(self._service.reactor.seconds))
        self._forget_unread()
        self.note_memory()

    def _forget_unread(self) -> None:
        self._events = None
        self._unread.clear()

    @property
    def held(self) -> int:
        """As ``Holder.held``."""
        client = self.client
        if client is None or client.user is not None or self._state is _GONE:
            return 0
        held = self._connection.held + held_by(self.transport)
        if client.input.lines or self._connection.congested:
            held += client.held
        return held + sum(map(len, self._unread)) if self._unread else held

    def note_memory(self) -> None:
        """What the connection holds may have changed."""
        held = self.held
        if held or self._noted:
            self._noted = held > 0
            self._service.connections.held_memory.update(self)

    def _set_reading(self) -> None:
        """Let the transport read if there is nothing left to do for this connection."""
        wanted = self._is_wanted and self._flood_timer is None and not self._has_unread
        if wanted is not self._is_reading and self._state is _State.OPEN:
            self._is_reading = wanted
            if wanted:
                self.transport.resumeProducing()
            else:
                self.transport.pauseProducing()

    def _handle(self, event: Event, client: Client, current: Slice) -> None:  # noqa: PLR0912 - all events
        """Handle one event. If that fails, the events after it are still handled."""
        try:
            match event:
                case Line():
                    if event.cut:
                        client.write(TOO_LONG.format(event.cut))
                    current.excuse(client.line_received, event.text)
                case Keys():
                    client.keys_received(event.data, current.excuse)
                    if self.terminal.editor is not None and self.terminal.editor.flooded:
                        self._pause_for_flood()
                case Reply():
                    self._put(event.data)
                case ModeChanged():
                    self._change_mode(event.by_character, client)
                case Message():
                    self._service.connections.message_received(client, event.package, event.data)
                case Resized():
                    self._service.connections.resized(client)
                case Interrupted():
                    self._service.connections.interrupted(client)
                case Flooded():
                    self._pause_for_flood()
                case HttpRequest():
                    page = page_of(self._service, self.transport.getHost())
                    client.write_encoded(answer_to_http(b"", page))
                    client.close("spoke HTTP")
                case TlsHello():
                    self.log.info("{client} spoke TLS at a door without", client=self.address)
                    client.close("spoke TLS")
                case Failed():
                    self._log_failure(Failure(event.error))
                case PieceEnd():
                    pass  # a good moment to ask whether the slice is over
        except Exception:  # noqa: BLE001 - Twisted would close the connection
            self._log_failure(Failure())

    def _change_mode(self, by_character: bool, client: Client) -> None:
        editor = self.terminal.editor
        if by_character:
            line_max = self._service.settings.line_max
            client.use_editor(LineEditor(self.terminal.window_columns, line_max))
        else:
            client.use_editor(None)
            if editor is not None:
                self._connection.put_back(client.encoder.encode(editor.text))

    def _log_failure(self, failure: Failure) -> None:
        """Log an exception with its traceback. The input is left out: it may be a password."""
        with log_context(self.client):
            self.log.failure("handling input from {address} failed", failure, address=self.address)

    def _put(self, data: bytes) -> None:
        if data and self._state is not _GONE:
            self._sent.value += len(data)
            if self._sends_now:
                fast_send(self.transport, data)
            else:
                self.transport.write(data)

    def _refuse(self, reason: bytes) -> None:
        """Say why, and close; after a timeout, abort.

        Over TLS a connection closes when its handshake is done, so a peer that never does it would
        stay.
        """
        self._state = _State.REFUSED
        self.transport.write(reason)
        self.transport.loseConnection()
        self._abort_later()

    def _lose_connection(self) -> None:
        if self._state is _State.OPEN:
            self._state = _State.CLOSING
            self._forget_unread()
            self.transport.loseConnection()

    def _abort_later(self) -> None:
        timeout = self._service.settings.close_timeout
        if timeout:
            self._abort_timer = self._service.reactor.callLater(timeout, self._abort_now)

    def _abort_now(self) -> None:
        self._abort_timer = None
        self.abort()

    def _pause_for_flood(self) -> None:
        if self._flood_timer is None and self._state is _State.OPEN:
            self._flood_timer = self._service.reactor.callLater(FLOOD_PAUSE, self._flood_is_over)
            self._set_reading()

    def _flood_is_over(self) -> None:
        self._flood_timer = None
        self._set_reading()


class TelnetFactory(ServerFactory):
    """Makes a protocol for each connection that the door accepts, and keeps those that are open.

    Args:
        service: the service of the door.
        limiter: admits connections, or refuses them.
        door: the name of the door.
        tls: whether connections are encrypted.

    Attributes:
        connections: the open connections, each with the address under which it is counted.
    """

    noisy = False  # the service logs where it listens

    def __init__(
        self,
        service: Service,
        limiter: ConnectionLimiter,
        *,
        door: str = "telnet",
        tls: bool = False,
    ) -> None:
        self._service = service
        self._limiter = limiter
        self._door = door
        self._tls = tls
        self.connections: dict[TelnetProtocol, str] = {}

    def buildProtocol(self, addr: IAddress | None) -> TelnetProtocol:
        """Twisted's: somebody has connected."""
        protocol = TelnetProtocol(self._service, door=self._door, tls=self._tls)
        protocol.factory = self
        return protocol

    def resumed(self, state: Mapping[str, Any], client: Mapping[str, Any]) -> TelnetProtocol:
        """A protocol that goes on with what another process has left; see ``TelnetProtocol``."""
        protocol = TelnetProtocol(self._service, door=self._door)
        protocol.factory = self
        protocol.resume_from(state, client)
        return protocol

    def count(self, protocol: TelnetProtocol, host: str) -> None:
        """Count a connection that another process has admitted."""
        self._limiter.count(host)
        self.connections[protocol] = host

    def admit(self, protocol: TelnetProtocol) -> bytes | None:
        """Count a new connection. Returns ``None``, or what to tell the peer if there is no room."""
        host = getattr(protocol.transport.getPeer(), "host", "")
        refusal = self._limiter.admit(host)
        if refusal is None:
            self.connections[protocol] = host
        return refusal

    def release(self, protocol: TelnetProtocol) -> None:
        """A connection that was admitted has gone."""
        self._limiter.release(self.connections.pop(protocol))
