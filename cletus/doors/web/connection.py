"""One TCP connection to the web door: requests for files, and then, perhaps, a WebSocket.

It joins Twisted's transport, the sans-io ``HttpConnection``, the table of files and a session.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.interfaces import IPushProducer, ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from zope.interface import implementer

from cletus.doors.address import printable
from cletus.doors.admission import counted_network
from cletus.doors.fast_send import can_fast_send, fast_send, held_by, unsent
from cletus.doors.web.http import (
    Closed,
    Event,
    HttpConnection,
    Message,
    Pong,
    Refused,
    Request,
)
from cletus.doors.web.site import FIELDS
from cletus.reactor.shares import Share, Slice
from cletus.service.interfaces import Left, Purpose

if TYPE_CHECKING:
    from collections.abc import Mapping

    from twisted.python.failure import Failure

    from cletus.doors.web.interfaces import Admission, ConnectionHost, Visit

HEAD_TIMEOUT: Final = 10.0
"""Seconds in which the head of a request has to come, also of the next one on the same connection."""

RESPONSE_TIMEOUT: Final = 30.0
"""Seconds in which an answer has to be taken."""

REQUESTS_MAX: Final = 100
"""Requests on one connection; the page makes a dozen."""

FRAMES_MAX: Final = 200
"""Frames in a second, pings and fragments among them; past that nothing is read for a second."""

PINGS_MAX: Final = 8
"""Pings that may wait for their answer; who answers none is sent no more. Our choice: three minutes of them."""

PIECE: Final = 512
"""Bytes that are parsed before the door may do something else. Our choice: 85 empty messages."""

TLS_HANDSHAKE: Final = 22
"""The first byte of TLS (RFC 8446, section 5.1), which no request begins with."""

_CLOSING_TIMEOUT: Final = 5.0


@implementer(IPushProducer)
class WebConnection(Protocol):
    """A connection of a browser, or of another client of WebSockets.

    One that begins with TLS has another one inside, for what is decrypted.

    Args:
        door: where it came in.
        outer: the one that it is inside of.

    Attributes:
        session: what it is attached to, once it is a WebSocket.
        address: where the peer is, for logs.
    """

    log = Logger()
    transport: Any  # Twisted's; ITransport names only half of what every transport can

    def __init__(self, door: ConnectionHost, outer: WebConnection | None = None) -> None:
        self.session: Visit | None = None
        self.address = "nowhere"
        self._door = door
        self._outer = outer
        self._tls: Any = None
        self._http = HttpConnection()
        self._timer: Any = None
        self._admission: Admission | None = None
        self._requests = 0
        self._frames = 0  # those that had come at the beginning of the second
        self._counted = 0
        self._since = 0.0
        self._share: Share | None = None
        self._unread: list[bytes] = []
        self._events: deque[Event] = deque()
        self._is_reading = True  # as the transport knows it
        self._is_wanted = True  # the session takes messages
        self._resting: Any = None
        self._close_code = 1006
        self._has_begun = False
        self._over = False
        self._sends_now = False
        self._has_left = False  # to another process, which may come to nothing

    # -- what Twisted says --------------------------------------------------------------------

    def connectionMade(self) -> None:
        """Twisted's: the connection is up, if there is room for it."""
        self.address = printable(self.transport.getPeer())
        self._door.connected(self)
        self._admission = self._door.admit(self) if self._outer is None else self._outer.hand_over()
        if self._admission is None:
            return
        if ITCPTransport.providedBy(self.transport):
            with suppress(OSError):  # the peer may be gone already; we hear of that by itself
                self.transport.setTcpKeepAlive(True)
                self.transport.setTcpNoDelay(True)
        self._sends_now = can_fast_send(self.transport)
        below: Share | None = getattr(self.transport, "share", None)  # of TLS
        self._share = self._door.share(self._admission.host, self._work, below)
        self.transport.registerProducer(self, True)
        self._wait(HEAD_TIMEOUT)

    def dataReceived(self, data: bytes) -> None:
        """Twisted's: bytes have come."""
        if self._tls is not None:
            self._tls.dataReceived(data)
            return
        if self._over:
            return
        if not self._has_begun:
            self._has_begun = True
            if data[0] == TLS_HANDSHAKE:
                if self._door.tls is not None:
                    self._begin_tls(data, self._door.tls)
                else:  # it waits for an answer to its hello, which plain HTTP would wait to see ended
                    self.abort()
                return
        if self._share is not None:
            self._unread.append(data)
            self._share.run()
            self._set_reading()

    def _begin_tls(self, data: bytes, factory: Any) -> None:
        """What is decrypted from here on comes to another connection, inside."""
        self._stop_waiting()  # the handshake has a time of its own
        self._sends_now = False
        self.transport.unregisterProducer()
        share, self._share = self._share, None
        if share is not None:
            share.leave()
        self._tls = factory.protocol(factory, WebConnection(self._door, self))
        self._tls.makeConnection(self.transport)
        self._tls.dataReceived(data)

    def hand_over(self) -> Admission | None:
        """For the connection inside: the handshake is done, and the person is its own."""
        admission, self._admission = self._admission, None
        return admission

    @property
    def is_encrypted(self) -> bool:
        """Whether it is inside of TLS."""
        return self._outer is not None

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Twisted's: the connection is gone."""
        if self._share is not None:
            self._share.leave()
            if not self._share.is_working:
                self._work(Slice(self._door.seconds))
        self._over = True
        self._forget_unread()
        for timer in (self._timer, self._resting):
            if timer is not None:
                timer.cancel()
        self._timer = self._resting = None
        session, self.session = self.session, None
        self._door.note_memory(self)
        if self._tls is not None:
            self._tls.connectionLost(reason)
        if self._admission is not None:
            self._door.release(self._admission)
        self._door.disconnected(self)
        if session is not None:
            session.socket_closed(self, self._close_code)

    def pauseProducing(self) -> None:
        """Twisted's: more than it wants to hold is waiting for the peer to read."""
        if self.session is not None:
            self.session.congested(True)
        self._door.note_memory(self)

    def resumeProducing(self) -> None:
        """Twisted's: what was waiting has gone out."""
        if self.session is not None:
            self.session.congested(False)
        self._door.note_memory(self)

    def stopProducing(self) -> None:
        """Twisted's: the connection is going; ``connectionLost`` tells the rest."""

    # -- to another process ---------------------------------------------------------------------

    def leave(self) -> Left | None:
        """A connection between two requests, or before its first, with what has come of the next."""
        head = self._http.leave()
        if head is None or self._over or self._events or not self._sends_now:
            return None
        received = head + b"".join(self._unread)
        family = int(self.transport.socket.family)
        state = {"family": family, "received": received, "unsent": unsent(self.transport)}
        self._has_left = True
        return Left(Purpose.NEW, self.transport.fileno(), state)

    def resume(self, state: Mapping[str, Any]) -> None:
        """Go on with what another process has left; nothing is answered before the reactor's next turn."""
        if self._share is None:  # there was no room for it
            return
        if state["unsent"]:
            self.transport.write(state["unsent"])
        if state["received"]:
            self._has_begun = True
            self._unread.append(state["received"])
            self._door.call_later(0, self._read_on)

    def stay(self) -> None:
        """After ``leave()``: the other process does not go on with it."""
        self._has_left = False

    def left(self) -> None:
        """The other process goes on with it, or with its session: what waits here is sent from there."""
        if self._has_left or (self.session is not None and self.session.can_leave):
            self.transport.stopReading()
            self.transport.stopWriting()

    # -- what the session says ------------------------------------------------------------------

    def send_frame(self, opcode: int, payload: bytes) -> None:
        """Send one message; everybody who is sent the same one gets the same bytes."""
        if self._over:
            return
        frame = self._door.framed(opcode, payload)
        if self._sends_now:
            fast_send(self.transport, frame)
        else:
            self.transport.write(frame)

    def ping(self) -> None:
        """Ask the browser for a sign of life, unless it does not read or answer at the moment."""
        session = self.session
        if session is None or session.is_congested or self._over:
            return
        if session.unanswered < PINGS_MAX:
            self._http.ping(b"")
            session.ping_sent()
            self._send_replies()

    def close(self, code: int, reason: str = "") -> None:
        """Close when everything has gone out, with this code for the page."""
        if self._over:
            return
        self._close_code = code
        self._http.close(code, reason)
        self._send_replies()
        self._wait(_CLOSING_TIMEOUT)

    def abort(self) -> None:
        """Close at once."""
        self._over = True
        self.transport.abortConnection()

    def pause_reading(self) -> None:
        """Take nothing from the socket for now."""
        self._is_wanted = False
        self._set_reading()

    def resume_reading(self) -> None:
        """Go on taking."""
        self._is_wanted = True
        self._read_on()

    # -- what has come --------------------------------------------------------------------------

    @property
    def _has_unread(self) -> bool:
        return bool(self._unread or self._events)

    @property
    def _takes(self) -> bool:
        return self._is_wanted and self._resting is None and not self._over

    def _work(self, current: Slice) -> bool:
        """Handle what has come, until the slice is over or the session has enough."""
        try:
            while self._takes and self._has_unread:
                if self._events:
                    self._handle(self._events.popleft())
                else:
                    data = b"".join(self._unread)
                    self._unread = [data[PIECE:]] if len(data) > PIECE else []
                    self._events.extend(self._http.receive(data[:PIECE]))
                    if self._http.is_websocket:
                        self._count_frames()
                if current.is_over:
                    break
            if not self._over:
                self._send_replies()
        except Exception:  # noqa: BLE001 - what a stranger sends never raises past the door
            self.log.failure("a connection of the web door met a mistake of ours")
            self.abort()
        if self._over:
            self._forget_unread()
        self._set_reading()
        self._door.note_memory(self)
        return self._takes and self._has_unread

    @property
    def held(self) -> int:
        """As ``Holder.held``; what a session keeps is held by the telnet connection inside it."""
        if self._over or (self.session is not None and not self.session.is_stranger):
            return 0
        messages = sum(len(event.data) for event in self._events if isinstance(event, Message))
        return sum(map(len, self._unread)) + messages + self._http.held + held_by(self.transport)

    def _read_on(self) -> None:
        if self._has_unread and self._share is not None:
            self._share.run()
        self._set_reading()

    def _set_reading(self) -> None:
        """Let the transport read if there is nothing left to do for this connection."""
        wanted = self._takes and not self._has_unread
        if wanted is not self._is_reading and not self._over:
            self._is_reading = wanted
            (self.transport.resumeProducing if wanted else self.transport.pauseProducing)()

    def _forget_unread(self) -> None:
        self._unread.clear()
        self._events.clear()

    def _handle(self, event: Event) -> None:
        match event:
            case Request():
                self._events.extend(self._answer(event))
            case Refused():
                self._refuse(event.status, event.reason)
            case Message():
                if self.session is not None:
                    self.session.message(self, text=event.text, data=event.data)
            case Pong():
                if self.session is not None:
                    self.session.pong(self)
            case Closed():
                self._peer_closed(event.code)

    # -- HTTP -----------------------------------------------------------------------------------

    def _answer(self, request: Request) -> list[Event]:
        self._requests += 1
        problem = self._door.problem_with(request, self)
        if problem is not None:
            self._refuse(*problem)
            return []
        if self._admission is None or not self._door.settle(self._admission, request, self):
            self._refuse(503, "Too many people are here. Please come back later.")
            return []
        if self._share is not None:
            self._share.move(counted_network(self._admission.host))
        if request.is_upgrade:
            return self._upgrade(request)
        status, fields, body = self._door.response(request)
        if self._requests >= REQUESTS_MAX:
            fields = [*fields, ("Connection", "close")]
        self.transport.write(self._http.respond(request, status, fields, body))
        if not self._http.keeps_alive:
            self._lose()
            return []
        self._wait(HEAD_TIMEOUT)
        return self._http.next_request()

    def _upgrade(self, request: Request) -> list[Event]:
        admission = self._admission
        assert admission is not None  # noqa: S101 - who has none was refused
        start = self._door.starts(request, self, admission)
        if isinstance(start, str):
            self._refuse(400, start)
            return []
        response = self._http.upgrade(request, start.subprotocol, self._door.message_max)
        if response is None:
            fields = [("Sec-WebSocket-Version", "13"), ("Upgrade", "websocket")]
            self._refuse(426, "This is not a WebSocket handshake (RFC 6455).", fields)
            return []
        self._stop_waiting()
        self.transport.write(response)
        self._since = self._door.seconds()
        if start.session.admission is admission:
            self._admission = None  # the session has it from now on, also without a socket
        else:
            self._door.release(admission)
        self.session = start.session
        start.begin(self)
        return self._http.receive_rest()

    def _refuse(
        self, status: int, reason: str, fields: list[tuple[str, str]] | None = None
    ) -> None:
        self.transport.write(self._http.refuse(status, reason, [*FIELDS, *(fields or ())]))
        self._lose()

    def _lose(self) -> None:
        self._over = True
        self.transport.unregisterProducer()  # TLS does not close while there is one
        self.transport.loseConnection()
        self._wait(RESPONSE_TIMEOUT)

    # -- WebSocket ----------------------------------------------------------------------------------

    def _peer_closed(self, code: int) -> None:
        if self._close_code == 1006:  # else we have closed it, with that code
            self._close_code = code
        self._send_replies()
        self._lose()

    def _send_replies(self) -> None:
        if self.session is not None and self.session.is_congested:
            return  # W9: who does not read gets no answers, so that none pile up
        data = self._http.replies()
        if data:
            self.transport.write(data)

    def _count_frames(self) -> None:
        now = self._door.seconds()
        if now - self._since >= 1.0:
            self._since, self._frames = now, self._counted
        self._counted = self._http.frames
        if self._counted - self._frames > FRAMES_MAX and self._resting is None:
            self._resting = self._door.call_later(1.0, self._rested)

    def _rested(self) -> None:
        self._resting = None
        self._read_on()

    def _wait(self, seconds: float) -> None:
        self._stop_waiting()
        self._timer = self._door.call_later(seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        self._over = True
        self.transport.abortConnection()
