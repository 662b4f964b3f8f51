"""A person at a gateway is a client of the primary like any other."""

from __future__ import annotations

import copy
import gc
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from cletus import events
from cletus.cluster.gateway_door import RemoteOutbox, RemoteTransport
from cletus.cluster.gateway_service import gateway_service
from cletus.protocol.charset import telnet_encoder
from cletus.testing import MemoryDoor, StepClock
from cletus.testing.transport import MemoryTransport
from tests.cluster.conftest import Cluster, now


class Talk:
    """A small application, and somebody connects to it: by a gateway, or directly.

    Attributes:
        heard: the events of the application.
        busy: what lines wait for, once it is set.
    """

    def __init__(self, clock: StepClock) -> None:
        self.clock = clock
        self.heard: list[Any] = []
        self.busy: Deferred[None] | None = None
        self.service = self.new_service()

    def new_service(self) -> Any:
        service: Any = gateway_service(lambda _service: (), line_rate=0)
        service.listen(events.Connect)(self.connected)
        for event in (
            events.Disconnect,
            events.Gmcp,
            events.Resize,
            events.Interrupt,
        ):
            service.listen(event)(self.heard.append)
        service.listen(events.Receive)(self.received)
        service.listen(events.Authenticate)(self.authenticate)
        now(self.clock, service.start(self.clock))
        return service

    def connected(self, event: events.Connect) -> None:
        self.heard.append(event)

    def authenticate(self, event: events.Authenticate) -> None:
        if event.secret == "sesame":
            event.accept()

    async def received(self, event: events.Receive) -> None:
        self.heard.append(event)
        client = event.client
        match event.data:
            case "password":
                first = await client.ask("Old? ", hidden=True)
                second = await client.ask("New? ", hidden=True)
                client.write(f"{first} to {second}")
            case "table":
                client.write_raw("a | b")
                client.write(" | c")
            case "message":
                client.gmcp.send("Room.Info", {"num": 1})
            case "bye":
                client.write("Goodbye!")
                client.close("said bye")
            case "busy":
                self.busy = Deferred()
                await self.busy
            case other:
                event.service.write_all(f"<{other}>")

    @property
    def lines(self) -> list[str]:
        return [event.data for event in self.heard if isinstance(event, events.Receive)]


@pytest.fixture
def clock():
    return StepClock()


@pytest.fixture
def talk(clock):
    return Talk(clock)


@pytest.fixture
def cluster(clock, talk):
    cluster = Cluster(clock)
    cluster.door = cluster.primary(talk.service)
    return cluster


SESSION = ["hello", "password", "secret", "newer", "table", "message", "hello", "caf\u00e9"]


@pytest.mark.parametrize(
    "terminal", [{}, {"terminal": "xterm-256color"}, {"gmcp": True, "terminal": "Mudlet"}]
)
def test_a_session_at_a_gateway_is_the_same_as_at_the_service_itself(
    clock, talk, cluster, terminal
):
    """Prompts, what hides what is typed, unfinished lines, messages: byte for byte."""
    direct = MemoryDoor(Talk(clock).service).connect(**terminal)
    remote = cluster.gateway().connect(**terminal)
    for line in SESSION:
        assert str(direct.says(line)) == str(remote.says(line))
        assert direct.types_unseen == remote.types_unseen
    assert direct.raw == remote.raw
    assert direct.messages == remote.messages


KEYS = [b"hel", b"lo\r", b"password\r", b"secr", b"et\r", b"newer\r", b"table\r", b"half a li"]


def test_who_edits_a_line_with_us_sees_the_same_at_a_gateway(clock, talk, cluster):
    """In character mode: prompts, hidden input, and what others say above a line that is typed."""
    local, remote = Talk(clock).service, cluster.gateway().service
    screens = []
    for service in (local, remote):
        transport = MemoryTransport(character_mode=True)
        transport.terminal.encoder = telnet_encoder()
        client = service.connections.connected(transport, door="ssh")
        clock.advance(0)
        for keys in KEYS:
            client.keys_received(keys)
            clock.advance(0)
        screens.append(transport.text)
    assert screens[0] == screens[1]


def test_output_below_a_prompt_begins_a_line_and_the_prompt_comes_again(talk, cluster):
    gateway = cluster.gateway()
    ann, bob = gateway.connect(), gateway.connect()
    ann.says("password")
    bob.says("hi")
    assert ann.reads() == "\n<hi>\n"
    assert "Old?" in ann.waits(5.0)


def test_a_prompt_that_was_answered_ahead_does_not_come_again(clock, talk, cluster):
    """The lines were on their way to the primary when it asked."""
    direct = MemoryDoor(Talk(clock).service).connect()
    remote = cluster.gateway().connect()
    for ann in (direct, remote):
        for line in ("password", "secret", "newer", "hello"):
            ann.client.line_received(line)
        assert ann.reads().endswith("secret to newer\n<hello>\n")
        assert ann.waits(5.0) == ""


def test_a_prompt_that_was_seen_is_not_withdrawn(talk, cluster, monkeypatch):
    """The gateway knows that the line answers it, so that nothing is sent."""
    withdrawn: list[str] = []
    monkeypatch.setattr(RemoteOutbox, "withdraw_prompt", lambda _, text: withdrawn.append(text))
    ann = cluster.gateway().connect()
    for line in ("password", "secret", "newer"):
        ann.says(line)
    assert withdrawn == []


def test_what_is_typed_is_hidden_until_the_second_password(talk, cluster):
    ann = cluster.gateway().connect()
    ann.says("password")
    assert ann.types_unseen
    ann.says("secret")
    assert ann.types_unseen
    assert "secret to newer" in ann.says("newer")
    assert not ann.types_unseen


def test_messages_and_sizes_go_both_ways(talk, cluster):
    ann = cluster.gateway().connect(gmcp=True)
    ann.says("message")
    assert ("Room.Info", {"num": 1}) in ann.messages
    ann.sends("Char.Login", {"name": "ann"})
    assert [(e.package, e.data) for e in talk.heard if isinstance(e, events.Gmcp)][-1] == (
        "Char.Login",
        {"name": "ann"},
    )
    ann.resizes(100, 30)
    (client,) = talk.service.clients
    assert (client.terminal.columns, client.terminal.rows) == (100, 30)
    assert (talk.heard[-1].columns, talk.heard[-1].rows) == (100, 30)


def test_a_terminal_that_says_later_what_it_is_is_known(talk, cluster):
    cluster.gateway().connect(terminal="xterm-256color")
    (client,) = talk.service.clients
    assert client.terminal.colours == 256
    assert client.terminal.types == ("XTERM-256COLOR",)


def test_who_is_closed_reads_the_goodbye(talk, cluster):
    ann = cluster.gateway().connect()
    assert "Goodbye!" in ann.says("bye")
    ann.waits(0.1)
    assert not ann.connected
    (gone,) = [event for event in talk.heard if isinstance(event, events.Disconnect)]
    assert gone.reason == "said bye"
    assert talk.service.clients == ()


def test_who_hangs_up_is_gone_after_their_last_line(talk, cluster):
    ann = cluster.gateway().connect()
    ann._wire.put(b"one\r\ntwo\r\n")
    ann.hangs_up()
    assert talk.lines == ["one", "two"]
    assert isinstance(talk.heard[-1], events.Disconnect)
    assert talk.heard[-1].reason == "closed by peer"


def test_past_forty_lines_nothing_more_is_read_and_nothing_is_lost(talk, cluster):
    gateway = cluster.gateway()
    ann = gateway.connect()
    ann.says("busy")
    ann._wire.put(b"".join(b"%d\r\n" % number for number in range(150)))
    ann.reads()
    assert gateway.relay.ledger.unhandled(1) == 40
    talk.busy.callback(None)
    ann.reads()
    assert talk.lines == ["busy", *map(str, range(150))]
    assert gateway.relay.ledger.unhandled(1) == 0


def test_who_sends_nothing_more_is_answered_before_the_end(talk, cluster):
    ann = cluster.gateway().connect()
    ann._wire.put(b"one\r\ntwo\r\n")
    ann._clock.advance(0)
    ann._wire._protocol.readConnectionLost()
    ann.waits(0.1)
    assert ann.transcript.endswith("<one>\n<two>\n")
    assert not ann.connected


def test_a_door_of_a_gateway_asks_the_primary_who_somebody_is(clock, talk, cluster):
    service = cluster.gateway().service
    for secret, proven in (("sesame", True), ("guess", False)):
        event = events.Authenticate(service, "ann", "password", secret, "192.0.2.1:1", "ssh")
        now(clock, service.fire(event))
        assert event.is_proven is proven


def test_where_no_gateway_will_come_back_nobody_is_waited_for(clock, talk, cluster):
    gateway = cluster.gateway()
    gateway.connect()
    gateway.connect()
    cluster.door.lose_everybody()
    clock.advance(0)
    gone = [event.reason for event in talk.heard if isinstance(event, events.Disconnect)]
    assert gone == ["gateway lost", "gateway lost"]
    assert not talk.service.clients


def test_c2_all_gateways_see_the_same_lines_in_the_same_order(talk, cluster):
    people = [cluster.gateway(name).connect() for name in "abc"]
    for number in range(10):
        people[number % 3]._wire.put(b"%d\r\n" % number)
        if number % 4 == 3:
            people[0].reads()
    people[0].reads()
    texts = {person.transcript for person in people}
    assert len(texts) == 1
    assert all(f"<{number}>" in people[0].transcript for number in range(10))


def test_who_could_not_come_in_is_not_left_unheard(talk, cluster, monkeypatch, log):
    """Whatever has gone wrong in the primary: they are to connect again."""
    monkeypatch.setattr(RemoteTransport, "came_in", lambda *_: 1 / 0)
    ann = cluster.gateway().connect()
    ann.waits(0.1)
    assert not ann.connected
    assert len(log.take_failures()) == 1


def test_what_is_left_to_do_for_a_connection_does_not_touch_the_next_client(talk, cluster):
    """One that was closed at once is forgotten a turn later; its gateway may have told of it again."""
    gateway = cluster.gateway()
    ann = gateway.connect()
    ((connection, transport),) = cluster.door._transports.items()
    cluster.door._aborted(transport)
    other = cluster.door._transports[connection] = copy.copy(transport)
    ann.waits(0.1)
    assert cluster.door._transports == {connection: other}


# -- another primary -------------------------------------------------------------------------


class Succession:
    """A cluster whose primary can be succeeded by another process.

    Attributes:
        talk: the application of the primary; ``next()`` replaces it.
    """

    def __init__(self, clock: StepClock, talk: Talk, cluster: Cluster) -> None:
        self.clock, self.talk, self.cluster = clock, talk, cluster

    def next(self) -> None:
        """The primary hangs, and another one claims."""
        self.cluster.door._bus.cut()
        self.clock.advance(7.0)
        self.talk = Talk(self.clock)
        self.cluster.door = self.cluster.primary(self.talk.service)
        self.clock.advance(0)


@pytest.fixture
def succession(clock, talk, cluster):
    return Succession(clock, talk, cluster)


def test_c3_c4_nobody_is_dropped_and_what_was_typed_meanwhile_is_told(succession):
    gateway = succession.cluster.gateway()
    ann, bob = gateway.connect(), gateway.connect()
    ann.says("before")
    succession.next()
    assert ann.connected
    assert bob.connected
    ann.says("after")
    assert bob.reads().endswith("<after>\n")
    assert len(succession.talk.service.clients) == 2


def test_many_come_in_by_slices_and_in_order(succession, monkeypatch):
    """Other calls of the reactor come between, so a primary with thousands of people gives signs of life."""
    gateway = succession.cluster.gateway()
    for _ in range(3):
        gateway.connect()
    monkeypatch.setattr("cletus.cluster.gateway_door.SLICE", -1.0)  # over after each
    order, collects = [], []
    connected = Talk.connected

    def noted(talk, event):
        connected(talk, event)
        order.append("in")
        collects.append(gc.isenabled())
        talk.clock.callLater(0, order.append, "turn")

    monkeypatch.setattr(Talk, "connected", noted)
    succession.next()
    for conn in gateway.relay.clients:
        gateway.relay.hand_on(conn, f"{conn}")
    succession.clock.advance(0)
    assert order[:4] == ["in", "turn", "in", "turn"]
    assert collects == [True, False, False]
    assert gc.isenabled()
    assert succession.talk.lines == [str(conn) for conn in gateway.relay.clients]


def test_people_are_told_that_they_have_to_wait(succession):
    ann = succession.cluster.gateway().connect()
    succession.cluster.door._bus.cut()
    assert "does not answer at the moment" in ann.waits(5.0)
    succession.next()
    assert "It goes on" in ann.waits(1.0)


def test_lines_of_nobody_in_particular_are_dropped_and_they_are_told(succession):
    ann = succession.cluster.gateway().connect()
    ann.says("busy")
    succession.next()
    assert "renewed" in ann.reads()
    assert succession.talk.lines == []
    assert "<hello>" in ann.says("hello")


def test_c5_an_old_primary_that_goes_on_reaches_nobody_and_is_told_to_end(succession):
    ann = succession.cluster.gateway().connect()
    old = succession.talk.service
    door = succession.cluster.door
    succession.next()
    before = ann.transcript
    old.write_all("of an earlier epoch")
    door._bus.mend()
    ann.waits(1.0)
    assert "earlier epoch" not in ann.transcript[len(before) :]
    assert succession.cluster.fenced == [old]


def test_c3_c4_an_engine_that_forgets_costs_nobody_anything(succession):
    gateway = succession.cluster.gateway()
    ann, bob = gateway.connect(), gateway.connect()
    for number in range(20):
        if number % 5 == 2:
            succession.cluster.engine.forget()
        ann.says(f"{number}")
        succession.clock.advance(0.5)
    succession.clock.advance(5.0)
    assert bob.transcript.count("<") == 20
    assert ann.transcript == bob.transcript
    assert succession.talk.lines == [str(number) for number in range(20)]
    assert not any(isinstance(event, events.Disconnect) for event in succession.talk.heard)
