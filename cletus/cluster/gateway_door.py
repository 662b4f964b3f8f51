"""The primary's door: people who are connected to gateways, as clients of this process.

To the rest of Cletus a gateway is a door like any other. Its connections are far away: what is written to them
is sent at the end of the turn, in one piece for all of them, and what they type comes in numbered lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from cletus import events
from cletus.client.claim import Claim
from cletus.client.client import Client
from cletus.client.interfaces import Host
from cletus.client.open_line import OpenPrompt
from cletus.client.output import Output
from cletus.cluster.bus import SERVER, TELLS, Bus, Entry
from cletus.cluster.frames import (
    Answer,
    Asked,
    Close,
    Gone,
    Identity,
    Interrupted,
    Label,
    Line,
    New,
    ProgramMessage,
    RemoteConnection,
    TerminalChanged,
)
from cletus.cluster.marked_text import HIDE, PROMPT, SHOW, WITHDRAWN, message
from cletus.cluster.primary_ledger import PATIENCE, GatewayLink, Happened, PrimaryLedger
from cletus.doors.telnet.protocol import status_of
from cletus.errors import RestartError
from cletus.logs.context import log_context
from cletus.protocol.charset import telnet_encoder
from cletus.protocol.line_editor import LineEditor
from cletus.protocol.terminal import Terminal
from cletus.service.interfaces import Left, Purpose
from cletus.service.service import Service
from cletus.storage import Store, TempStoreMixin

BEAT: Final = 1.0
"""Seconds between two signs of life, of gateways and of the primary."""

STATUS_EVERY: Final = 10
"""Beats after which gateways are told anew what crawlers want to know."""

_log = Logger()


class RemoteOutbox(Output):
    """What a person at a gateway is shown. It has no queue: the gateway has.

    Nor does it know what is on the screen: the gateway ends the line of a prompt when output follows it, and
    shows it again.
    """

    def __init__(
        self, transport: RemoteTransport, host: Host, *, overflow: Callable[[int], None]
    ) -> None:
        self._link, self._conn, self._remote = transport.link, transport.conn, transport
        super().__init__(transport, host, overflow=overflow)

    def put(self, data: bytes) -> None:
        """As ``Output.put``."""
        link = self._link
        if (
            data is link.data and not self._closed
        ):  # a broadcast; the first has asked whether it is held back
            link.to.append(self._conn)
        elif data and not self._closed and not self._turn.holds(self.put, data):
            link.write(self._conn, data)

    put_message = put

    def put_unfinished(self, text: str) -> None:
        """As ``Output.put_unfinished``."""
        self.put(self._encode(text))

    def prompt(self, text: str) -> None:
        """As ``Output.prompt``."""
        if not self._turn.holds(self.prompt, text):
            self.put(self.echo.settle())
            self.put(self._encode(text) + PROMPT)
            last = text.rpartition("\n")[2]
            self.open_line = OpenPrompt(last, self._transport.terminal) if last else None

    def show_input(self) -> bool:
        """As ``Output.show_input``. A gateway that edits the line has ended it, too."""
        return super().show_input() and not self._remote.is_edited

    def line_taken(self) -> None:
        """The gateway has done that when it has sent the line."""

    def withdraw_prompt(self, text: str) -> None:
        """As ``Output.withdraw_prompt``."""
        if self.open_line is not None:
            self.put(self._encode(text) + WITHDRAWN)

    def use_editor(self, editor: LineEditor | None) -> None:
        """The gateway has it."""

    def flush(self) -> None:
        """All is on its way, but perhaps for the command to show what is typed."""
        if self.echo.terminal_hides and not self.echo.is_undecided:
            self.put(self.echo.settle())


class RemoteTransport:
    """The primary's end of one connection of a gateway.

    Args:
        link: to the gateway.
        connection: what the gateway knows of it.
        aborted: called when the client has closed it at once; a gateway that is silent cannot say so.

    Attributes:
        address, terminal: as for every ``Transport``.
        link, conn: where the connection is.
        client: whose it is.
        is_edited: whether the gateway edits the line that they type (character mode).
        lines_before: how many of its lines were handled before the client came here.
        drops_again: whether lines that a primary before may have been given are dropped: it has asked a
            question that nobody asks now, such as that for a password.
    """

    outbox = RemoteOutbox

    def __init__(
        self,
        link: GatewayLink,
        connection: RemoteConnection,
        aborted: Callable[[RemoteTransport], None],
    ) -> None:
        self._aborted = aborted
        self.link, self.conn = link, connection.conn
        self.address = connection.address
        self.terminal = Terminal(telnet_encoder())
        self.is_edited = False
        self.change_terminal(connection.terminal)
        self.client: Client | None = None
        self.lines_before = connection.handled
        self.drops_again = False
        self._label = b""

    def change_terminal(self, changes: dict[str, Any]) -> None:
        """Its terminal has other attributes; see ``Terminal.snapshot()``."""
        terminal = self.terminal
        for name, value in changes.items():
            if name == "edited":
                self.is_edited = bool(value)
            elif name == "encoder":
                terminal.encoder = telnet_encoder(value[0])
            elif name in Terminal.STATE:
                setattr(terminal, name, tuple(value) if name == "types" else value)

    # -- Transport --------------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        """Send this at the end of the turn."""
        self.link.write(self.conn, data)

    def pause_reading(self) -> None:
        """A gateway reads no more by itself, when too many lines are not handled."""

    def resume_reading(self) -> None:
        """As above."""

    def hide_input(self, hidden: bool) -> bytes:
        """The mark for it."""
        return HIDE if hidden else SHOW

    def prompt_mark(self) -> bytes:
        """The mark of a prompt."""
        return PROMPT

    def message(self, package: str, data: Any) -> bytes:
        """A message, which the gateway sends if their program takes it."""
        return message(package, data)

    def note_memory(self) -> None:
        """Nothing is measured here: the gateway has the connection, and measures it."""

    def close(self) -> None:
        """Close when everything has gone out."""
        self.link.say(Close(self.conn))

    def abort(self) -> None:
        """Close at once."""
        self.link.say(Close(self.conn, at_once=True))
        self._aborted(self)

    # -- the lines --------------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """What another process needs to go on with it, beside the state of the client."""
        return {
            "gateway": self.link.name,
            "conn": self.conn,
            "label": self._label,
            "is_edited": self.is_edited,
            "address": self.address,
            "connection": {"terminal": self.terminal.snapshot()},
        }

    def resume(self, client: Client, state: Mapping[str, Any]) -> None:
        """Go on with what another process has left."""
        self.client, self._label = client, state["label"]
        self.is_edited = state["is_edited"]

    def came_in(self, client: Client) -> None:
        """This is the client; what ``Connect`` leads to at once is done."""
        self.client = client
        self._update_label(client)

    def handled(self, number: int) -> None:
        """So many lines are handled, and in the same turn the gateway gets to know who this is."""
        if self.client is not None:
            self.link.handled(self.conn, number)
            self._update_label(self.client)

    def take(self, line: Line, *, again: bool) -> None:
        """A line has come; ``again`` if a primary before may have been given it."""
        client = self.client
        if client is None:
            return
        if again:
            client.input.again_until = line.number
        client.line_received(line.text)

    def drop(self, line: Line) -> None:
        """Nobody waits for this line any more."""
        assert self.client is not None  # noqa: S101 - a line comes after its client
        self.client.input.taken += 1
        self.link.handled(self.conn, line.number)

    def _update_label(self, client: Client) -> None:
        user, label = client.user, b""
        if isinstance(user, Store) and not isinstance(user, TempStoreMixin):
            is_busy = bool(client.dialogues or client.input.questions)
            label = Identity(user.schema.name, user.key, is_busy).label()
        if label != self._label:
            self._label = label
            self.link.say(Label(self.conn, label))


class GatewayDoor:
    """All gateways.

    Args:
        service: people at gateways become its clients.
        bus: it is open; this process is the primary.
        epoch: of this primary; 0 if it is claimed when the door opens.
        lease: seconds of silence after which a gateway is lost.
        backlog: bytes that may wait for gateways; 0: any number.
        patience: as for ``PrimaryLedger``.
        fenced: called when another process is the primary; this one must end at once, without a word.
        claim: claims, also anew when the engine has lost its memory; fires with the epoch, 0 if another
            process was faster.

    Attributes:
        address: for people.
        ledger: what was sent and told.
    """

    address = configured = "gateways"

    def __init__(
        self,
        service: Service,
        bus: Bus,
        *,
        epoch: int,
        lease: float,
        backlog: int,
        fenced: Callable[[], object],
        claim: Callable[[], Deferred[int]],
        patience: float = PATIENCE,
    ) -> None:
        self._service = service
        self._bus = bus
        self._epoch = epoch
        self._limits = {"lease": lease, "backlog": backlog, "patience": patience}
        self._fenced = fenced
        self._claim = claim
        self._is_claiming = False
        self.ledger: PrimaryLedger | None = None
        self._transports: dict[tuple[GatewayLink, int], RemoteTransport] = {}
        self._stop_reading: Callable[[], None] | None = None
        self._cursor = ""
        self._beat = LoopingCall.withCount(self._beats)
        self._beats_until_status = 0

    # -- Door -------------------------------------------------------------------------------

    def open(self) -> Deferred[None]:
        """Ask all gateways that the engine knows who is there."""
        return Deferred.fromCoroutine(self._begin())

    async def _begin(self) -> None:
        if not self._epoch:
            self._epoch = await self._claim()
        self._open(await self._bus.nodes())

    def _open(self, nodes: Sequence[Any]) -> None:
        names = [node.name for node in nodes if not node.name.startswith(SERVER)]
        self._begin_with(self._new_ledger(names))

    def _new_ledger(self, gateways: Iterable[str]) -> PrimaryLedger:
        return PrimaryLedger(self._epoch, gateways, wake=self._wake, **self._limits)  # type: ignore[arg-type]  # they are those

    def _begin_with(self, ledger: PrimaryLedger) -> None:
        service, self.ledger = self._service, ledger
        service.turn.after = self._commit
        self._stop_reading = self._bus.read(TELLS, self._received)
        self._beat.clock = service.reactor
        self._beat.start(BEAT, now=False).addErrback(self._failed)
        self._wake()

    def close(self) -> Deferred[None]:
        """Those who are there stay, and are heard and sent what is written until the process ends."""
        return succeed(None)

    def take_no_more(self) -> None:
        """Handle no further line: another primary does."""
        if self._stop_reading is not None:
            self._stop_reading()
            self._stop_reading = None
        if self._beat.running:
            self._beat.stop()

    # -- to another process -----------------------------------------------------------------

    def leave_people(self) -> list[Left]:
        """All clients, for another process that goes on with the ledger."""
        return [
            Left(Purpose.CONNECTION, -1, transport.snapshot(), transport.client.id)
            for transport in self._transports.values()
            if transport.client is not None and transport.client.connected
        ]

    def leave_ledger(self) -> dict[str, Any]:
        """The ledger as plain data.

        Raises:
            RestartError: a gateway has not said yet who is there.
        """
        ledger = self.ledger
        if ledger is None or not ledger.is_ready:
            raise RestartError("not all gateways have said yet who is there; try again")
        self._commit()
        return ledger.snapshot()

    def resume(self, ledger: Mapping[str, Any]) -> None:
        """In place of ``open()``: go on with the ledger that another process has left."""
        self._begin_with(self._new_ledger(()))
        assert self.ledger is not None  # noqa: S101 - for the type checker
        self.ledger.restore(ledger)

    def resume_person(self, state: Mapping[str, Any], client: Mapping[str, Any]) -> Client:
        """Go on with a client that another process has left."""
        assert self.ledger is not None  # noqa: S101 - the ledger comes first
        link = self.ledger.links[state["gateway"]]
        connection = RemoteConnection(state["conn"], client["door"], state["address"], {})
        transport = RemoteTransport(link, connection, self._aborted)
        transport.terminal.restore(state["connection"]["terminal"])
        resumed = self._service.connections.resumed(transport, client)
        transport.resume(resumed, state)
        self._transports[link, transport.conn] = transport
        return resumed

    # -- what is sent -----------------------------------------------------------------------

    def _wake(self) -> None:
        self._service.turn.at_end(self._nothing)  # the turn has an end, then, and ``after`` follows

    def _nothing(self) -> None:
        """Something is to be sent."""

    def _commit(self) -> None:
        ledger = self.ledger
        if ledger is None:
            return
        for entries in ledger.commit():
            sent = self._bus.turn(ledger.epoch, entries, self._cursor)
            sent.addCallback(self._answered).addErrback(self._failed)

    def _answered(self, epoch: int) -> None:
        ledger = self.ledger
        if ledger is None or epoch == ledger.epoch:
            return
        if epoch > ledger.epoch:
            self._succeeded()
        elif not self._is_claiming:
            self._is_claiming = True
            self._claim().addCallback(self._claimed).addErrback(self._failed)

    def _claimed(self, epoch: int) -> None:
        self._is_claiming = False
        if not epoch:
            self._succeeded()
        elif self.ledger is not None:
            _log.warn("the bus had lost its memory: all gateways are asked anew")
            self.ledger.claimed_anew(epoch)

    def _succeeded(self) -> None:
        """Another process is the primary: from now on nothing is told or sent."""
        self.take_no_more()
        self.ledger = None
        self._fenced()

    def _failed(self, failure: Failure) -> None:
        """The bus takes no more, or is closed."""
        _log.failure("the bus has failed", failure=failure)

    # -- what is told -----------------------------------------------------------------------

    def _received(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            if self.ledger is None:
                return
            self._cursor = entry.cursor
            self._carry_out(self.ledger.received(entry.data))

    def _beats(self, count: int) -> None:
        ledger = self.ledger
        if ledger is None:
            return
        # After a long turn of our own, gateways were not silent: they were not heard.
        answers = self._bus.silence == 0.0 and count == 1
        self._carry_out(ledger.tick(BEAT, answers=answers))
        values: dict[str, object] = {}
        self._beats_until_status -= 1
        if self._beats_until_status <= 0:
            self._beats_until_status = STATUS_EVERY
            values = {"crawlers": _plain(status_of(self._service))}
        ledger.status(values)

    def _carry_out(self, all_happened: list[Happened]) -> None:
        for happened in all_happened:
            try:
                self._happens(happened)
            except Exception:  # noqa: BLE001 - it must not cost the others
                _log.failure("what a gateway has told could not be carried out")

    def _happens(self, happened: Happened) -> None:
        event, link = happened.event, happened.link
        match event:
            case New():
                self._connected(link, event.connection, again=happened.again)
            case Asked():
                self._ask(link, event)
            case _:
                conn = getattr(event, "conn", 0)
                transport = self._transports.get((link, conn))
                if transport is not None and transport.client is not None:
                    with log_context(transport.client):
                        self._of_client(transport, transport.client, happened)

    def _of_client(self, transport: RemoteTransport, client: Client, happened: Happened) -> None:
        connections = self._service.connections
        match happened.event:
            case Line() as line:
                if happened.again and transport.drops_again:
                    transport.drop(line)
                else:
                    transport.take(line, again=happened.again)
            case TerminalChanged() as changed:
                transport.change_terminal(changed.changes)
                if changed.is_resized:
                    connections.resized(client)
            case ProgramMessage() as sent:
                connections.message_received(client, sent.package, sent.data)
            case Interrupted():
                connections.interrupted(client)
            case Gone() as gone:
                self._lost(transport, gone.reason)

    def _aborted(self, transport: RemoteTransport) -> None:
        self._service.reactor.callLater(0, self._lost, transport, "aborted")

    def _lost(self, transport: RemoteTransport, reason: str) -> None:
        self._transports.pop((transport.link, transport.conn), None)
        client, transport.client = transport.client, None
        if client is not None:
            client.disconnected(reason)

    def _connected(self, link: GatewayLink, connection: RemoteConnection, *, again: bool) -> None:
        """Somebody is there. If they were a client of a primary before, their label says who they are."""
        transport = RemoteTransport(link, connection, self._aborted)
        identity = Identity.of(connection.label)
        claim = None if connection.claim is None else Claim(*connection.claim)
        if identity is not None:
            claim = Claim(identity.key, proven=True)
        transport.drops_again = identity is None or identity.is_busy
        if again and transport.drops_again:
            notice = self._service.settings.restart_notice
            transport.send(transport.terminal.encoder.encode(f"\n{notice}\n"))
        self._transports[link, connection.conn] = transport
        client = self._service.connections.connected(transport, door=connection.door, claim=claim)
        transport.came_in(client)

    def _ask(self, link: GatewayLink, asked: Asked) -> None:
        """A door of the gateway wants to know whether somebody may come in."""
        event = events.Authenticate(
            self._service, asked.name, asked.method, asked.secret, asked.address, asked.door
        )
        self._service.fire(event).addCallback(partial(self._answer, link, asked.request, event))

    def _answer(
        self, link: GatewayLink, request: int, event: events.Authenticate, _: object
    ) -> None:
        link.say(Answer(request, event.answers))


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """What msgpack takes of the variables for crawlers."""
    return {
        str(name): value if isinstance(value, (str, int, list, tuple)) else str(value)
        for name, value in values.items()
    }
