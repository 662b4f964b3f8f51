"""What a peer sends is handled in slices, and what comes out does not depend on where they end."""

from __future__ import annotations

import random
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from cletus.doors.telnet.protocol import TelnetProtocol
from cletus.protocol import connection as connection_module
from cletus.protocol.connection import PIECE
from cletus.reactor.clock import ServiceClock
from cletus.reactor.shares import SLICE, Shares
from tests.doors.telnet.fakes import FakeService
from tests.doors.telnet.test_protocol import Wire

READ = 65536
IAC, SB, SE = b"\xff", b"\xfa", b"\xf0"
#: One read of each kind that has held the reactor up, and the slices that it takes at least when the
#: meter advances by a quarter of a slice whenever it is asked.
HOSTILE = {
    "line feeds": b"\n" * READ,
    "NOP": b"\xff\xf1" * (READ // 2),
    "EC": b"\xff\xf7" * (READ // 2),
    "IP": b"\xff\xf4" * (READ // 2),
    "unknown subnegotiations": (IAC + SB + b"\x63" + IAC + SE) * (READ // 5),
    "one line": b"a" * READ,
    "doubled IACs": b"\xff\xff" * (READ // 2),
    "a bomb": b"\xff\xfa\x57\xff\xf0" + zlib.compress(b"  \n" * 340_000, 9),
}


class Peer:
    """A connection whose slices end when a test says so.

    Args:
        steps: how far the meter advances each time it is asked.
    """

    def __init__(self, step: Any = lambda: 0.0, **arguments: Any) -> None:
        self.service = FakeService(**arguments)
        self.clock: Clock = self.service.reactor
        self.used, self._step = 0.0, step
        clock = ServiceClock()
        clock.reactor = self.clock
        throttled = self.service.metrics.throttled
        self.service.shares = Shares(
            clock, lambda: self.service.settings.stranger_cpu, throttled, self._meter
        )
        self.wire = Wire()
        self.protocol = TelnetProtocol(self.service)  # type: ignore[arg-type]  # a double
        self.protocol.makeConnection(self.wire)
        self.client = self.service.clients[0]

    def _meter(self) -> float:
        self.used += self._step()
        return self.used

    @property
    def is_reading(self) -> bool:
        return self.wire.producerState == "producing"

    def receive(self, data: bytes) -> None:
        """As the reactor: what arrives is given only while the protocol reads."""
        self.protocol.dataReceived(data)
        for _ in range(1_000_000):
            if self.is_reading:
                return
            self.clock.advance(0.01)
        raise AssertionError("it does not read again")

    def outcome(self) -> tuple[Any, ...]:
        return self.client.calls, self.wire.value(), self.wire.disconnecting


@pytest.mark.parametrize("name", HOSTILE)
def test_one_read_is_handled_in_many_slices(name: str) -> None:
    peer = Peer(lambda: SLICE / 4, stranger_cpu=0, compression=True)
    peer.protocol.dataReceived(b"\xff\xfd\x57")
    slices = 0
    serve = peer.service.shares._serve

    def counted(share: Any) -> None:
        nonlocal slices
        slices += 1
        serve(share)

    peer.service.shares._serve = counted  # type: ignore[method-assign]
    peer.receive(HOSTILE[name])
    assert slices >= len(HOSTILE[name]) / PIECE / 16


def test_while_something_is_left_nothing_is_read() -> None:
    """So what waits of one connection is never more than one read."""
    peer = Peer(lambda: SLICE, stranger_cpu=0)
    peer.protocol.dataReceived(b"a\r\nb\r\n")
    assert (peer.client.lines, peer.is_reading) == (["a"], False)
    peer.clock.advance(0)
    assert (peer.client.lines, peer.is_reading) == (["a", "b"], True)


def test_what_exceeds_the_time_of_an_address_waits_and_then_goes_on() -> None:
    peer = Peer(lambda: SLICE / 4)
    peer.protocol.dataReceived(HOSTILE["NOP"] * 4)
    peer.clock.advance(0.1)
    assert not peer.is_reading
    peer.clock.pump([0.01] * 1000)
    assert peer.is_reading
    assert peer.service.metrics.throttled.value > 0


def test_what_exceeds_the_queue_of_lines_stays_unparsed_until_there_is_room() -> None:
    peer = Peer()
    peer.client.on_line = lambda _: setattr(
        peer.client.input, "is_full", len(peer.client.lines) % 40 == 0
    )
    peer.protocol.dataReceived(b"  \n" * 1000)
    assert len(peer.client.lines) == 40
    assert not peer.is_reading
    while not peer.is_reading:
        peer.client.input.is_full = False
        peer.protocol.resume_reading()
    assert len(peer.client.lines) == 1000


def test_a_peer_that_has_ended_its_input_is_ended_after_its_last_line() -> None:
    peer = Peer(lambda: SLICE, stranger_cpu=0)
    peer.protocol.dataReceived(b"a\r\nb\r\nc\r\n")
    peer.protocol.readConnectionLost()
    peer.clock.advance(0)
    names = [name for name, _ in peer.client.calls]
    assert names == ["line_received"] * 3 + ["input_ended"]


def test_what_came_before_the_connection_was_lost_is_still_handled() -> None:
    peer = Peer(lambda: SLICE, stranger_cpu=0)
    peer.protocol.dataReceived(b"a\r\nb\r\nc\r\n")
    peer.protocol.connectionLost(Failure(ConnectionDone()))
    assert peer.client.lines == ["a", "b", "c"]
    assert peer.client.calls[-1][0] == "disconnected"
    assert peer.service.held_memory.total == 0


def test_nothing_is_handled_after_our_own_end() -> None:
    peer = Peer(lambda: SLICE, stranger_cpu=0)
    peer.protocol.dataReceived(b"a\r\nb\r\nc\r\n")
    peer.protocol.close()
    peer.clock.advance(1)
    assert peer.client.lines == ["a"]


def test_the_stranger_who_holds_most_is_closed_when_all_hold_too_much() -> None:
    peer = Peer(stranger_memory=50_000)
    peer.client.input.is_full = True
    peer.protocol.dataReceived(b"a\n" * 20_000)
    assert not peer.wire.aborting
    other = TelnetProtocol(peer.service)  # type: ignore[arg-type]  # a double
    other.makeConnection(Wire())
    peer.service.clients[1].input.is_full = True
    other.dataReceived(b"a\n" * 10_000)
    assert peer.wire.aborting
    assert not other.transport.aborting
    assert peer.service.metrics.strangers_closed.value == 1


def test_what_a_stranger_does_not_read_counts() -> None:
    """In the transport, and at the client."""
    peer = Peer(stranger_memory=50_000)
    peer.wire.held = 30_000
    peer.protocol.dataReceived(b"a\n")
    assert peer.service.held_memory.total == 30_000
    peer.client.held = 15_000
    peer.protocol.pauseProducing()
    assert peer.service.held_memory.total == 45_000
    peer.wire.held = peer.client.held = 0
    peer.protocol.resumeProducing()
    assert (peer.service.held_memory.total, peer.wire.aborting) == (0, False)
    peer.client.held = 60_000
    peer.protocol.pauseProducing()
    assert peer.wire.aborting


def test_who_has_logged_in_is_not_a_stranger() -> None:
    peer = Peer(stranger_memory=50_000)
    peer.client.user = object()
    peer.client.input.is_full = True
    peer.protocol.dataReceived(b"a\n" * 30_000)
    assert not peer.wire.aborting


def test_what_a_connection_holds_is_at_most_what_it_has_sent() -> None:
    """Of what is not parsed nothing is made; zlib's window has a constant size."""
    for name, data in HOSTILE.items():
        peer = Peer(lambda: SLICE, stranger_cpu=0, compression=True)
        peer.client.input.is_full = True
        peer.protocol.dataReceived(b"\xff\xfd\x57")
        peer.protocol.dataReceived(data)
        held = peer.service.held_memory.total
        assert held <= len(data) + connection_module.INFLATER_MEMORY, name


SNIPPETS = (
    b"hello\r\n",
    b"\r\n",
    b"w\xc3\xb6rld\n",
    b"a" * 30,
    b"\x7f",
    b"\xff\xf1",
    b"\xff\xf7",
    b"\xff\xf4",
    b"\xff\xf6",
    b"\xff\xff",
    b"\xff",
    b"\xff\xfb\x18",
    b"\xff\xfd\x03",
    b"\xff\xfa\x63x\xff\xf0",
    b"\xff\xfa\x1f\x00\x50\x00\x18\xff\xf0",
    b"\xff\xfd\xc9",
    b'\xff\xfa\xc9Core.Hello {"client": "x"}\xff\xf0',
    b"\xff\xfd\x57",
    b"\xff\xfa\x57\xff\xf0" + zlib.compress(b"zipped\r\n" * 5),
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from(SNIPPETS) | st.binary(max_size=12), max_size=25).map(b"".join),
    st.randoms(use_true_random=False),
)
def test_what_comes_out_does_not_depend_on_cuts_slices_and_pauses(
    data: bytes, chance: random.Random
) -> None:
    """Neither on where the network cuts, nor on where a slice ends, nor on when lines have to wait."""
    whole = Peer(compression=True)
    whole.receive(data)
    former, connection_module.PIECE = connection_module.PIECE, chance.randrange(1, 20)
    try:
        sliced = Peer(
            lambda: chance.random() * SLICE, compression=True, stranger_cpu=chance.choice((0, 0.25))
        )
        sliced.client.on_line = lambda _: setattr(
            sliced.client.input, "is_full", chance.random() < 0.3
        )
        while data:
            size = chance.randrange(1, 40)
            sliced.protocol.dataReceived(data[:size])
            data = data[size:]
            for _ in range(10_000):
                if sliced.is_reading or sliced.wire.disconnecting or sliced.wire.aborting:
                    break
                sliced.client.input.is_full = False
                sliced.protocol.resume_reading()
                sliced.clock.advance(0.0001)
    finally:
        connection_module.PIECE = former
    assert sliced.client.lines == whole.client.lines
    assert sliced.client.calls == whole.client.calls
