"""One person's stay in the page: a telnet connection that outlives the sockets it is reached by.

Inside is the same ``TelnetProtocol`` as at the telnet door; a session plays its transport. What is sent
goes out in numbered frames, which are kept until the browser has shown that it has them. When a socket
breaks, the next one that knows the session's secret says how many it has, gets the others, and is told
how many of its own have arrived. So nothing is lost or doubled in either direction; what could not
be kept within ``resume_max`` is counted, and the page says so.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import ITransport
from twisted.python.failure import Failure
from zope.interface import implementer

from cletus.client.ticket import Resumed, ticket_of
from cletus.protocol.subprotocols import BINARY, TEXT, Codec, TelnetCodec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IAddress

    from cletus.doors.web.interfaces import Admission, SessionHost, Socket

GOING_GRACE: Final = 15.0
"""Seconds that a page which said that it goes (1001) is waited for: F5 and a closed tab look the same."""

NORMAL, GOING, RESTART, TAKEN_OVER = 1000, 1001, 1012, 4001
"""Close codes: RFC 6455 section 7.4.1, the registry of IANA (1012), and our own (4001)."""

_OBJECT: Final = 41
"""Bytes that an object of bytes takes beside its content, and its place in a list."""

_FINAL = frozenset({NORMAL, 1002, 1003, 1007, 1008, 1009, RESTART})


@implementer(ITransport)
class Session:
    """The transport of a telnet connection; sockets come and go.

    Args:
        door: where it is.
        codec: turns telnet into messages and back.
        peer: where the person is.
        admission: what it takes of the budgets.
        resumable: whether another socket can go on with it.

    Attributes:
        protocol: the telnet connection inside.
        received: messages that have come from the peer.
        secret_hash: by which the door finds it.
        former: the ticket that it had at another gateway; empty if it was at none.
        moved: what the page is told about that.
    """

    disconnecting = False

    def __init__(
        self,
        door: SessionHost,
        codec: Codec,
        peer: IAddress,
        admission: Admission,
        *,
        resumable: bool = False,
    ) -> None:
        self.protocol: Any = None
        self.received = 0
        self.resumable = resumable
        self.secret_hash = self.former = b""
        self.moved: dict[str, Any] = {}
        self.admission = admission
        self._door = door
        self._codec = codec
        self._peer = peer
        self._socket: Socket | None = None
        # Payloads alone: a tuple around each costs more than it. An empty deque has 0.7 KiB.
        self._kept: list[bytes] = []
        self._kept_size = 0
        self._first = 0  # number of the oldest frame that is kept
        self._proved = 0  # frames that the browser had when it answered the latest ping
        self._pings: list[int] = []  # for each unanswered ping, frames that were sent before; few
        self._producer: Any = None
        self._paused = False
        self._reading = True
        self._closing = False
        self._ended = False
        self._grace: Any = None
        self._answer: Deferred[Any] | None = None

    # -- what the door and its sockets say ------------------------------------------------------

    def wait(self, socket: Socket, answer: Deferred[Any]) -> None:
        """Wait with the first socket for whether another gateway had this session; ``begin()`` follows."""
        self._socket, self._answer = socket, answer

    def is_waiting_at(self, socket: Socket) -> bool:
        """Whether it still waits, and with this socket."""
        return self.protocol is None and not self._ended and socket is self._socket

    def comes_from(self, secret: str, resumed: Resumed) -> None:
        """Another gateway had it, with this secret."""
        self.former = ticket_of(secret)
        self.moved = {"moved": {"lines": resumed.lines, "lost": int(resumed.lost)}}

    def begin(self, protocol: Any, socket: Socket, words: str = "") -> None:
        """The first socket is there: make the telnet connection.

        Args:
            protocol: of telnet.
            socket: upgraded already.
            words: sent before anything else, as text.
        """
        self.protocol = protocol
        self._socket = socket
        if words:
            socket.send_frame(TEXT, words.encode())
        protocol.makeConnection(self)
        if self._codec.opening:
            protocol.dataReceived(self._codec.opening)

    def message(self, socket: Socket, *, text: bool, data: bytes) -> None:
        """A message has come. One of a socket that was taken over means nothing."""
        if socket is not self._socket or self._ended or self._closing or self.protocol is None:
            return
        if self.resumable and text:
            return  # the session's words; a browser has none to say
        self.received += 1
        data = self._codec.incoming(text=text, data=data)
        if data:
            self._door.count_received(len(data))
            self.protocol.dataReceived(data)

    def can_resume(self, have: int) -> bool:
        """Whether a peer that has received so many frames can go on."""
        return not self._ended and not self._closing and have <= self._next

    def resume(self, socket: Socket, have: int) -> None:
        """Another socket takes over; ``can_resume()`` was true. It is sent what it lacks, first of all.

        Args:
            socket: upgraded already.
            have: frames that the peer has received.
        """
        self._stop_waiting()
        old, self._socket = self._socket, None
        if old is not None:
            old.close(TAKEN_OVER, "taken over by another window")
        self._proved = have
        lost = max(0, self._first - have)
        resumed = {"received": self.received, "lost": lost}
        words = json.dumps({"resumed": resumed, **self._door.page})
        socket.send_frame(TEXT, words.encode())
        for payload in self._kept[max(0, have - self._first) :]:
            socket.send_frame(BINARY, payload)
        self._pings.clear()
        self._socket = socket
        if lost:
            self.protocol.repeat_question()
        if not self._reading:
            socket.pause_reading()

    def ping_sent(self) -> None:
        """The door has sent a ping; its answer proves that all frames before it are in the browser."""
        self._pings.append(self._next)

    def pong(self, socket: Socket) -> None:
        """A ping was answered.

        The browser answers before the page has seen what came before the ping, and another window may go
        on from what the page had saved. So frames are kept until the answer after the one that proves them.
        """
        if socket is self._socket and self._pings:
            self._forget_before(self._proved)
            self._proved = self._pings.pop(0)

    @property
    def is_stranger(self) -> bool:
        """Whether nobody has logged in here yet."""
        client = None if self.protocol is None else self.protocol.client
        return client is None or client.user is None

    @property
    def held(self) -> int:
        """Bytes of memory that are kept to be sent again; what a socket holds is measured there."""
        return self._kept_size + _OBJECT * len(self._kept)

    @property
    def speaks_telnet(self) -> bool:
        """Whether the peer is sent the telnet stream itself."""
        return isinstance(self._codec, TelnetCodec)

    @property
    def unanswered(self) -> int:
        """Pings that wait for their answer."""
        return len(self._pings)

    def say(self, words: dict[str, Any]) -> None:
        """Send the page words of the session's own, outside the numbered frames."""
        if self._socket is not None and self.resumable:
            self._socket.send_frame(TEXT, json.dumps(words).encode())

    def socket_closed(self, socket: Socket, code: int) -> None:
        """A socket is gone.

        Args:
            socket: which; one that was taken over means nothing.
            code: with which the peer closed it; 1006 if it broke.
        """
        if socket is not self._socket or self._ended:
            return
        self._socket = None
        self._pings.clear()
        if self.protocol is None:  # it has not begun
            self._end(ConnectionLost())
            return
        if self._closing:
            self._end(ConnectionDone())
            return
        grace = GOING_GRACE if code == GOING else self._door.resume_grace
        if not self.resumable or code in _FINAL or not grace:
            self._end(ConnectionDone() if code in _FINAL or code == GOING else ConnectionLost())
            return
        self.congested(False)
        self._grace = self._door.call_later(grace, self._give_up)

    def congested(self, paused: bool) -> None:
        """The socket takes no more for now, or again."""
        if paused != self._paused:
            self._paused = paused
            if self._producer is not None:
                (self._producer.pauseProducing if paused else self._producer.resumeProducing)()

    @property
    def is_congested(self) -> bool:
        """Whether the peer does not read at the moment."""
        return self._paused

    # -- to another process: the sockets end here, and the browser comes to it by the secret ---------

    def snapshot(self) -> dict[str, Any]:
        """What another process needs to go on with it, as plain data; see ``can_leave``."""
        rest = None if self._grace is None else self._grace.getTime() - self._door.seconds()
        return {
            "host": self.admission.host,
            "peer": (getattr(self._peer, "host", ""), getattr(self._peer, "port", 0)),
            "secret_hash": self.secret_hash,
            "received": self.received,
            "first": self._first,
            "kept": list(self._kept),
            "grace": rest,
        }

    @property
    def can_leave(self) -> bool:
        """Whether a browser can come to another process and go on with it there."""
        return (
            self.resumable
            and self._door.resume_grace > 0
            and not (self._ended or self._closing or self.protocol is None)
        )

    def restore(self, state: Mapping[str, Any], protocol: Any) -> None:
        """In place of ``begin()``: go on with what another process has left, and wait for the browser.

        Args:
            state: what ``snapshot()`` has returned there.
            protocol: of telnet; it goes on as well.
        """
        self.secret_hash, self.received = state["secret_hash"], state["received"]
        self._first, self._kept = state["first"], list(state["kept"])
        self._kept_size = sum(map(len, self._kept))
        grace = self._door.resume_grace if state["grace"] is None else state["grace"]
        self._grace = self._door.call_later(max(0.0, grace), self._give_up)
        self.protocol = protocol
        protocol.makeConnection(self)

    # -- Twisted's transport, as far as telnet uses it -----------------------------------------------

    def write(self, data: bytes) -> None:
        """Twisted's: send this. Without a socket it is kept for the next one."""
        if self._ended:
            return
        socket = self._socket
        if self.resumable:  # its messages are the telnet stream as it is
            self._keep(data)
            if socket is not None:
                socket.send_frame(BINARY, data)
            return
        for opcode, payload in self._codec.outgoing(data):
            if socket is not None:
                socket.send_frame(opcode, payload)

    def writeSequence(self, data: Any) -> None:
        """Twisted's: send these."""
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        """Twisted's: close when everything has gone out."""
        self._closing = self.disconnecting = True
        if self._producer is None:
            self._finish()

    def abortConnection(self) -> None:
        """Twisted's: close at once."""
        socket, self._socket = self._socket, None
        if socket is not None:
            socket.abort()
        self._door.call_later(0, self._end, ConnectionAborted())

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Twisted's: tell this one when to stop and go on."""
        self._producer = producer

    def unregisterProducer(self) -> None:
        """Twisted's: it produces no more."""
        self._producer = None
        if self._closing:
            self._finish()

    def pauseProducing(self) -> None:
        """Twisted's: read nothing for now."""
        self._reading = False
        if self._socket is not None:
            self._socket.pause_reading()

    def resumeProducing(self) -> None:
        """Twisted's: go on reading."""
        self._reading = True
        if self._socket is not None:
            self._socket.resume_reading()

    def getPeer(self) -> IAddress:
        """Twisted's: where the person is."""
        return self._peer

    def getHost(self) -> IAddress:
        """Twisted's: what the door listens on."""
        host: IAddress = self._door.host
        return host

    # -- inside -----------------------------------------------------------------------------------

    @property
    def _next(self) -> int:
        return self._first + len(self._kept)

    def _keep(self, payload: bytes) -> None:
        self._kept.append(payload)
        self._kept_size += len(payload)
        while self._kept_size > self._door.resume_max:
            self._kept_size -= len(self._kept.pop(0))
            self._first += 1

    def _forget_before(self, number: int) -> None:
        count = max(0, min(number - self._first, len(self._kept)))
        self._kept_size -= sum(map(len, self._kept[:count]))
        del self._kept[:count]
        self._first += count

    def _finish(self) -> None:
        if self._socket is None:
            self._door.call_later(0, self._end, ConnectionDone())
            return
        code = RESTART if self._door.is_stopping else NORMAL
        self._socket.close(code, "the service stops" if code == RESTART else "")

    def _give_up(self) -> None:
        self._grace = None
        self._end(ConnectionLost())

    def _stop_waiting(self) -> None:
        if self._grace is not None:
            self._grace.cancel()
            self._grace = None

    def _end(self, reason: Exception) -> None:
        """Tell telnet that the connection is gone, once."""
        if self._ended:
            return
        self._ended = True
        self._stop_waiting()
        self._kept.clear()
        self._door.session_ended(self)
        if self.protocol is not None:
            self.protocol.connectionLost(Failure(reason))
        elif self._answer is not None:
            self._answer.cancel()
