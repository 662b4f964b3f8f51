"""``Wire``, which a protocol cannot tell from a real connection, and ``TelnetPeer`` at its end."""

from __future__ import annotations

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import ITransport
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from zope.interface.verify import verifyObject

from cletus.protocol.telnet import subnegotiation
from cletus.testing.wire import TelnetPeer, Wire

PLACE = IPv4Address("TCP", "192.0.2.1", 40001)


class Noting(Protocol):
    """Records what happens to it."""

    def __init__(self) -> None:
        self.got: list[object] = []

    def dataReceived(self, data: bytes) -> None:
        self.got.append(data)

    def connectionLost(self, reason) -> None:
        self.got.append(reason.type)


class Ends:
    """A wire with both of its ends."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.arrived: list[bytes] = []
        self.wire = Wire(self.clock, PLACE, self.arrived.append)
        self.protocol = Noting()
        self.wire.connect(self.protocol)

    def turn(self) -> list[object]:
        self.clock.advance(0)
        return self.protocol.got


@pytest.fixture
def ends() -> Ends:
    return Ends()


def test_it_is_a_transport_of_twisteds(ends: Ends) -> None:
    assert verifyObject(ITransport, ends.wire)
    assert ends.wire.getPeer() == PLACE


def test_what_the_service_sends_arrives_at_once(ends: Ends) -> None:
    ends.wire.write(b"a")
    ends.wire.writeSequence([b"b", b"c"])
    assert ends.arrived == [b"a", b"bc"]


def test_what_the_person_sends_arrives_in_a_turn_of_its_own(ends: Ends) -> None:
    ends.wire.put(b"a")
    ends.wire.put(b"b")
    ends.wire.put(b"")
    assert ends.protocol.got == []
    assert ends.turn() == [b"ab"]


def test_while_the_service_does_not_read_it_waits(ends: Ends) -> None:
    ends.wire.pauseProducing()
    ends.wire.put(b"a")
    assert ends.turn() == []
    ends.wire.resumeProducing()
    assert ends.turn() == [b"a"]


def test_the_service_closes_it_and_is_told_once(ends: Ends) -> None:
    ends.wire.loseConnection()
    ends.wire.write(b"goodbye")
    ends.wire.loseConnection()
    ends.wire.put(b"too late")
    ends.wire.hang_up()
    assert not ends.wire.is_open
    assert ends.turn() == [ConnectionDone]
    ends.wire.write(b"into the void")
    assert ends.arrived == [b"goodbye"]


def test_the_service_aborts_it(ends: Ends) -> None:
    ends.wire.abortConnection()
    assert ends.turn() == [ConnectionAborted]


def test_what_was_sent_before_hanging_up_arrives(ends: Ends) -> None:
    ends.wire.put(b"a")
    ends.wire.hang_up()
    ends.wire.hang_up()
    assert ends.turn() == [b"a", ConnectionDone]


# -- the program at the end of it --------------------------------------------------------------

WILL, WONT, DO, DONT = b"\xff\xfb", b"\xff\xfc", b"\xff\xfd", b"\xff\xfe"


def peer(gmcp: bool = False) -> TelnetPeer:
    return TelnetPeer(132, 43, "xterm", gmcp=gmcp)


def test_text_is_text_however_it_is_cut() -> None:
    program = peer()
    assert [program.receive(bytes([byte]))[0] for byte in "é\r\n".encode()] == ["", "é", "\r", "\n"]


def test_a_bare_carriage_return_comes_as_one() -> None:
    assert peer().receive(b"a\r\0b") == ("a\rb", b"")


def test_typing_is_shown_unless_the_service_echoes() -> None:
    program = peer()
    assert program.shows_typing
    assert program.receive(WILL + b"\x01") == ("", DO + b"\x01")
    assert not program.shows_typing
    assert program.receive(WONT + b"\x01") == ("", DONT + b"\x01")
    assert program.shows_typing


def test_it_names_its_terminal_when_it_is_asked() -> None:
    program = peer()
    assert program.receive(DO + b"\x18") == ("", WILL + b"\x18")
    ask = subnegotiation(24, b"\x01")
    assert program.receive(ask) == ("", subnegotiation(24, b"\x00xterm"))
    assert program.receive(ask) == ("", subnegotiation(24, b"\x00xterm"))


def test_it_tells_the_size_of_its_window_and_every_change_of_it() -> None:
    program = peer()
    assert program.resized(100, 43) == b""  # nobody wants to know it yet
    _, answer = program.receive(DO + b"\x1f")
    assert answer == WILL + b"\x1f" + subnegotiation(31, b"\x00\x64\x00\x2b")
    assert program.resized(255, 24) == b"\xff\xfa\x1f\x00\xff\xff\x00\x18\xff\xf0"


def test_messages_are_taken_if_they_are_wanted() -> None:
    program = peer(gmcp=True)
    assert program.receive(WILL + b"\xc9") == ("", DO + b"\xc9")
    program.receive(
        subnegotiation(201, b'Room.Info {"num": 1}') + subnegotiation(201, b"Core.Ping")
    )
    assert program.messages == [("Room.Info", {"num": 1}), ("Core.Ping", None)]
    assert program.message("Core.Hello", {"client": "x"}) == subnegotiation(
        201, b'Core.Hello {"client": "x"}'
    )


def test_unknown_options_are_refused() -> None:
    assert peer().receive(WILL + b"\xc9" + DO + b"\x27") == ("", DONT + b"\xc9" + WONT + b"\x27")


def test_its_negotiations_are_not_limited() -> None:
    """A test may ask for a thousand passwords in an instant."""
    program = peer()
    for _ in range(1000):
        assert program.receive(WILL + b"\x01") == ("", DO + b"\x01")
        assert program.receive(WONT + b"\x01") == ("", DONT + b"\x01")
