"""A trusted proxy says in a header where a connection comes from; nobody else does."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from cletus.doors.proxy_protocol import HEADER_TIMEOUT, ProxyProtocolFactory

HEADER = b"PROXY TCP4 203.0.113.9 127.0.0.1 8080 23\r\n"
PROXY = IPv4Address("TCP", "10.0.0.1", 5)


class Inner(Protocol):
    """Records what happens to it."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def connectionMade(self) -> None:
        self.events.append(self.transport.getPeer())  # type: ignore[union-attr]  # it is connected

    def dataReceived(self, data: bytes) -> None:
        self.events.append(data)

    def connectionLost(self, reason: Any = None) -> None:
        self.events.append("lost")


class Connected:
    """A connection from an address, and the protocol behind the factory."""

    def __init__(self, address: IPv4Address = PROXY) -> None:
        self.clock = Clock()
        self.inner = Inner()
        inner_factory: Any = Factory.forProtocol(lambda: self.inner)  # type: ignore[arg-type]  # a maker
        factory = ProxyProtocolFactory(inner_factory, lambda host: host == "10.0.0.1", self.clock)
        self.transport = StringTransport(peerAddress=address)
        self.transport.abortConnection = self.transport.loseConnection  # type: ignore[method-assign]
        self.protocol = factory.buildProtocol(address)
        self.protocol.makeConnection(self.transport)


@pytest.mark.parametrize("size", [1, 7, 100])
def test_the_connection_begins_after_the_header_as_if_from_the_address_in_it(size: int) -> None:
    connected = Connected()
    assert connected.inner.events == []
    data = HEADER + b"hello"
    for start in range(0, len(data), size):
        connected.protocol.dataReceived(data[start : start + size])
    peer, *pieces = connected.inner.events
    assert peer == IPv4Address("TCP", "203.0.113.9", 8080)
    assert b"".join(pieces) == b"hello"
    assert connected.clock.getDelayedCalls() == []
    connected.protocol.connectionLost()
    assert connected.inner.events[-1] == "lost"


def test_an_ipv6_address_is_one() -> None:
    connected = Connected()
    connected.protocol.dataReceived(b"PROXY TCP6 2001:db8::1 ::1 8080 23\r\n")
    assert connected.inner.events == [IPv6Address("TCP", "2001:db8::1", 8080)]


def test_a_proxy_that_connects_for_itself_keeps_its_address() -> None:
    connected = Connected()
    connected.protocol.dataReceived(b"PROXY UNKNOWN\r\n")
    assert connected.inner.events == [PROXY]


def test_from_anybody_else_the_header_is_data() -> None:
    stranger = IPv4Address("TCP", "192.0.2.1", 5)
    connected = Connected(stranger)
    connected.protocol.dataReceived(HEADER)
    assert connected.inner.events == [stranger, HEADER]


def test_a_proxy_without_a_header_is_refused() -> None:
    connected = Connected()
    connected.protocol.dataReceived(b"hello\r\n")
    connected.protocol.connectionLost()
    assert connected.transport.disconnecting
    assert connected.inner.events == []


def test_a_proxy_has_some_seconds_for_its_header() -> None:
    connected = Connected()
    connected.clock.advance(HEADER_TIMEOUT - 0.1)
    assert not connected.transport.disconnecting
    connected.clock.advance(0.2)
    assert connected.transport.disconnecting


def test_a_proxy_that_stops_sending_before_its_header_is_closed() -> None:
    connected = Connected()
    connected.protocol.readConnectionLost()
    assert connected.transport.disconnecting
