"""The primary's door: people who are connected to gateways, as clients of this process.

To the rest of Cletus a gateway is a door like any other. Its connections are far away: what is written to them
is sent at the end of the turn, in one piece for all of them, and what they type comes in numbered lines.
"""

from __future__ import annotations

import gc
import sys
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from cletus import events
from cletus.client.claim import Claim
from cletus.client.client import Client
from cletus.client.interfaces import Host
from cletus.client.open_line import OpenPrompt
from cletus.client.output import Output
from cletus.cluster.bus import SERVER, TELLS, Bus, Entry
from cletus.cluster.checkpoint import Checkpoints, SavedDigests
from cletus.cluster.frames import (
    Answer,
    Asked,
    Close,
    Gone,
    Identity,
    Interrupted,
    Label,
    Line,
    Mark,
    New,
    Position,
    ProgramMessage,
    RemoteConnection,
    ResumeAnswer,
    ResumeAsked,
    TerminalChanged,
)
from cletus.cluster.marked_text import HIDE, PROMPT, SHOW, WITHDRAWN, lines_of, message
from cletus.cluster.parked import KEEPS, ParkedLink, plain_texts, texts_of
from cletus.cluster.primary_ledger import (
    GATEWAY_LOST,
    PATIENCE,
    GatewayLink,
    Happened,
    PrimaryLedger,
    Text,
)
from cletus.cluster.resumption import Resumption
from cletus.doors.telnet.protocol import status_of
from cletus.errors import RestartError
from cletus.logs.context import log_context
from cletus.protocol.charset import telnet_encoder
from cletus.protocol.line_editor import LineEditor
from cletus.protocol.terminal import Terminal
from cletus.protocol.text import typed_line
from cletus.service.interfaces import Left, Purpose
from cletus.service.lifecycle import State
from cletus.service.service import Service
from cletus.service.timers import Timer
from cletus.storage import Store, TempStoreMixin

BEAT: Final = 1.0
"""Seconds between two signs of life, of gateways and of the primary."""

SLICE: Final = 0.01
"""Seconds for which the people of a gateway come in before the reactor does something else. Our choice."""

STATUS_EVERY: Final = 10
"""Beats after which gateways are told anew what crawlers want to know."""

SETTLE: Final = 0.02
"""Seconds between two looks whether all gateways have said where they are."""

SILENT: Final = 2 * BEAT
"""Seconds of silence after which a checkpoint has what was sent to the pages of a gateway."""

FORMER_MAX: Final = 4
"""Former tickets of a page that are known: a gateway that was cut off may still have one of them."""

_OF_THE_DOOR: Final = frozenset({"tls", "relayed"})
"""Attributes of a terminal that another gateway knows at once; what else has changed, it says later."""

_log = Logger()


class RemoteOutbox(Output):
    """What a person at a gateway is shown. It has no queue: the gateway has.

    Nor does it know what is on the screen: the gateway ends the line of a prompt when output follows it, and
    shows it again.
    """

    def __init__(
        self, transport: RemoteTransport, host: Host, *, overflow: Callable[[int], None]
    ) -> None:
        self._remote = transport
        self.go_to(transport.link, transport.conn)
        transport.screen = self
        super().__init__(transport, host, overflow=overflow)

    def go_to(self, link: GatewayLink | ParkedLink, conn: int) -> None:
        """Their connection is there from now on."""
        self._link, self._conn = link, conn
        self._asked_at = Position()

    def show_question_again(self) -> None:
        """At another gateway: hide what is typed there, or ask there what was asked here."""
        if self.echo.terminal_hides:
            self.put(HIDE)
        line = self.open_line
        if isinstance(line, OpenPrompt) and line.is_wanted:
            self._ask(line.text)

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
            self._ask(text)
            last = text.rpartition("\n")[2]
            self.open_line = OpenPrompt(last, self._transport.terminal) if last else None

    def _ask(self, text: str) -> None:
        self.put(self._encode(text) + PROMPT)
        self._asked_at = self._link.next_at

    def show_input(self) -> bool:
        """As ``Output.show_input``. A gateway that edits the line has ended it, too."""
        return super().show_input() and not self._remote.is_edited

    def line_typed(self) -> None:
        """As ``Output.line_typed``. A prompt that the gateway had not shown yet is answered there, too."""
        if self._link.confirmed < self._asked_at:
            self.line_taken()
        super().line_typed()

    def line_taken(self) -> None:
        """As ``Output.line_taken``: the line was typed ahead, which the gateway does not know."""
        if isinstance(self.open_line, OpenPrompt):
            self.withdraw_prompt(self.open_line.text)
            self.open_line.is_wanted = False

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
        acknowledged: how many are handled.
        drops_again: whether lines that a primary before may have been given are dropped: it has asked a
            question that nobody asks now, such as that for a password.
        last_line: the number of the last line that has come.
        ticket: of a page (``parked.py``); empty at other doors, which cannot come back.
        former: those that it had before, the latest last.
        has_left: whether its page has left its gateway, which may still have a connection of it.
        is_restored: whether the client is of a primary before, and its gateway has not answered yet.
        screen: what the client is shown.
    """

    outbox = RemoteOutbox

    def __init__(
        self,
        link: GatewayLink | ParkedLink,
        connection: RemoteConnection,
        aborted: Callable[[RemoteTransport], None],
    ) -> None:
        self._aborted = aborted
        self.link: GatewayLink | ParkedLink = link
        self.conn = connection.conn
        self.address = connection.address
        self.terminal = Terminal(telnet_encoder())
        self.is_edited = False
        self.change_terminal(connection.terminal)
        self.client: Client | None = None
        self.lines_before = self.acknowledged = connection.handled
        self.drops_again = False
        self.last_line = connection.handled
        self.ticket = connection.ticket
        self.former: list[bytes] = []
        self.has_left = self.is_restored = False
        self.screen: RemoteOutbox | None = None
        self._since = _mark_of(link)
        #: What the primary before had for a page, and no gateway has confirmed.
        self._before: list[Text] = []
        self._grace: Any = None
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
                attribute = tuple(value) if name == "types" else value
                if attribute != getattr(terminal, name):  # most are what they are at first
                    setattr(terminal, name, attribute)

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
            "acknowledged": self.acknowledged,
            "address": self.address,
            "connection": {"terminal": self.terminal.snapshot()},
            **self._ticket_state(),
        }

    def _ticket_state(self) -> dict[str, Any]:
        if not self.ticket:
            return {}
        link, kept = self.link, self._before
        if isinstance(link, ParkedLink):
            kept = link.kept()
        elif link.silence > SILENT:
            kept = [*kept, *link.not_confirmed(self.conn, self._since)]
        return {"ticket": self.ticket, "former": self.former, "texts": plain_texts(kept)}

    def resume(self, client: Client, state: Mapping[str, Any]) -> None:
        """Go on with what another process has left."""
        self.client, self._label = client, state["label"]
        self.is_edited, self.acknowledged = state["is_edited"], state["acknowledged"]
        self.ticket, self.former = state.get("ticket", b""), list(state.get("former", ()))
        self._before, self.is_restored = texts_of(state.get("texts", ())), True

    def goes_on(self, connection: RemoteConnection) -> bool:
        """The gateway has said how things stand. Returns whether it knows of lines handled later."""
        assert self.client is not None  # noqa: S101 - resume() was called
        has_moved_on = connection.handled != self.acknowledged
        self.acknowledged = self.client.input.taken = self.last_line = connection.handled
        self._label = connection.label
        self._before, self.is_restored = [], False  # the engine has it for the gateway
        self.change_terminal(connection.terminal)
        return has_moved_on

    def came_in(self, client: Client) -> None:
        """This is the client; what ``Connect`` leads to at once is done."""
        self.client = client
        self._update_label(client)

    def handled(self, number: int) -> None:
        """So many lines are handled, and in the same turn the gateway gets to know who this is."""
        if self.client is not None:
            self.acknowledged = number
            self.link.handled(self.conn, number)
            self._update_label(self.client)

    def take(self, line: Line, *, again: bool) -> None:
        """A line has come; ``again`` if a primary before may have been given it."""
        client = self.client
        if client is None:
            return
        if line.number <= self.last_line:  # of a gateway that was lost, and is there again
            self.link.handled(self.conn, self.acknowledged)
            return
        self.last_line = line.number
        if again:
            client.input.again_until = line.number
        client.line_received(typed_line(line.text))

    def unconfirmed(self) -> list[str]:
        """As ``Client.unconfirmed``."""
        texts = self.link.lost or self.link.unconfirmed()
        return lines_of(texts.get(self.conn, b""), self.terminal.encoding)

    def shown_after_all(self) -> list[str]:
        """As ``Client.shown_after_all``."""
        return lines_of(self.link.shown.pop(self.conn, b""), self.terminal.encoding)

    def drop(self, line: Line) -> None:
        """Nobody waits for this line any more."""
        assert self.client is not None  # noqa: S101 - a line comes after its client
        self.client.input.taken += 1
        self.acknowledged = self.last_line = line.number
        self.link.handled(self.conn, line.number)

    # -- without a gateway, and at another one ------------------------------------------------

    @property
    def is_parked(self) -> bool:
        """Whether it has no gateway, and is waited for."""
        return isinstance(self.link, ParkedLink)

    def park(self, limit: int, grace: Any) -> None:
        """Its gateway is lost, or it has left it.

        Args:
            limit: bytes that are kept of what is written from now on.
            grace: the timer at whose end it is given up.
        """
        link, since = self.link, self._since
        assert not isinstance(link, ParkedLink)  # noqa: S101 - for the type checker
        before = self._before
        parked = ParkedLink(self._name, self.conn, before, link, since, limit, self._closed)
        self._park_at(parked, grace)

    def park_restored(self, limit: int, grace: Any) -> None:
        """The same for the client of a primary before, whose gateway was lost there."""
        link = ParkedLink(self._name, self.conn, self._before, None, Mark(), limit, self._closed)
        self._park_at(link, grace)

    @property
    def _name(self) -> str:
        return f"parked {self.ticket.hex()}"

    def _park_at(self, link: ParkedLink, grace: Any) -> None:
        self.link, self._before, self._grace = link, [], grace
        if self.screen is not None:
            self.screen.go_to(link, self.conn)

    def _closed(self) -> None:
        self._aborted(self)

    def stop_waiting(self) -> None:
        """It is not waited for any more."""
        grace, self._grace = self._grace, None
        if grace is not None and grace.active():
            grace.cancel()

    def attach(self, link: GatewayLink, connection: RemoteConnection) -> None:
        """It goes on at this gateway, and is sent what it lacks, first of all."""
        client, parked, screen = self.client, self.link, self.screen
        assert client is not None and isinstance(parked, ParkedLink) and screen is not None  # noqa: S101, PT018 - for the type checker
        self.stop_waiting()
        self.has_left = self.drops_again = False
        is_back = connection.ticket == self.ticket  # at a gateway that was lost, and is there again
        if not is_back:
            self.former = [*self.former, self.ticket][-FORMER_MAX:]
            self.ticket = connection.ticket
        is_known = bool(connection.label or connection.handled)  # to a primary before
        self.link, self.conn = link, connection.conn
        self._since = _mark_of(link)
        screen.go_to(link, self.conn)
        if not is_back or connection.handled > self.last_line:
            # Lines are numbered anew at another one; those that wait here have come before them.
            client.input.taken = connection.handled - len(client.input.lines)
            client.input.again_until = 0
            self.acknowledged = self.last_line = connection.handled
        self.address = client.address = connection.address
        self.change_terminal(
            {name: value for name, value in connection.terminal.items() if name in _OF_THE_DOOR}
        )
        if is_back:
            parked.asked(Mark(link.greeted_at, sys.maxsize))
        if is_back or not is_known:  # else that primary has sent it
            self._say_rest(link, parked.rest())
            screen.show_question_again()
        self._label = connection.label
        self._update_label(client)

    def _say_rest(self, link: GatewayLink, rest: bytes) -> None:
        if rest:
            link.write(self.conn, rest)

    def _update_label(self, client: Client) -> None:
        label = identity_of(client).label()
        if label != self._label:
            self._label = label
            self.link.say(Label(self.conn, label))


def _mark_of(link: GatewayLink | ParkedLink) -> Mark:
    """Behind all that was sent to this gateway until now."""
    return Mark() if isinstance(link, ParkedLink) else Mark(link.at, sys.maxsize)


def identity_of(client: Client) -> Identity:
    """Who a client is logged in as, for the next primary; of a temporary store, nobody."""
    user = client.user
    is_busy = bool(client.dialogues or client.input.questions)
    if isinstance(user, Store) and not isinstance(user, TempStoreMixin):
        return Identity(user.schema.name, user.key, is_busy)
    return Identity(is_busy=is_busy)


_NOWHERE: Final = ParkedLink("", 0, (), None, Mark(), 0, lambda: None)


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
        claim: claims, also anew when the engine has lost its memory. It is given an epoch that was given
            before, and fires with a later one, or with 0 if another process was faster.
        session_interval: seconds in which the state of everything is kept on the bus once; 0: never.

    Attributes:
        address: for people.
        ledger: what was sent and told.
        checkpoints: keeps that state; ``None`` before the door is open, or if it is never kept.
        has_resumed: whether there was such a state, of a primary before this one.
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
        claim: Callable[[int], Deferred[int]],
        patience: float = PATIENCE,
        session_interval: float = 0.0,
    ) -> None:
        self._service = service
        self._bus = bus
        self._epoch = epoch
        self._limits = {"lease": lease, "backlog": backlog, "patience": patience}
        self._fenced = fenced
        self._claim = claim
        self._is_claiming = False
        self._session_interval = session_interval
        self._resumption: Resumption | None = None
        self.checkpoints: Checkpoints | None = None
        self.has_resumed = False
        self.ledger: PrimaryLedger | None = None
        self._transports: dict[tuple[GatewayLink | ParkedLink, int], RemoteTransport] = {}
        self._stop_reading: Callable[[], None] | None = None
        self._cursor = ""
        self._beat = LoopingCall.withCount(self._beats)
        self._beats_until_status = 0
        self._waiting: deque[Happened] = deque()  # not carried out yet
        self._works_later = False
        self._is_collection_paused = False
        self._tickets: dict[bytes, RemoteTransport] = {}  # present and former ones
        self._parks = True

    # -- Door -------------------------------------------------------------------------------

    def open(self) -> Deferred[None]:
        """Ask all gateways that the engine knows who is there."""
        return Deferred.fromCoroutine(self._begin())

    async def _begin(self) -> None:
        has_engine = bool(self._epoch)  # which may have lost its memory, and with it the gateways
        if not has_engine:
            self._epoch = await self._claim(0)
        pieces = await self._bus.session() if self._session_interval else {}
        nodes = await self._bus.nodes()
        names = [node.name for node in nodes if not node.name.startswith(SERVER)]
        has_forgotten = has_engine and not pieces
        self._begin_with(self._new_ledger(names, has_forgotten=has_forgotten))
        if self._session_interval:
            await self._go_on_with(pieces)
        self._listen()

    async def _go_on_with(self, pieces: Mapping[str, bytes]) -> None:
        """Put back what the primary before has kept; meanwhile gateways write down who is there."""
        service, saved = self._service, SavedDigests(self._service.session.writer)
        self._resumption = Resumption(service, saved, pieces)
        self._pause_collection()  # until all of them are here
        if self.ledger is not None:
            self._resumption.restore_gateways(self.ledger)
        await self._resumption.run(self._resume_known)
        self.has_resumed = bool(pieces)
        self._keep_state(saved, pieces, self._resumption.take_timers())
        if service.state is State.RUNNING:
            self._resumption.begin()
        else:
            service.listen(events.PostStart)(self._service_started)

    def _service_started(self, _event: events.PostStart) -> None:
        """Who has lost the link may come back, from now on."""
        if self._resumption is not None:
            self._resumption.begin()

    def _is_everybody_here(self) -> bool:
        return self.ledger is not None and self.ledger.is_ready and not self._waiting

    def _keep_state(
        self,
        saved: SavedDigests,
        pieces: Mapping[str, bytes] = {},
        timers: Mapping[int, Timer] = {},
    ) -> None:
        self.checkpoints = Checkpoints(
            self._service,
            self._bus,
            self.people,
            saved,
            epoch=lambda: 0 if self.ledger is None else self.ledger.epoch,
            answered=self._answered,
            is_ready=self._is_everybody_here,
            interval=self._session_interval,
            sent=pieces,
            numbers={timer: number for number, timer in timers.items()},
            lost_gateways=lambda: {} if self.ledger is None else self.ledger.remnants(),
        )
        self.checkpoints.start()

    def _new_ledger(self, gateways: Iterable[str], *, has_forgotten: bool = False) -> PrimaryLedger:
        limits: dict[str, Any] = {**self._limits, "has_forgotten": has_forgotten}
        return PrimaryLedger(self._epoch, gateways, wake=self._wake, **limits)

    def _begin_with(self, ledger: PrimaryLedger) -> None:
        service, self.ledger = self._service, ledger
        service.turn.after = self._commit
        self._wake()

    def _listen(self) -> None:
        """Hear what gateways tell."""
        if self.ledger is None:  # another process is the primary by now
            return
        service = self._service
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
        self._waiting.clear()
        self._resume_collection()
        if self._beat.running:
            self._beat.stop()

    def lose_everybody(self) -> None:
        """No gateway is there any more, nor will one come back."""
        self._parks = False
        if self.ledger is not None:
            self._carry_out(self.ledger.lose_all())

    def keep_no_more(self) -> None:
        """Send no more of the state to the bus."""
        if self.checkpoints is not None:
            self.checkpoints.stop()

    # -- to another process -----------------------------------------------------------------

    def people(self) -> list[tuple[Client, Callable[[], dict[str, Any]]]]:
        """The clients, and of each what tells what another process needs of the connection."""
        return [
            (transport.client, transport.snapshot)
            for transport in self._transports.values()
            if transport.client is not None and transport.client.connected
        ]

    def leave_people(self) -> list[Left]:
        """All clients, for another process that goes on with the ledger."""
        return [
            Left(Purpose.CONNECTION, -1, snapshot(), client.id)
            for client, snapshot in self.people()
        ]

    async def settle(self) -> None:
        """Wait until each gateway has said where it is: what it lacks nobody else could send again."""
        while self.ledger is not None and (self._waiting or not self.ledger.is_settled):
            await deferLater(self._service.reactor, SETTLE)

    def prepare_handover(self) -> None:
        """No further line is handled, and no timer's time is lost: this process is about to leave."""
        self.take_no_more()
        self._pause_collection()
        if self.checkpoints is not None:
            self.checkpoints.end_here()

    def hand_over(self) -> Deferred[object]:
        """Send what is left to send, and the state of everything; nothing is sent after that."""
        self._commit(is_last=True)
        sent: Deferred[object] = succeed(None)
        if self.checkpoints is not None:
            sent = self.checkpoints.send_all()
        self.ledger = None
        self._resume_collection()
        return sent

    def leave_ledger(self) -> dict[str, Any]:
        """The ledger as plain data.

        Raises:
            RestartError: a gateway has not said yet who is there.
        """
        ledger = self.ledger
        if ledger is None or not ledger.is_ready:
            raise RestartError("not all gateways have said yet who is there; try again")
        while self._waiting:
            self._work_next()
        self._commit()
        return ledger.snapshot()

    def resume(self, ledger: Mapping[str, Any]) -> None:
        """In place of ``open()``: go on with the ledger that another process has left."""
        self._begin_with(self._new_ledger(()))
        assert self.ledger is not None  # noqa: S101 - for the type checker
        self.ledger.restore(ledger)
        self._listen()

    def resume_person(self, state: Mapping[str, Any], client: Mapping[str, Any]) -> Client:
        """Go on with a client that another process has left."""
        resumed = self._resume_known(state, client)
        assert resumed is not None  # noqa: S101 - the ledger comes first, and has the gateway
        return resumed

    def _resume_known(self, state: Mapping[str, Any], client: Mapping[str, Any]) -> Client | None:
        ledger = self.ledger
        link = None if ledger is None else ledger.links.get(state["gateway"])
        if link is None and not (state.get("ticket") and self._service.settings.resume_grace):
            return None
        connection = RemoteConnection(state["conn"], client["door"], state["address"], {})
        transport = RemoteTransport(_NOWHERE if link is None else link, connection, self._aborted)
        transport.terminal.restore(state["connection"]["terminal"])
        resumed = self._service.connections.resumed(transport, client)
        transport.resume(resumed, state)
        if link is None:
            transport.last_line = transport.acknowledged + len(resumed.input.lines)
            transport.park_restored(*self._grace_of(transport))
        else:
            before = link.connections.setdefault(state["conn"], state["acknowledged"])
            transport.last_line = before
        self._transports[transport.link, transport.conn] = transport
        self._note_tickets(transport)
        return resumed

    # -- what is sent -----------------------------------------------------------------------

    def _wake(self) -> None:
        self._service.turn.at_end(self._nothing)  # the turn has an end, then, and ``after`` follows

    def _nothing(self) -> None:
        """Something is to be sent."""

    def _commit(self, *, is_last: bool = False) -> None:
        ledger = self.ledger
        if ledger is None:
            return
        for entries in ledger.commit(is_last=is_last):
            sent = self._bus.turn(ledger.epoch, entries, self._cursor)
            sent.addCallback(self._answered).addErrback(self._failed)

    def _answered(self, epoch: int) -> None:
        ledger = self.ledger
        if ledger is None or epoch == ledger.epoch:
            return
        if epoch > ledger.epoch:
            self._succeeded()
        else:
            self._claim_anew(0)

    def _claim_anew(self, after: int) -> None:
        if not self._is_claiming:
            self._is_claiming = True
            self._claim(after).addCallback(self._claimed).addErrback(self._failed)

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
        if self.ledger is not None and self.ledger.later > self.ledger.epoch:
            self._claim_anew(self.ledger.later)

    def _beats(self, count: int) -> None:
        ledger = self.ledger
        if ledger is None:
            return
        # After a long turn of our own, gateways were not silent: they were not heard. While much is said, there
        # is always a command that the engine has not answered yet.
        answers = self._bus.silence < BEAT and count == 1
        self._carry_out(ledger.tick(BEAT, answers=answers))
        lost_gateways = ledger.take_lost()
        if lost_gateways and self.checkpoints is not None:
            self.checkpoints.gateways_lost()
        for name, has_answered in lost_gateways:
            # Before anything that it is sent when it comes back. A takeover does not wait for it, either.
            if has_answered:
                lost = self._bus.lose(ledger.epoch, name)
                lost.addCallback(self._answered).addErrback(self._failed)
            else:
                self._bus.leave(name).addErrback(self._failed)
        values: dict[str, object] = {}
        self._beats_until_status -= 1
        if self._beats_until_status <= 0:
            self._beats_until_status = STATUS_EVERY
            values = {"crawlers": _plain(status_of(self._service))}
        ledger.status(values)

    def _carry_out(self, happened: Iterable[Happened]) -> None:
        """Carry this out, in order; when thousands come in at once, in slices, so that no beat is late."""
        self._waiting.extend(happened)
        if not self._works_later:
            self._work()

    def _work(self) -> None:
        clock = self._service.clock
        end = clock.seconds() + SLICE
        while self._waiting:
            self._works_later = not clock.permits(self._work)
            if self._works_later:
                break
            self._work_next()
            if self._waiting and clock.seconds() > end:
                self._pause_collection()
                self._works_later = True
                clock.call_unasked(0, self._work)
                return
        else:
            self._works_later = False
        if self._is_everybody_here():
            self._resume_collection()

    def _pause_collection(self) -> None:
        # Thousands come in or go, and nothing of them is garbage: looking for it would take most of the time.
        if gc.isenabled():
            gc.disable()
            self._is_collection_paused = True

    def _resume_collection(self) -> None:
        if self._is_collection_paused:
            gc.enable()
            self._is_collection_paused = False

    def _work_next(self) -> None:
        happened = self._waiting.popleft()
        try:
            self._happens(happened)
        except Exception:  # noqa: BLE001 - it must not cost the others
            _log.failure("what a gateway has told could not be carried out")
            if isinstance(happened.event, New):  # nobody would hear them: they are to connect again
                happened.link.say(Close(happened.event.connection.conn, at_once=True))

    def _happens(self, happened: Happened) -> None:
        event, link = happened.event, happened.link
        match event:
            case New():
                self._connected(link, event.connection, again=happened.again)
            case Asked():
                self._ask(link, event)
            case ResumeAsked():
                self._answer_page(link, event)
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
            case Gone() as gone if gone.reason == GATEWAY_LOST and self._can_wait_for(transport):
                self._park(transport)
            case Gone() as gone:
                self._lost(transport, gone.reason)

    def _aborted(self, transport: RemoteTransport) -> None:
        self._service.clock.callLater(0, self._lost, transport, "aborted")

    def _lost(self, transport: RemoteTransport, reason: str) -> None:
        connection = (transport.link, transport.conn)
        if self._transports.get(connection) is transport:  # somebody may have come in there since
            del self._transports[connection]
        transport.stop_waiting()
        for ticket in (transport.ticket, *transport.former):
            if self._tickets.get(ticket) is transport:
                del self._tickets[ticket]
        client, transport.client = transport.client, None
        if client is not None:
            client.disconnected(reason)

    def _connected(self, link: GatewayLink, connection: RemoteConnection, *, again: bool) -> None:
        """Somebody is there. If they were a client of a primary before, their label says who they are."""
        identity = Identity.of(connection.label)
        if self._goes_on(link, connection, identity) or self._comes_back(link, connection):
            return
        transport = RemoteTransport(link, connection, self._aborted)
        claim = None if connection.claim is None else Claim(*connection.claim)
        if identity.key:
            claim = Claim(identity.key, proven=True, is_back=True)
        transport.drops_again = identity.is_busy or not identity.key
        if again and transport.drops_again:
            notice = self._service.settings.restart_notice
            transport.send(transport.terminal.encoder.encode(f"\n{notice}\n"))
        self._transports[link, connection.conn] = transport
        self._note_tickets(transport)
        client = self._service.connections.connected(transport, door=connection.door, claim=claim)
        transport.came_in(client)

    def _goes_on(self, link: GatewayLink, connection: RemoteConnection, identity: Identity) -> bool:
        """Whether they are a client already, whom a checkpoint has: then they go on."""
        transport = self._transports.get((link, connection.conn))
        if transport is None or transport.client is None or self._resumption is None:
            return False
        client = transport.client
        present = identity_of(client)
        if (present.store, present.key) != (identity.store, identity.key):
            self._lost(transport, "another login")  # after the checkpoint
            return False
        with log_context(client):
            transport.drops_again = self._resumption.goes_on(
                client, has_moved_on=transport.goes_on(connection), was_asked=identity.is_busy
            )
        return True

    # -- pages that go on at another gateway (``parked.py``) ----------------------------------

    def _note_tickets(self, transport: RemoteTransport) -> None:
        if not transport.ticket:
            return
        for ticket in (*transport.former, transport.ticket):
            self._tickets[ticket] = transport
        link = transport.link
        if isinstance(link, GatewayLink):
            link.keeps = KEEPS * self._service.settings.resume_max

    def _holder_of(self, ticket: bytes) -> RemoteTransport | None:
        """Whose present ticket this is. It is a digest, so that how long that takes tells nothing."""
        transport = self._tickets.get(ticket)
        return None if transport is None or transport.ticket != ticket else transport

    def _can_wait_for(self, transport: RemoteTransport) -> bool:
        client = transport.client
        is_there = client is not None and client.connected
        return bool(
            self._parks and is_there and transport.ticket and self._service.settings.resume_grace
        )

    def _grace_of(self, transport: RemoteTransport) -> tuple[int, Any]:
        """The bytes that are kept for it, and the timer at whose end it is given up."""
        settings = self._service.settings
        clock = self._service.clock
        grace = clock.callLater(settings.resume_grace, self._lost, transport, GATEWAY_LOST)
        return settings.resume_max, grace

    def _park(self, transport: RemoteTransport) -> None:
        """Its page is waited for."""
        self._transports.pop((transport.link, transport.conn), None)
        transport.park(*self._grace_of(transport))
        self._transports[transport.link, transport.conn] = transport

    def _answer_page(self, link: GatewayLink, asked: ResumeAsked) -> None:
        """A page has come to a gateway, with a secret of another one."""
        transport = self._holder_of(asked.ticket)
        if transport is None or not self._can_wait_for(transport):
            link.say(ResumeAnswer(asked.request, False))
            return
        self._leave_gateway(transport)
        assert isinstance(transport.link, ParkedLink)  # noqa: S101 - for the type checker
        lost = transport.link.asked(Mark.of(asked.at))
        link.say(ResumeAnswer(asked.request, True, transport.last_line, lost))

    def _leave_gateway(self, transport: RemoteTransport) -> None:
        """Its page is not where it was any more: the gateway there may forget it."""
        left = transport.link
        if isinstance(left, GatewayLink):
            self._park(transport)
            transport.has_left = True
            self._close_ghost(left, transport.conn)

    def _close_ghost(self, link: GatewayLink, conn: int) -> None:
        link.connections.pop(conn, None)
        link.say(Close(conn, at_once=True))

    def _comes_back(self, link: GatewayLink, connection: RemoteConnection) -> bool:
        """Whether a client goes on with this connection of a page, or is elsewhere already."""
        holder = self._tickets.get(connection.ticket)
        if holder is not None and (holder.ticket != connection.ticket or holder.has_left):
            self._close_ghost(link, connection.conn)
            return True
        holder = holder or self._holder_of(connection.former)
        if holder is None or holder.client is None:
            return False
        self._leave_gateway(holder)
        self._transports.pop((holder.link, holder.conn), None)
        holder.attach(link, connection)
        _log.info("{client} goes on at gateway {gateway}", client=holder.client, gateway=link.name)
        self._transports[link, connection.conn] = holder
        self._note_tickets(holder)
        if holder.is_restored and self._resumption is not None:
            holder.is_restored = False
            identity = Identity.of(connection.label)
            with log_context(holder.client):
                holder.drops_again = self._resumption.goes_on(
                    holder.client,
                    has_moved_on=connection.handled > 0,
                    was_asked=identity.is_busy,
                )
        return True

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
