"""``Wire``: a connection in memory that a protocol cannot tell from a real one."""

from __future__ import annotations

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import ITransport
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from zope.interface.verify import verifyObject

from cletus.testing.wire import Wire

PLACE = IPv4Address("TCP", "192.0.2.1", 40001)


class Noting(Protocol):
    """Notes what happens to it."""

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


def test_the_service_closes_it_and_hears_of_that_once(ends: Ends) -> None:
    ends.wire.loseConnection()
    ends.wire.write(b"goodbye")
    ends.wire.loseConnection()
    ends.wire.put(b"too late")
    ends.wire.hang_up()
    assert not ends.wire.is_open
    assert ends.turn() == [ConnectionDone]
    ends.wire.write(b"into the void")
    assert ends.arrived == [b"goodbye"]


def test_the_service_breaks_it_off(ends: Ends) -> None:
    ends.wire.abortConnection()
    assert ends.turn() == [ConnectionAborted]


def test_who_hangs_up_has_still_said_what_they_said(ends: Ends) -> None:
    ends.wire.put(b"a")
    ends.wire.hang_up()
    ends.wire.hang_up()
    assert ends.turn() == [b"a", ConnectionDone]
