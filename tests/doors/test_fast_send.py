"""Sending at once keeps the order, whatever the socket takes."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cletus.doors.fast_send import can_fast_send, fast_send, held_by


class Socket:
    """Takes as many bytes at a time as the test says."""

    def __init__(self, takes: list[int]) -> None:
        self.takes = takes
        self.sent = b""

    def send(self, data: bytes) -> int:
        most = self.takes.pop(0) if self.takes else 0
        if most == 0:
            raise BlockingIOError
        self.sent += data[:most]
        return min(most, len(data))


class Transport:
    """The parts of Twisted's transport that are used: two buffers, a socket, and write()."""

    connected = 1

    def __init__(self, takes: list[int]) -> None:
        self.socket = Socket(takes)
        self.dataBuffer = b""
        self.offset = self._tempDataLen = 0
        self._tempDataBuffer: list[bytes] = []

    def write(self, data: bytes) -> None:
        self._tempDataBuffer.append(data)
        self._tempDataLen += len(data)

    def doWrite(self) -> None:
        self.socket.sent += self.dataBuffer + b"".join(self._tempDataBuffer)
        self._tempDataBuffer.clear()


@given(st.lists(st.binary(min_size=1, max_size=50)), st.lists(st.integers(0, 60)), st.data())
def test_the_bytes_arrive_in_their_order(pieces: list[bytes], takes: list[int], data: Any) -> None:
    transport = Transport(takes)
    for piece in pieces:
        fast_send(transport, piece)
        if data.draw(st.booleans()):
            transport.doWrite()
    transport.doWrite()
    assert transport.socket.sent == b"".join(pieces)


def test_a_broken_connection_is_left_for_the_reactor_to_find() -> None:
    transport = Transport([])
    transport.socket.send = lambda data: _reset()  # type: ignore[method-assign,assignment,return-value]  # to fail
    fast_send(transport, b"hello")
    assert transport._tempDataBuffer == [b"hello"]


def _reset() -> None:
    raise ConnectionResetError


def test_a_connection_that_is_gone_takes_nothing() -> None:
    transport = Transport([100])
    transport.connected = 0
    fast_send(transport, b"hello")
    assert transport.socket.sent == b""


def test_only_twisteds_own_sockets_are_sent_to_at_once() -> None:
    assert not can_fast_send(Transport([]))


def test_what_a_transport_holds_is_what_the_socket_did_not_take() -> None:
    transport = Transport([4])
    fast_send(transport, b"0123456789")
    assert held_by(transport) == 6
    transport.dataBuffer, transport.offset = b"abcdefgh", 3
    assert held_by(transport) == 11
    assert held_by(object()) == 0
