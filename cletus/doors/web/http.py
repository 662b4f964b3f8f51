"""HTTP requests and WebSocket messages of one connection: bytes in, events out, no I/O.

h11 parses the heads, websockets' sans-io layer the frames. What is added here are the bounds, and the
refusal of what only an attacker sends: h11 and the WebSocket layer both read a request, so whatever
two readers could take for two different requests is refused (RFC 9112, sections 5 and 11).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, TypeAlias

import h11
from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake
from websockets.frames import Frame, Opcode
from websockets.http11 import Request as HandshakeRequest
from websockets.protocol import SERVER, State
from websockets.protocol import Protocol as WebSocket
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

HEAD_MAX: Final = 8192
"""Bytes of a request's head. Our choice; browsers stay below 2 KiB when there are no cookies."""

FIELDS_MAX: Final = 64
"""Header fields of a request. Our choice; browsers send about 20."""

FRAGMENTS_MAX: Final = 128
"""Frames that one message may come in. Our choice; browsers send one."""

_END_OF_HEAD = b"\r\n\r\n"
_SMUGGLING = re.compile(rb"\n[ \t]|\0|(?<!\r)\n")
_ONCE = re.compile(
    rb"\r\n(connection|content-length|host|origin|sec-websocket-key|sec-websocket-version|"
    rb"transfer-encoding|upgrade)(?=:)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Request:
    """The head of a request.

    Attributes:
        method: ``GET`` or ``HEAD``.
        path: without the query: ``/style.css``.
        fields: the header fields, names in lower case.
    """

    method: str
    path: str
    fields: tuple[tuple[str, str], ...] = field(repr=False)

    def get(self, name: str) -> str | None:
        """The value of the first field of this name (in lower case), or ``None``."""
        return next((value for key, value in self.fields if key == name), None)

    @property
    def is_upgrade(self) -> bool:
        """Whether a WebSocket is asked for."""
        return (self.get("upgrade") or "").lower() == "websocket"


@dataclass(frozen=True, slots=True)
class Message:
    """A WebSocket message, whole.

    Attributes:
        text: whether it came as text (and is valid UTF-8) rather than as bytes.
        data: its payload.
    """

    text: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to a ping.

    Attributes:
        data: what the ping had sent.
    """

    data: bytes


@dataclass(frozen=True, slots=True)
class Closed:
    """The peer has closed the WebSocket, or broken its rules.

    Attributes:
        code: of RFC 6455, section 7.4; 1005 if the peer gave none.
    """

    code: int


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that is not answered but with an error; the connection is to be closed.

    Attributes:
        status: of HTTP.
        reason: what is wrong with it, for people.
    """

    status: int
    reason: str


Event: TypeAlias = Request | Message | Pong | Closed | Refused


class HttpConnection:
    """The server's side of one connection: HTTP at first, a WebSocket after an upgrade.

    After each ``receive()``, what is to be sent is in ``replies()``. A ``Request`` is answered by
    ``respond()`` or ``upgrade()`` before the next one is looked at.

    Attributes:
        frames: WebSocket frames that have come, of every type.
    """

    def __init__(self) -> None:
        self.frames = 0
        self._head = bytearray()
        # None once it is a WebSocket, which would keep 1.5 KiB for nothing.
        self._http: Any = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_MAX)
        self._websocket: WebSocket | None = None
        self._fragments: list[bytes] = []
        self._frame_size = 0  # bytes that have come of a frame that is not complete; or a few more
        self._is_text = False
        self._answering = False
        self._ended = False

    @property
    def held(self) -> int:
        """Bytes that are kept of a request or a message that is not complete."""
        return len(self._head) + sum(map(len, self._fragments)) + self._frame_size

    @property
    def is_websocket(self) -> bool:
        """Whether the connection was upgraded."""
        return self._websocket is not None

    def receive(self, data: bytes) -> list[Event]:
        """Take what has come.

        Returns:
            What it amounts to, in order.
        """
        if self._ended:
            return []
        if self._websocket is not None:
            return self._receive_frames(self._websocket, data)
        self._head += data
        return self._next_request()

    def leave(self) -> bytes | None:
        """What has come of the next request, for another process; ``None`` if that cannot go on."""
        if self._http is None or self._ended or self._answering:
            return None
        return bytes(self._head)

    # -- HTTP -------------------------------------------------------------------------------

    def respond(
        self, request: Request, status: int, fields: list[tuple[str, str]], body: bytes
    ) -> bytes:
        """The whole answer to a request.

        Args:
            request: the one that is being answered; to ``HEAD`` goes no body.
            status: of HTTP.
            fields: header fields beside Content-Length.
            body: in full.
        """
        headers = [*fields, ("Content-Length", str(len(body)))]
        response = h11.Response(
            status_code=status, headers=headers, reason=HTTPStatus(status).phrase
        )
        sent = self._http.send(response) or b""
        if request.method != "HEAD" and body:
            sent += self._http.send(h11.Data(data=body)) or b""
        sent += self._http.send(h11.EndOfMessage()) or b""
        self._answering = False
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        return sent

    def next_request(self) -> list[Event]:
        """After an answer: the next request, if it has come already."""
        return [] if self._ended or self._websocket is not None else self._next_request()

    @property
    def keeps_alive(self) -> bool:
        """Whether another request may come after the answer."""
        return self._http is not None and self._http.our_state is h11.IDLE

    def refuse(
        self, status: int, reason: str, fields: list[tuple[str, str]] | None = None
    ) -> bytes:
        """An answer after which the connection is closed, whatever state it is in."""
        self._ended = True
        body = f"{reason}\n".encode()
        head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
        all_fields = [
            *(fields or ()),
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Connection", "close"),
        ]
        return (head + "".join(f"{k}: {v}\r\n" for k, v in all_fields) + "\r\n").encode() + body

    def _next_request(self) -> list[Event]:
        if self._answering:
            return []
        end = self._head.find(_END_OF_HEAD)
        size = end + len(_END_OF_HEAD) if end >= 0 else len(self._head)
        if size > HEAD_MAX:
            return [Refused(431, f"The head of a request has at most {HEAD_MAX} bytes.")]
        if end < 0:
            return []
        head = bytes(self._head[:size])
        del self._head[:size]
        return [self._request_of(head)]

    def _request_of(self, head: bytes) -> Request | Refused:
        if _SMUGGLING.search(head):
            return Refused(400, "A folded line, a bare line feed or a NUL in the head.")
        try:
            self._http.receive_data(head)
            event = self._http.next_event()
        except h11.RemoteProtocolError as error:
            return Refused(error.error_status_hint, "This is not a request that we understand.")
        if not isinstance(event, h11.Request):
            return Refused(400, "This is not a request.")
        fields = tuple(
            (name.decode("ascii"), value.decode("latin-1")) for name, value in event.headers
        )
        names = [name for name, _ in fields]
        if len(_ONCE.findall(head)) != len(set(map(bytes.lower, _ONCE.findall(head)))):
            return Refused(400, "A header field is there twice that may be there once.")
        if len(names) > FIELDS_MAX:
            return Refused(431, f"A request has at most {FIELDS_MAX} header fields.")
        if "transfer-encoding" in names or dict(fields).get("content-length", "0") != "0":
            return Refused(413, "A request has no body here.")
        if event.method not in (b"GET", b"HEAD"):
            return Refused(405, "Only GET and HEAD are answered here.")
        # The end of a request without a body; h11 gives it at once.
        self._http.next_event()
        self._answering = True
        path = event.target.decode("ascii", "replace").partition("?")[0]
        return Request(event.method.decode("ascii"), path, fields)

    # -- WebSocket --------------------------------------------------------------------------

    def upgrade(self, request: Request, subprotocol: str | None, message_max: int) -> bytes | None:
        """The answer that turns the connection into a WebSocket; ``None`` if the handshake is wrong.

        Args:
            request: the one that asks for it.
            subprotocol: the one that was chosen, or ``None``.
            message_max: bytes of a message; a longer one is refused by its header.
        """
        chosen = Subprotocol(subprotocol) if subprotocol is not None else None
        handshake = ServerProtocol(select_subprotocol=lambda _self, _offered: chosen)
        try:
            headers = Headers(request.fields)  # it refuses characters that h11 takes
            if subprotocol is None:
                headers.pop("sec-websocket-protocol", None)
            response = handshake.accept(HandshakeRequest(request.path, headers))
        except InvalidHandshake:
            return None
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            return None
        self._websocket = WebSocket(SERVER, state=State.OPEN, max_size=message_max)
        self._http = None
        return response.serialize()

    def receive_rest(self) -> list[Event]:
        """After an upgrade: what had come behind the request."""
        rest, self._head = bytes(self._head), bytearray()
        return self.receive(rest) if rest else []

    def ping(self, data: bytes) -> None:
        """Ask for a sign of life, which is a ``Pong`` with this data."""
        if self._websocket is not None and self._websocket.state is State.OPEN:
            self._websocket.send_ping(data)

    def close(self, code: int, reason: str = "") -> None:
        """Close the WebSocket from our side; closing twice is harmless."""
        if self._websocket is not None and self._websocket.state is State.OPEN:
            self._websocket.send_close(code, reason)

    def replies(self) -> bytes:
        """What the WebSocket layer wants to have sent: pongs, closes, pings."""
        return b"" if self._websocket is None else b"".join(self._websocket.data_to_send())

    def _receive_frames(self, websocket: WebSocket, data: bytes) -> list[Event]:
        if websocket.state is State.CLOSED or websocket.eof_sent:
            return []
        websocket.receive_data(data)
        events: list[Event] = []
        self._frame_size += len(data)
        for frame in websocket.events_received():
            self._frame_size = len(data)
            assert isinstance(frame, Frame)  # noqa: S101 - it is past its handshake
            self.frames += 1
            if frame.opcode is Opcode.PONG:
                events.append(Pong(bytes(frame.data)))
            elif frame.opcode is Opcode.CLOSE:
                events.append(Closed(websocket.close_rcvd.code if websocket.close_rcvd else 1005))
                return events
            elif frame.opcode is not Opcode.PING and (code := self._fragment(frame, events)):
                websocket.fail(code)
                break
        if websocket.state is not State.OPEN and not any(isinstance(e, Closed) for e in events):
            sent = websocket.close_sent
            events.append(Closed(sent.code if sent else 1006))
        return events

    def _fragment(self, frame: Frame, events: list[Event]) -> int:
        """Add a data frame to the message at hand. Returns the code to close with, or 0."""
        if frame.opcode is not Opcode.CONT:
            self._is_text = frame.opcode is Opcode.TEXT
        self._fragments.append(bytes(frame.data))
        if not frame.fin:
            return 0 if len(self._fragments) < FRAGMENTS_MAX else 1009
        payload = b"".join(self._fragments)
        self._fragments.clear()
        if self._is_text and not _is_utf_8(payload):
            return 1007
        events.append(Message(self._is_text, payload))
        return 0


def _is_utf_8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
