"""A person on TLS has come with the handshake, and gets all that was written before the end."""

from __future__ import annotations

from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from OpenSSL import SSL
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from zope.interface import implementer

from cletus.doors.tls import SelfSigned
from cletus.doors.tls_connection import HANDSHAKE_TIMEOUT, TlsFactory
from cletus.meters import Counter
from cletus.reactor.clock import ServiceClock
from cletus.reactor.shares import Shares


@implementer(IHalfCloseableProtocol)
class Door(Protocol):
    """The protocol of a door, which records what happens to it."""

    def __init__(self, calls: list[str]) -> None:
        self.calls = calls

    def connectionMade(self) -> None:
        self.calls.append("made")

    def dataReceived(self, data: bytes) -> None:
        self.calls.append(data.decode())

    def readConnectionLost(self) -> None:
        self.calls.append("end of input")

    def writeConnectionLost(self) -> None: ...

    def connectionLost(self, reason: Any = None) -> None:
        self.calls.append("lost")


class Wire(StringTransport):
    """The TCP connection below."""

    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True


class Meeting:
    """A TLS client and the server's end of its connection."""

    def __init__(self, refusal: bytes | None = None) -> None:
        self.clock, self.calls, self.pending = Clock(), [], 0
        handshakes: Any = SimpleNamespace(admit=self._admit, release=self._release)
        self._refusal = refusal
        factory = Factory.forProtocol(lambda: Door(self.calls))  # type: ignore[arg-type]  # makes one
        service_clock = ServiceClock()
        service_clock.reactor = self.clock
        shares = Shares(service_clock, lambda: 0.0, Counter("throttled", ""))
        tls = TlsFactory(SelfSigned("localhost"), factory, self.clock, handshakes, shares)
        self.server: Any = tls.buildProtocol(None)
        self.wire = Wire()
        self.server.makeConnection(self.wire)
        self.client = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), None)
        self.client.set_connect_state()

    calls: list[str]

    def _admit(self, host: str) -> bytes | None:
        self.pending += self._refusal is None
        return self._refusal

    def _release(self, host: str) -> None:
        self.pending -= 1

    def exchange(self) -> None:
        """Carry what waits to the other side, both ways."""
        for _ in range(4):
            with suppress(SSL.WantReadError):
                self.server.dataReceived(self.client.bio_read(65536))
            self.clock.advance(0)
            if self.wire.value():
                self.client.bio_write(self.wire.value())
                self.wire.clear()

    def shake_hands(self) -> None:
        for _ in range(4):
            with suppress(SSL.WantReadError):
                self.client.do_handshake()
            self.exchange()


@pytest.fixture
def meeting() -> Meeting:
    return Meeting()


def test_nobody_has_come_before_the_handshake(meeting: Meeting) -> None:
    assert (meeting.calls, meeting.pending) == ([], 1)
    meeting.shake_hands()
    assert (meeting.calls, meeting.pending) == (["made"], 0)


def test_a_peer_that_says_nothing_is_dropped_and_was_nobody(meeting: Meeting) -> None:
    meeting.clock.advance(HANDSHAKE_TIMEOUT)
    assert meeting.wire.aborted
    meeting.server.connectionLost()
    assert (meeting.calls, meeting.pending) == ([], 0)
    assert meeting.clock.getDelayedCalls() == []


def test_a_peer_beyond_the_limit_is_dropped_before_the_handshake() -> None:
    refused = Meeting(b"full")
    assert refused.wire.aborted
    refused.server.connectionLost()
    assert (refused.calls, refused.pending) == ([], 0)


def test_the_peer_s_goodbye_ends_only_what_it_sends(meeting: Meeting) -> None:
    meeting.shake_hands()
    meeting.client.send(b"question")
    meeting.client.shutdown()
    meeting.exchange()
    assert meeting.calls == ["made", "question", "end of input"]
    assert not meeting.wire.disconnecting
    meeting.server.write(b"answer")
    meeting.exchange()
    assert meeting.client.recv(100) == b"answer"
    meeting.server.loseConnection()
    assert meeting.wire.disconnecting


def test_a_fin_without_a_goodbye_ends_only_what_it_sends(meeting: Meeting) -> None:
    meeting.shake_hands()
    meeting.server.readConnectionLost()
    assert meeting.calls == ["made", "end of input"]
    assert not meeting.wire.disconnecting


def test_our_goodbye_is_not_waited_for(meeting: Meeting) -> None:
    meeting.shake_hands()
    meeting.server.write(b"goodbye")
    meeting.server.loseConnection()
    assert meeting.wire.disconnecting
    assert not meeting.wire.aborted
    meeting.exchange()
    assert meeting.client.recv(100) == b"goodbye"
    with pytest.raises(SSL.ZeroReturnError):
        meeting.client.recv(100)
