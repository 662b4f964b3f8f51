"""TLS at the web door has its share of time as everything else, and what it holds is counted."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from OpenSSL import SSL
from twisted.internet.task import Clock

from cletus import Service
from cletus.doors.tls_connection import HANDSHAKE_TIMEOUT
from cletus.doors.web.connection import HEAD_TIMEOUT
from cletus.doors.web.door import WebDoor
from cletus.reactor.shares import SLICE, Slice

from .browser import Tab, Wire

GET = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1:9080\r\n\r\n"


class SecureWire(Wire):
    """A connection with TLS."""

    def __init__(self, door: WebDoor) -> None:
        super().__init__(door)
        self.tls = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), None)
        self.tls.set_connect_state()
        self._clock: Any = door._service.reactor

    def exchange(self) -> bytes:
        """Carry what waits to the other side, both ways. Returns what has come."""
        received = b""
        for _ in range(5):
            with suppress(SSL.WantReadError):
                self.send(self.tls.bio_read(65536))
            self._clock.advance(0)
            if data := self.taken():
                self.tls.bio_write(data)
            with suppress(SSL.WantReadError, SSL.ZeroReturnError):
                received += self.tls.recv(65536)
        return received

    def shake_hands(self) -> None:
        for _ in range(4):
            with suppress(SSL.WantReadError):
                self.tls.do_handshake()
            self.exchange()


@pytest.fixture
def door(start: Callable[..., Service]) -> WebDoor:
    door = WebDoor(start(tls_self_signed=True))
    door._read_certificate()
    return door


def count(door: WebDoor) -> int:
    return door._limiter._count


def test_a_request_is_answered_and_the_person_counts_once(door: WebDoor) -> None:
    wire = SecureWire(door)
    wire.shake_hands()
    assert count(door) == 1
    wire.tls.send(GET)
    assert wire.exchange().startswith(b"HTTP/1.1 200 ")
    wire.lose()
    assert count(door) == 0


def test_a_handshake_that_is_not_done_is_ended(door: WebDoor, clock: Clock) -> None:
    wire = SecureWire(door)
    with suppress(SSL.WantReadError):
        wire.tls.do_handshake()
    wire.send(wire.tls.bio_read(65536))
    clock.advance(HANDSHAKE_TIMEOUT - 0.1)
    assert not wire.transport.aborted
    clock.advance(0.2)
    assert wire.transport.aborted
    wire.lose()
    assert (count(door), clock.getDelayedCalls()) == (0, [])


def test_so_is_a_handshake_after_which_nothing_comes(door: WebDoor, clock: Clock) -> None:
    wire = SecureWire(door)
    wire.shake_hands()
    clock.advance(HEAD_TIMEOUT + 0.1)
    assert wire.transport.aborted
    wire.lose()
    assert count(door) == 0


def test_records_are_decrypted_in_slices(
    door: WebDoor, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record of one byte costs as much as a line."""
    wire = SecureWire(door)
    wire.shake_hands()
    for byte in GET:
        wire.tls.send(bytes((byte,)))
    records = wire.tls.bio_read(65536)
    monkeypatch.setattr(Slice, "is_over", property(lambda _slice: True))
    wire.send(records)
    assert wire.transport.producerState == "paused"
    assert not wire.taken()
    clock.advance(SLICE)
    assert wire.transport.producerState == "producing"
    wire.tls.bio_write(wire.taken())
    assert wire.tls.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_records_that_wait_are_held_and_charged_to_their_address(
    door: WebDoor, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = door._service.connections.shares
    wire = SecureWire(door)
    wire.shake_hands()
    address = shares._addresses["127.0.0.1"]
    assert address.connections == 1
    monkeypatch.setattr(Slice, "is_over", property(lambda _slice: True))
    for _ in range(100):
        wire.tls.send(b"G" * 10)
    wire.send(wire.tls.bio_read(65536))
    assert door._service.connections.held_memory.total >= 2000
    wire.lose()
    assert door._service.connections.held_memory.total == 0
    assert address.connections == 0


def test_what_a_page_makes_us_hold_counts_until_they_have_logged_in(door: WebDoor) -> None:
    memory = door._service.connections.held_memory
    tab = Tab(door, "telnet.mudstandards.org", "session.cletus")
    before = memory.total
    tab.send(b"\x82\xfe\x10\x00\0\0\0\0" + b"a" * 1000)  # a message of 4096 bytes begins
    assert memory.total >= before + 1000
    tab.send(b"a" * 3096)
    before = memory.total
    (client,) = door._service.clients
    client.user = object()
    tab.send(b"\x82\xfe\x10\x00\0\0\0\0" + b"a" * 2000)
    tab.send(b"a" * 2096)
    assert memory.total < before
    tab.lose()


def test_requests_that_do_not_end_are_closed_when_strangers_hold_too_much(
    start: Callable[..., Service],
) -> None:
    door = WebDoor(start(stranger_memory=10_000))
    wires = [Wire(door, f"192.0.2.{number}") for number in range(4)]
    for wire, size in zip(wires, (1000, 2000, 4000, 3500), strict=True):
        wire.send(b"GET / HTTP/1.1\r\nX: " + b"a" * size)
    assert [wire.transport.aborted for wire in wires] == [False, False, True, False]
