"""A client that does not read delays nobody else; measured in reactor turns, not in milliseconds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from cletus import Service
from cletus.doors.telnet.protocol import TelnetProtocol


class Pipe(StringTransport):
    """Takes so many bytes, and then pauses its producer, as Twisted's transports do."""

    def __init__(self, room: int | None = None) -> None:
        super().__init__(peerAddress=IPv4Address("TCP", "127.0.0.1", 1))
        self._room = room
        self.writes = 0
        self.aborted = False

    def write(self, data: bytes) -> None:
        self.writes += 1
        super().write(data)
        if self._room is not None and len(self.value()) > self._room:
            producer: Any = self.producer
            producer.pauseProducing()

    def abortConnection(self) -> None:
        self.aborted = True


def come(service: Service, room: int | None = None) -> Pipe:
    pipe = Pipe(room)
    protocol = TelnetProtocol(service)
    protocol.makeConnection(pipe)
    pipe.clear()
    pipe.writes = 0
    return pipe


@pytest.mark.parametrize("slow", [0, 1, 20])
def test_everybody_else_has_each_line_in_the_turn_in_which_it_was_sent(
    start: Callable[..., Service], clock: Clock, slow: int
) -> None:
    """Statement 22: the same writes in the same turns, with slow readers or without."""
    service = start(output_max=1_000)
    congested = [come(service, room=500) for _ in range(slow // 2)]
    readers = [come(service) for _ in range(30)]
    congested += [come(service, room=500) for _ in range(slow - len(congested))]
    said = b""
    for number in range(300):
        service.write_all(f"line {number}")
        said += b"line %d\r\n" % number
        clock.advance(0)
        for reader in readers:
            assert reader.value() == said
            assert reader.writes == number + 1
    for pipe in congested:
        assert pipe.aborted, "300 lines are more than output_max"
        assert len(pipe.value()) < 600, "and they were sent no more than the pipe took"


def test_a_slow_reader_who_catches_up_has_missed_nothing(service: Service, clock: Clock) -> None:
    """What waited comes in one write and in order, and others are not sent anything twice."""
    slow, quick = come(service, room=100), come(service)
    for number in range(50):
        service.write_all(f"line {number}")
        clock.advance(0)
    assert slow.writes < 20
    assert quick.writes == 50
    producer: Any = slow.producer
    slow._room = None
    before = slow.writes
    producer.resumeProducing()
    clock.advance(0)
    assert slow.writes == before + 1
    assert slow.value() == quick.value()
