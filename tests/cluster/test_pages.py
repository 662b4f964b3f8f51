"""A browser's page whose gateway is lost, or that comes to another one, goes on there."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cletus import Dialogue, events, step
from cletus.client.ticket import ticket_of
from cletus.cluster.frames import Mark, Position, ResumeAnswer, ResumeAsked, Write, goes_to, pack
from cletus.cluster.gateway_service import gateway_service
from cletus.cluster.memory import MemoryBus
from cletus.cluster.parked import KEEPS
from cletus.cluster.relay import Relay
from cletus.doors.web.door import WebDoor
from cletus.testing import Log, MemoryDoor
from tests.cluster.test_primary import House, Process
from tests.doors.web.browser import Tab

GRACE = 180.0
LEASE = 6.0

_MARK = re.compile(rb"\xff\xfa\xd2([0-9a-f.]+)\xff\xf0")
_COMMAND = re.compile(rb"\xff\xfa.*?\xff\xf0|\xff[\xfb-\xfe].|\xff[\xf0-\xf9]", re.DOTALL)


class Order(Dialogue):
    """Asks twice; the second answer is hidden."""

    @step("Dish? ")
    def ask_dish(self, line: str) -> Any:
        self.client.write(f"A {line}.")
        return self.ask_word

    @step("Word? ", hidden=True)
    def ask_word(self, line: str) -> Any:
        self.client.write(f"The word is {line}.")
        return self.done()


class Talk(Process):
    """People say who they are; what they say, everybody hears.

    Attributes:
        left: who has left, with the reasons.
        again: lines that came with ``again``.
    """

    def __init__(self, house: House, **settings: Any) -> None:
        settings = {"reload_modules": (__name__,), "resume_grace": GRACE, **settings}
        super().__init__(house, **settings)
        self.left: list[tuple[str, str]] = []
        self.again: list[str] = []
        self.service.listen(events.Disconnect)(self._disconnected)

    def _connected(self, event: Any) -> None:
        event.client.write("Who are you?")

    def _disconnected(self, event: Any) -> None:
        self.left.append((self.name_of(event.client), event.reason))

    def name_of(self, client: Any) -> str:
        return "" if client.user is None else str(client.user.key)

    def _received(self, event: Any) -> None:
        self.heard.append(event.data)
        if event.again:
            self.again.append(event.data)
        client = event.client
        match event.data.split():
            case ["I", "am", name]:
                client.user = self.user(name)
            case ["order"]:
                client.start_dialogue(Order())
            case ["bye"]:
                client.close("said bye")
            case _:
                self.service.write_all(f"<{self.name_of(client)}> {event.data}")

    def client(self, name: str) -> Any:
        (client,) = (client for client in self.service.clients if self.name_of(client) == name)
        return client


class Gateway:
    """A gateway with a web door.

    Attributes:
        bus: its own, to be cut.
    """

    def __init__(self, house: House, name: str, **settings: Any) -> None:
        self.house = house
        self.bus = MemoryBus(house.engine)
        self.bus.open()
        self.service = gateway_service(lambda _service: (), line_rate=0, **settings)
        self.relay = Relay(self.service, self.bus, name, incarnation=1)
        self.service.start(house.clock)
        house.advance(0.1)
        self.relay.open()
        house.advance(0.1)
        self.door = WebDoor(self.service)
        self.telnet = MemoryDoor(self.service)

    def die(self) -> None:
        self.bus.cut()


class Page:
    """What ``wire.js`` does.

    Attributes:
        text: all that it has been sent.
        fresh: how often it was told that it is a stranger.
        lost: what it was told that it has lost.
    """

    def __init__(self, gateway: Gateway) -> None:
        self.secret, self.at = "", ""
        self.received = 0
        self.lines: list[str] = []  # of this session
        self.text = ""
        self.fresh = 0
        self.lost: list[int] = []
        self.marks: list[Mark] = []
        self.comes_to(gateway)

    def comes_to(self, gateway: Gateway) -> None:
        session = (
            f"session.cletus.{self.secret}.{self.received}" if self.secret else "session.cletus"
        )
        at = f"at.cletus.{self.at}" if self.at else "at.cletus"
        self.gateway = gateway
        self.tab = Tab(gateway.door, "telnet.mudstandards.org", session, at)
        self.reads()

    def reads(self) -> None:
        """Take what has come, after some time."""
        self.gateway.house.advance(0.3)
        self.tab.pump()
        for words in self.tab.words:
            if "moved" in words:
                self.lost.append(words["moved"]["lost"])
                missing = self.lines[words["moved"]["lines"] :]
                self.secret, self.received, self.lines = words["session"], 0, []
                for line in missing:
                    self._send(line)
            elif "session" in words:
                self.fresh += 1
                self.secret, self.received, self.lines = words["session"], 0, []
        for data in self.tab.binary():
            self.received += 1
            for mark in _MARK.findall(data):
                self.at = mark.decode()
                self.marks.append(Mark.of(self.at))
            self.text += _COMMAND.sub(b"", data).decode()

    def says(self, line: str) -> None:
        self._send(line)
        self.reads()

    def _send(self, line: str) -> None:
        self.lines.append(line)
        self.tab.types(line)

    def breaks(self) -> None:
        """Its network is gone, and nobody has said so."""
        self.reads()
        self.tab.lose()


@pytest.fixture
def house(log: Log) -> House:
    return House()


class Scene:
    """A primary, two gateways, Ann with a page at the first, and Bob at the other one's telnet door."""

    def __init__(self, house: House, **settings: Any) -> None:
        self.house = house
        self.talk = primary(house, **settings)
        self.first, self.second = (Gateway(house, name, **settings) for name in "ab")
        house.advance(3)  # longer than lines wait when no gateway is known
        self.bob = self.second.telnet.connect()
        self.bob.says("I am bob")
        self.ann = Page(self.first)
        self.ann.says("I am ann")
        self.ann.says("hello")

    def bob_says(self, *lines: str) -> None:
        for line in lines:
            self.bob.says(line)
            self.house.advance(0.2)


def primary(house: House, **settings: Any) -> Talk:
    talk = Talk(house, **settings)
    talk.start()
    house.until(lambda: talk.is_primary)
    return talk


def next_primary(scene: Scene) -> None:
    """It is lost, and another one takes over."""
    scene.talk.bus.cut()
    scene.talk = primary(scene.house)
    scene.house.advance(2 + LEASE)  # it waits for lost gateways, too


@pytest.fixture
def scene(house: House) -> Scene:
    return Scene(house)


def heard(page: Page, *lines: str) -> None:
    """They have been shown these, each once and in this order."""
    positions = []
    for line in lines:
        assert page.text.count(f"> {line}\r\n") == 1, (line, page.text)
        positions.append(page.text.index(f"> {line}\r\n"))
    assert positions == sorted(positions)


# -- a gateway is lost ------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0, LEASE / 2, 2 * LEASE, GRACE / 2])
def test_c6_a_page_goes_on_at_another_gateway(scene: Scene, seconds: float) -> None:
    """Before and after its own is taken for lost: nothing is missing or comes twice, nobody is told."""
    talk, ann = scene.talk, scene.ann
    client = talk.client("ann")
    scene.bob_says("one", "two")
    ann.reads()
    scene.first.die()
    scene.bob_says("three")
    scene.house.advance(seconds)
    scene.bob_says("four")
    ann.tab.lose()
    ann.comes_to(scene.second)
    ann.says("here I am")
    scene.bob_says("five")
    ann.reads()
    heard(ann, "hello", "one", "two", "three", "four", "here I am", "five")
    assert ann.fresh == 1
    assert ann.lost == [0]
    assert talk.client("ann") is client
    assert talk.left == []
    assert scene.bob.transcript.count("<ann> here I am") == 1


def test_c6_what_was_confirmed_and_not_read_is_sent(scene: Scene) -> None:
    """Its network was gone before the gateway was, which had told that it has written all."""
    ann = scene.ann
    ann.breaks()
    scene.bob_says("one", "two")
    scene.house.advance(5)
    scene.first.die()
    scene.bob_says("three")
    scene.house.advance(2 * LEASE)
    ann.comes_to(scene.second)
    heard(ann, "one", "two", "three")
    assert ann.lost == [0]


def test_c6_lines_that_the_gateway_had_not_sent_are_sent_again(scene: Scene) -> None:
    ann = scene.ann
    scene.first.die()
    ann.says("is anybody there?")
    ann.says("hello?")
    scene.house.advance(2 * LEASE)
    ann.tab.lose()
    ann.comes_to(scene.second)
    ann.reads()
    heard(ann, "is anybody there?", "hello?")
    assert scene.talk.heard.count("hello?") == 1


def test_who_does_not_come_back_in_time_has_left(scene: Scene) -> None:
    scene.first.die()
    scene.house.advance(LEASE + GRACE - 5)
    assert scene.talk.left == []
    scene.house.advance(LEASE + 5)
    assert scene.talk.left == [("ann", "gateway lost")]
    scene.ann.comes_to(scene.second)
    assert scene.ann.fresh == 2
    assert scene.talk.heard.count("hello") == 1


def test_without_a_grace_nobody_is_waited_for(house: House) -> None:
    scene = Scene(house, resume_grace=0)
    scene.first.die()
    house.advance(2 * LEASE)
    assert scene.talk.left == [("ann", "gateway lost")]


def test_by_telnet_nobody_can_come_back(scene: Scene) -> None:
    scene.second.die()
    scene.house.advance(2 * LEASE)
    assert scene.talk.left == [("bob", "gateway lost")]


def test_c16_what_is_kept_for_who_is_away_is_bounded(house: House) -> None:
    """``resume_max`` bytes, of the latest; the page is told that something is missing."""
    scene = Scene(house, resume_max=1000)
    scene.first.die()
    house.advance(2 * LEASE)
    lines = [f"{number} {'x' * 90}" for number in range(20)]
    scene.bob_says(*lines)
    scene.ann.comes_to(scene.second)
    heard(scene.ann, *lines[-8:])
    assert lines[0] not in scene.ann.text
    assert scene.ann.lost == [1]


def test_c16_what_is_kept_of_confirmed_entries_is_bounded(house: House) -> None:
    scene = Scene(house, resume_max=100)
    assert scene.talk.service.doors
    door: Any = scene.talk.service.doors[0]
    link = door.ledger.links["a"]
    assert link.keeps == KEEPS * 100
    scene.ann.breaks()
    lines = [f"{number} {'x' * 200}" for number in range(60)]
    scene.bob_says(*lines)
    assert link._recent_size <= link.keeps
    scene.ann.comes_to(scene.second)
    assert scene.ann.lost == [1]
    heard(scene.ann, *lines[-20:])
    assert door.ledger.links["b"].keeps  # since Ann is there


def test_a_quiet_page_has_lost_nothing(house: House) -> None:
    """Others were sent more than is kept, and the page nothing: it is marked now and then."""
    scene = Scene(house, resume_max=100)
    door: Any = scene.talk.service.doors[0]
    other = scene.first.telnet.connect()
    for number in range(300):
        client = scene.talk.client("bob")
        for somebody in tuple(scene.talk.service.clients):
            if somebody not in (client, scene.talk.client("ann")):
                somebody.write(f"{number} {'x' * 30}")
        house.advance(0.5)
    assert "299 x" in other.transcript
    assert door.ledger.links["a"].dropped > Position()
    scene.ann.reads()
    scene.ann.breaks()
    scene.ann.comes_to(scene.second)
    assert scene.ann.lost == [0]


# -- a gateway lives --------------------------------------------------------------------------


def test_a_page_that_comes_to_another_gateway_while_its_own_lives(scene: Scene) -> None:
    """The balancer sends it there. What the other session has kept is not lost, nor its lines doubled."""
    talk, ann = scene.talk, scene.ann
    ann.breaks()
    scene.bob_says("one", "two")
    ann.comes_to(scene.second)
    ann.says("here")
    scene.bob_says("three")
    ann.reads()
    heard(ann, "one", "two", "here", "three")
    assert ann.fresh == 1
    assert not scene.first.service.clients
    assert talk.left == []
    ann.breaks()
    scene.bob_says("four")
    ann.comes_to(scene.first)
    ann.says("back")
    heard(ann, "one", "two", "here", "three", "four", "back")
    assert [talk.name_of(client) for client in talk.service.clients] == ["bob", "ann"]


def test_at_the_same_gateway_it_resumes_there(scene: Scene) -> None:
    ann = scene.ann
    secret = ann.secret
    ann.breaks()
    scene.bob_says("one")
    ann.comes_to(scene.first)
    ann.says("here")
    assert ann.secret == secret
    assert ann.lost == []
    heard(ann, "one", "here")


def test_a_gateway_that_was_cut_off_and_is_back_has_its_pages_again(scene: Scene) -> None:
    """The page has waited at it: nobody has left, and nothing is missing or doubled."""
    ann, talk = scene.ann, scene.talk
    scene.first.bus.cut()
    ann.says("typed meanwhile")
    scene.bob_says("one")
    scene.house.advance(2 * LEASE)
    scene.bob_says("two")
    scene.first.bus.mend()
    scene.house.advance(5)
    ann.says("there again")
    scene.bob_says("three")
    ann.reads()
    heard(ann, "one", "two", "typed meanwhile", "there again", "three")
    assert talk.left == []
    assert talk.heard.count("typed meanwhile") == 1
    assert ann.fresh == 1


def test_a_gateway_that_is_back_brings_no_ghost_of_a_page_that_has_left_it(scene: Scene) -> None:
    """It still has a connection of her, by which nobody takes over from her."""
    ann, talk = scene.ann, scene.talk
    scene.first.bus.cut()
    scene.house.advance(2 * LEASE)
    ann.comes_to(scene.second)
    scene.first.bus.mend()
    scene.house.advance(5)
    ann.says("just me")
    assert [talk.name_of(client) for client in talk.service.clients] == ["bob", "ann"]
    assert not scene.first.service.clients
    assert scene.bob.transcript.count("just me") == 1


# -- the ticket -------------------------------------------------------------------------------


def test_a_ticket_is_used_once(scene: Scene) -> None:
    """There is a new secret after each resume; the one before leads nowhere."""
    ann = scene.ann
    thief = Page(scene.second)
    thief.secret, thief.at = ann.secret, ann.at
    ann.breaks()
    ann.comes_to(scene.second)
    assert ann.secret != thief.secret
    thief.tab.lose()
    thief.comes_to(scene.first)
    assert thief.fresh == 2
    assert ann.says("mine") is None
    heard(ann, "mine")


def test_an_unknown_ticket_is_a_strangers(scene: Scene) -> None:
    stranger = Page(scene.second)
    stranger.breaks()
    stranger.secret = "x" * 24
    stranger.comes_to(scene.second)
    assert stranger.fresh == 2


def test_a_ticket_is_not_the_secret_nor_what_a_door_finds_it_by(scene: Scene) -> None:
    """Who reads the bus can come back as nobody."""
    door = scene.first.door
    ticket = ticket_of(scene.ann.secret)
    transports: Any = scene.talk.service.doors[0]
    assert ticket in transports._tickets
    assert ticket not in door._sessions
    thief = Page(scene.second)
    for secret in (ticket.hex()[:24], ticket_of(ticket.hex()).hex()[:24]):
        thief.breaks()
        thief.secret = secret
        thief.comes_to(scene.second)
    assert thief.fresh == 3


def test_who_has_left_has_no_ticket(scene: Scene) -> None:
    """Logged out at the other gateway, or kicked while away: there is nothing to come back to."""
    secret, ann = scene.ann.secret, scene.ann
    ann.says("bye")
    ann.secret = secret
    ann.comes_to(scene.second)
    assert ann.fresh == 2


def test_who_is_kicked_while_away_has_no_ticket(scene: Scene) -> None:
    scene.first.die()
    scene.house.advance(2 * LEASE)
    scene.talk.client("ann").close("kicked")
    scene.house.advance(1)
    assert scene.talk.left == [("ann", "kicked")]
    scene.ann.comes_to(scene.second)
    assert scene.ann.fresh == 2


def test_a_page_waits_while_there_is_no_primary(scene: Scene) -> None:
    scene.house.advance(6)
    scene.talk.bus.cut()
    scene.first.die()
    scene.ann.comes_to(scene.second)
    assert scene.ann.fresh == 1
    scene.talk = primary(scene.house)
    scene.house.advance(2 + LEASE)  # it waits for the lost gateway, too
    scene.ann.says("here")
    heard(scene.ann, "hello", "here")
    assert scene.ann.fresh == 1


def test_a_page_that_does_not_wait_any_longer_is_not_lost(scene: Scene) -> None:
    """It has gone to its own gateway meanwhile. The question of the other one comes late: it comes once more."""
    scene.second.bus.cut()
    scene.ann.breaks()
    scene.ann.comes_to(scene.second)
    scene.ann.breaks()
    scene.ann.comes_to(scene.first)
    scene.second.bus.mend()
    scene.house.advance(3)
    assert scene.ann.tab.transport.aborted
    scene.ann.tab.lose()
    scene.ann.comes_to(scene.first)
    scene.ann.says("here")
    heard(scene.ann, "here")
    assert scene.ann.fresh == 1


# -- what else there is -----------------------------------------------------------------------


def test_a_dialogue_goes_on_and_its_question_is_asked_there(scene: Scene) -> None:
    """What is typed is hidden there, too."""
    ann = scene.ann
    ann.says("order")
    ann.says("fish")
    assert ann.text.count("Word? ") == 1
    scene.first.die()
    scene.house.advance(2 * LEASE)
    ann.comes_to(scene.second)
    assert ann.text.count("Word? ") == 2
    client = next(client for client in scene.second.service.clients if client.door == "web")
    assert client.output.echo.terminal_hides
    ann.says("sesame")
    assert "The word is sesame." in ann.text
    assert not client.output.echo.terminal_hides
    assert scene.talk.heard[-1] == "order"


@pytest.mark.parametrize("is_lost_before", [False, True])
def test_c9_after_a_takeover_a_page_goes_on(scene: Scene, is_lost_before: bool) -> None:
    """The checkpoint has the ticket, and what no gateway has confirmed: nothing is missing or doubled."""
    ann = scene.ann
    scene.bob_says("one")
    ann.reads()
    scene.first.die()
    scene.house.advance(2 * LEASE if is_lost_before else 2)
    scene.bob_says("two")
    scene.house.advance(10 if is_lost_before else 3)
    next_primary(scene)
    scene.bob_says("three")
    ann.tab.lose()
    ann.comes_to(scene.second)
    ann.says("here")
    heard(ann, "one", "two", "three", "here")
    assert ann.fresh == 1
    assert ann.lost == [0]
    assert scene.talk.left == []
    assert [scene.talk.name_of(client) for client in scene.talk.service.clients] == ["bob", "ann"]


def test_c9_a_primary_that_is_lost_after_a_page_has_gone_on_leaves_it_where_it_is(
    scene: Scene,
) -> None:
    """The checkpoint still has it at the other gateway."""
    scene.house.advance(6)
    scene.ann.breaks()
    scene.ann.comes_to(scene.second)
    scene.ann.says("here")
    next_primary(scene)
    scene.house.advance(2 * LEASE)
    scene.ann.says("still here")
    heard(scene.ann, "hello", "here", "still here")
    assert [scene.talk.name_of(client) for client in scene.talk.service.clients] == ["bob", "ann"]
    assert scene.talk.left == []
    assert scene.bob.transcript.count("still here") == 1


def test_c8_a_handover_takes_those_who_are_away_along(scene: Scene) -> None:
    ann, house, first = scene.ann, scene.house, scene.talk
    scene.first.die()
    house.advance(2 * LEASE)
    scene.bob_says("one")
    second = Talk(house)
    second.start()
    house.advance(2)
    first.service.stop()
    house.until(lambda: second.is_primary)
    scene.talk = second
    house.advance(2 + LEASE)
    scene.bob_says("two")
    ann.comes_to(scene.second)
    ann.says("here")
    heard(ann, "one", "two", "here")
    assert ann.fresh == 1


def test_who_waits_is_closed_when_the_service_stops(scene: Scene) -> None:
    scene.first.die()
    scene.house.advance(2 * LEASE)
    stopped: list[Any] = []
    scene.talk.service.stop().addBoth(stopped.append)
    scene.house.advance(0.5)
    assert stopped == [None]
    assert ("ann", "service stopped") in scene.talk.left


# -- marks ------------------------------------------------------------------------------------


def test_each_text_has_a_mark_and_they_rise(scene: Scene) -> None:
    scene.bob_says("one", "two")
    scene.ann.reads()
    assert scene.ann.marks == sorted(scene.ann.marks)
    assert len(set(scene.ann.marks)) >= 4
    assert "\xff\xfa\xd2" not in scene.bob.raw


@given(st.builds(Position, *[st.integers(0, 2**60)] * 3), st.integers(0, 2**31))
def test_a_mark_is_read_as_it_was_written(at: Position, index: int) -> None:
    assert Mark.of(str(Mark(at, index))) == Mark(at, index)


@pytest.mark.parametrize("text", ["", ".", "1.2.3", "x.1.2.3", "1.2.3.4.5", "1" * 60, "-1.2.3.4"])
def test_what_is_not_a_mark_is_before_all_others(text: str) -> None:
    assert Mark.of(text) == Mark()


@given(st.lists(st.integers(0, 2**32 - 1)), st.integers(0, 2**32 - 1))
def test_who_a_text_is_for(numbers: list[int], number: int) -> None:
    assert goes_to(Write(b"", pack(numbers)), number) is (number in numbers)
    assert goes_to(Write(b"", pack([1 << 8, *numbers])), 1) is (1 in numbers)


def test_questions_of_another_version_are_skipped(house: House) -> None:
    """Both are parts that an older process skips; it is asked until the page begins anew."""
    assert ResumeAsked(1, b"", "").request == ResumeAnswer(1, False).request
