"""Before a peer is greeted, its first bytes say whether it is at the right port."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol, ServerFactory
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from zope.interface import implementer

from cletus.doors.first_bytes import FirstBytesFactory


@implementer(IHalfCloseableProtocol)
class Door(Protocol):
    """Greets, and notes what happens."""

    def __init__(self, greeting: bytes) -> None:
        self.greeting = greeting
        self.events: list[object] = []

    def connectionMade(self) -> None:
        self.transport.write(self.greeting)  # type: ignore[union-attr]  # it is connected

    def dataReceived(self, data: bytes) -> None:
        self.events.append(data)

    def readConnectionLost(self) -> None:
        self.events.append("half closed")

    def writeConnectionLost(self) -> None:
        """Nothing."""

    def connectionLost(self, reason: Any = None) -> None:
        self.events.append("lost")


class Peer:
    """Somebody who has connected."""

    def __init__(self, *, delay: float = 0.05, tls: bool = False) -> None:
        self.clock = Clock()
        self.doors: list[Door] = []
        self.transport = StringTransport()
        factory = FirstBytesFactory(
            self._door(b"Welcome."),
            self.clock,
            delay=lambda: delay,
            page=lambda host: "http://127.0.0.1:9080/",
            tls=self._door(b"secure") if tls else None,
        )
        self.connection = factory.buildProtocol(None)
        self.connection.makeConnection(self.transport)

    def _door(self, greeting: bytes) -> ServerFactory:
        factory = ServerFactory()

        def build(_address: object) -> Door:
            self.doors.append(Door(greeting))
            return self.doors[-1]

        factory.buildProtocol = build  # type: ignore[method-assign,assignment]  # our own double
        return factory


def test_a_silent_peer_is_greeted_after_the_delay() -> None:
    peer = Peer()
    assert not peer.doors
    peer.clock.advance(0.05)
    assert peer.transport.value() == b"Welcome."
    peer.connection.dataReceived(b"hello")
    assert peer.doors[0].events == [b"hello"]


def test_who_speaks_is_greeted_at_once_and_nothing_is_lost() -> None:
    peer = Peer()
    peer.connection.dataReceived(b"\xff\xfb\x18hello")
    assert peer.transport.value() == b"Welcome."
    peer.connection.readConnectionLost()
    peer.connection.connectionLost()
    assert peer.doors[0].events == [b"\xff\xfb\x18hello", "half closed", "lost"]
    assert not peer.clock.getDelayedCalls()


def test_without_a_delay_everybody_is_greeted_at_once() -> None:
    assert Peer(delay=0).transport.value() == b"Welcome."


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\nAccept: text/html,*/*;q=0.8\r\n\r\n", b"307"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n", b"400"),
        (b"POST /a HTTP/1.0\nHost: x\n", b"400"),
    ],
)
def test_http_is_answered_before_any_greeting(request_head: bytes, status: bytes) -> None:
    """A browser is sent to the page; other programs are told where they are, and where it is."""
    peer = Peer()
    peer.connection.dataReceived(request_head)
    peer.connection.dataReceived(b"more")
    answer = peer.transport.value()
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert b"http://127.0.0.1:9080/ in a browser" in answer
    assert (b"\r\nLocation: http://127.0.0.1:9080/\r\n" in answer) is (status == b"307")
    assert peer.transport.disconnecting
    assert not peer.doors


def test_tls_is_closed_or_served() -> None:
    peer = Peer()
    peer.connection.dataReceived(b"\x16\x03\x01\x02")
    assert peer.transport.disconnecting
    assert not peer.doors
    peer = Peer(tls=True)
    peer.connection.dataReceived(b"\x16\x03\x01\x02")
    assert peer.transport.value() == b"secure"
    assert peer.doors[0].events == [b"\x16\x03\x01\x02"]


@pytest.mark.parametrize("half", [True, False])
def test_a_health_check_is_not_a_person(half: bool) -> None:
    peer = Peer()
    if half:
        peer.connection.readConnectionLost()
        assert peer.transport.disconnecting
    peer.connection.connectionLost()
    peer.clock.advance(1)
    assert not peer.doors
