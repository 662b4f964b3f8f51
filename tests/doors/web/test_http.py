"""HTTP and WebSocket without I/O: heads, frames, and everything that is refused."""

from __future__ import annotations

import pytest
from websockets.client import ClientProtocol
from websockets.frames import Opcode
from websockets.uri import parse_uri

from cletus.doors.web.http import (
    FIELDS_MAX,
    FRAGMENTS_MAX,
    HEAD_MAX,
    Closed,
    Event,
    HttpConnection,
    Message,
    Pong,
    Refused,
    Request,
)

GET = b"GET /a?b=c HTTP/1.1\r\nHost: talk\r\n\r\n"


def upgraded(message_max: int = 1000) -> HttpConnection:
    """A connection that has become a WebSocket."""
    client = ClientProtocol(parse_uri("ws://talk/ws"))
    client.send_request(client.connect())
    connection = HttpConnection()
    (request,) = connection.receive(b"".join(client.data_to_send()))
    assert isinstance(request, Request)
    assert request.is_upgrade
    response = connection.upgrade(request, None, message_max)
    assert response is not None
    client.receive_data(response)
    assert client.handshake_exc is None
    return connection


def frame(opcode: Opcode, data: bytes, *, fin: bool = True) -> bytes:
    """A short frame as a browser sends it; its mask is zero, so that it is the same in each process."""
    return bytes([fin << 7 | opcode, 0x80 | len(data)]) + bytes(4) + data


def ways(data: bytes) -> list[list[bytes]]:
    """The same bytes whole, byte by byte, and cut in two anywhere."""
    halves = [[data[:cut], data[cut:]] for cut in range(1, len(data))]
    return [[data], [data[i : i + 1] for i in range(len(data))], *halves]


def received(connection: HttpConnection, chunks: list[bytes]) -> list[Event]:
    return [event for chunk in chunks for event in connection.receive(chunk)]


def test_w06_a_request_is_the_same_however_it_is_cut() -> None:
    """The path comes without its query, names of fields in lower case."""
    for chunks in ways(GET):
        events = received(HttpConnection(), chunks)
        assert events == [Request("GET", "/a", (("host", "talk"),))], chunks


def test_two_requests_in_one_chunk_are_answered_one_after_another() -> None:
    connection = HttpConnection()
    (first,) = connection.receive(GET + GET)
    assert isinstance(first, Request)
    answer = connection.respond(first, 200, [], b"hello")
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"\r\n\r\nhello")
    assert connection.keeps_alive
    assert connection.next_request() == [first]


def test_head_is_answered_without_a_body() -> None:
    connection = HttpConnection()
    (request,) = connection.receive(b"HEAD / HTTP/1.1\r\nHost: talk\r\n\r\n")
    assert isinstance(request, Request)
    assert connection.respond(request, 200, [], b"hello").endswith(b"Content-Length: 5\r\n\r\n")


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nOrigin: b\r\nOrigin: c\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: b\r\nUpgrade: c\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", 413),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 413),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: b\nY: c\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 405),
        (b"\x16\x03\x01 anything \r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * FIELDS_MAX + b"\r\n", 431),
        (b"GET /" + b"a" * HEAD_MAX, 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * HEAD_MAX + b"\r\n\r\n", 431),
    ],
)
def test_w12_what_two_readers_could_read_differently_is_refused(head: bytes, status: int) -> None:
    """Each is answered with an error, and nothing that follows is looked at."""
    (event,) = HttpConnection().receive(head)
    assert isinstance(event, Refused)
    assert event.status == status


def test_after_a_refusal_nothing_more_is_read() -> None:
    connection = HttpConnection()
    assert b"Connection: close" in connection.refuse(400, "no")
    assert connection.receive(GET) == []


def test_w06_messages_are_the_same_however_they_are_cut() -> None:
    """What comes after a close means nothing."""
    data = (
        frame(Opcode.TEXT, "grüß".encode())
        + frame(Opcode.BINARY, b"a", fin=False)
        + frame(Opcode.PING, b"")
        + frame(Opcode.CONT, b"b")
        + frame(Opcode.PONG, b"x")
        + frame(Opcode.CLOSE, b"\x03\xe9")
    )
    expected: list[Event] = [
        Message(True, "grüß".encode()),
        Message(False, b"ab"),
        Pong(b"x"),
        Closed(1001),
    ]
    for chunks in ways(data):
        connection = upgraded()
        assert received(connection, chunks) == expected, chunks
        assert connection.receive(b"anything") == []


def test_w05_a_message_that_is_too_long_is_refused_by_its_header() -> None:
    """No byte of it is kept."""
    connection = upgraded(message_max=100)
    data = frame(Opcode.BINARY, b"a" * 101)
    assert connection.receive(data[:8]) == [Closed(1009)]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\xc1\x80\0\0\0\0", 1002),  # a reserved bit
        (b"\x81\x01a", 1002),  # not masked
        (b"\xa1\x80\0\0\0\0", 1002),  # another
        (b"\x91\x80\0\0\0\0", 1002),  # the third
        (b"\x83\x80\0\0\0\0", 1002),  # an unknown opcode
        (b"\x8b\x80\0\0\0\0", 1002),  # an unknown one of control
        (b"\x89\xfe\0\x7e" + bytes(4 + 126), 1002),  # a ping that is too long
        (b"\x09\x80\0\0\0\0", 1002),  # half a ping
        (b"\x88\x81\0\0\0\0x", 1002),  # half a close code
        (frame(Opcode.CLOSE, b"\x03\xec"), 1002),  # a code that nobody may send
        (frame(Opcode.TEXT, b"\xff"), 1007),
        (frame(Opcode.CONT, b"a"), 1002),
    ],
)
def test_w08_a_broken_rule_ends_the_connection_with_its_code(data: bytes, code: int) -> None:
    assert upgraded().receive(data) == [Closed(code)]


def test_fragments_without_end_are_bounded() -> None:
    connection = upgraded()
    pieces = (
        frame(Opcode.BINARY, b"", fin=False) + frame(Opcode.CONT, b"", fin=False) * FRAGMENTS_MAX
    )
    assert connection.receive(pieces) == [Closed(1009)]


def test_what_comes_right_behind_the_handshake_is_not_lost() -> None:
    client = ClientProtocol(parse_uri("ws://talk/ws"))
    client.send_request(client.connect())
    connection = HttpConnection()
    (request,) = connection.receive(b"".join(client.data_to_send()) + frame(Opcode.BINARY, b"hi"))
    assert isinstance(request, Request)
    connection.upgrade(request, None, 1000)
    assert connection.receive_rest() == [Message(False, b"hi")]


@pytest.mark.parametrize("field", ["Sec-WebSocket-Key: eHh4", "Sec-WebSocket-Version: 8"])
def test_a_wrong_handshake_is_no_upgrade(field: str) -> None:
    head = (
        f"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{field}\r\n\r\n"
    )
    connection = HttpConnection()
    (request,) = connection.receive(head.encode())
    assert isinstance(request, Request)
    assert connection.upgrade(request, None, 1000) is None
