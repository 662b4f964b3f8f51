"""A browser in memory: HTTP requests and WebSockets to a web door, without sockets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.uri import parse_uri

from cletus.doors.web.connection import WebConnection
from cletus.doors.web.door import WebDoor

HOST = IPv4Address("TCP", "127.0.0.1", 9080)


class Transport(StringTransport):
    """Remembers whether it was aborted, and calls back as Twisted does."""

    aborted = False

    def __init__(self, peer: str, host: IPv4Address) -> None:
        super().__init__(hostAddress=host, peerAddress=IPv4Address("TCP", peer, 50000))

    def abortConnection(self) -> None:
        self.aborted = self.disconnecting = True

    def stopReading(self) -> None:
        """It reads nothing by itself."""

    def stopWriting(self) -> None:
        """It has sent all that it was given."""

    def setTcpKeepAlive(self, enabled: bool) -> None: ...

    def setTcpNoDelay(self, enabled: bool) -> None: ...


class Wire:
    """One TCP connection to the door."""

    def __init__(self, door: WebDoor, peer: str = "127.0.0.1", host: IPv4Address = HOST) -> None:
        self.transport = Transport(peer, host)
        self.connection = WebConnection(door)
        self.connection.makeConnection(self.transport)

    def send(self, data: bytes) -> None:
        self.connection.dataReceived(data)

    def taken(self) -> bytes:
        data = self.transport.value()
        self.transport.clear()
        return data

    def lose(self) -> None:
        self.connection.connectionLost(Failure(ConnectionDone()))

    def get(
        self, path: str = "/", method: str = "GET", host: str = "127.0.0.1:9080", **fields: str
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, header fields (names in lower case) and body of the answer."""
        head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n"
        head += "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
        self.send(head.encode() + b"\r\n")
        start, _, body = self.taken().partition(b"\r\n\r\n")
        first, *lines = start.decode().split("\r\n")
        split = (line.split(": ", 1) for line in lines)
        return int(first.split()[1]), {name.lower(): value for name, value in split}, body


class Tab(Wire):
    """A page with its WebSocket."""

    def __init__(
        self,
        door: WebDoor,
        *subprotocols: str,
        origin: str | None = "http://127.0.0.1:9080",
        peer: str = "127.0.0.1",
        url: str = "ws://127.0.0.1:9080/ws",
        forwarded: str = "",
        proto: str = "",
        fields: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(door, peer)
        self.client = ClientProtocol(
            parse_uri(url), origin=origin, subprotocols=list(subprotocols) or None
        )  # type: ignore[arg-type]
        request = self.client.connect()
        if forwarded:
            request.headers["X-Forwarded-For"] = forwarded
        if proto:
            request.headers["X-Forwarded-Proto"] = proto
        request.headers.update(fields or {})
        self.client.send_request(request)
        self.frames: list[Frame] = []
        self.response: Response | None = None
        self.pump()

    def pump(self) -> None:
        """Both sides say what they have to say."""
        for _ in range(5):
            out = b"".join(self.client.data_to_send())
            if out and not self.transport.disconnecting:
                self.send(out)
            data = self.taken()
            if data:
                self.client.receive_data(data)
            for event in self.client.events_received():
                if isinstance(event, Response):
                    self.response = event
                else:
                    assert isinstance(event, Frame)
                    self.frames.append(event)
            if not out and not data:
                return

    def types(self, text: str) -> None:
        self.client.send_binary(text.encode() + b"\r\n")
        self.pump()

    def says(self, data: bytes, *, text: bool = False) -> None:
        (self.client.send_text if text else self.client.send_binary)(data)
        self.pump()

    def close(self, code: int) -> None:
        self.client.send_close(code)
        self.pump()
        self.lose()

    @property
    def words(self) -> list[dict[str, Any]]:
        """What the session has said, and nobody has read yet."""
        texts = [frame for frame in self.frames if frame.opcode is Opcode.TEXT]
        self.frames = [frame for frame in self.frames if frame.opcode is not Opcode.TEXT]
        return [json.loads(bytes(frame.data)) for frame in texts]

    def binary(self) -> list[bytes]:
        """The frames of the stream that have come and nobody has read yet."""
        self.pump()
        found = [bytes(frame.data) for frame in self.frames if frame.opcode is Opcode.BINARY]
        self.frames = [frame for frame in self.frames if frame.opcode is not Opcode.BINARY]
        return found

    @property
    def close_code(self) -> int | None:
        closed = self.client.close_rcvd
        return None if closed is None else closed.code
