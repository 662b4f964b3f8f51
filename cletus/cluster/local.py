"""A bus on one machine, without an engine: a hub in the parent process, and a socket to each of its children.

The hub holds nothing that the ledgers do not hold as well, so all that it has to do is to hand entries on.
Each child inherits its end of a pair of Unix sockets; nobody else can connect. A message is a msgpack array
behind its length.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

import msgspec
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from cletus.cluster.bus import REQUESTS, TELLS, Entry, Lease, Node, frames_for
from cletus.doors.fast_send import can_fast_send, fast_send, unsent
from cletus.errors import BusClosed

MESSAGE_MAX: Final = 256 * 1024 * 1024
"""Bytes of a message; a turn has an entry for each gateway."""

WAITING_MAX: Final = 64 * 1024 * 1024
"""Bytes that may wait for a child that does not read; then its connection is closed. Our choice."""

_LENGTH: Final = struct.Struct("!I")
_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder().decode

_log = Logger()


class _FactoryOf(Factory):
    """Returns the protocol that it is given; ``adoptStreamConnection`` takes a factory only."""

    noisy = False

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol

    def buildProtocol(self, _: object) -> Protocol:
        return self._protocol


def adopt(reactor: Any, descriptor: int, protocol: Protocol) -> None:
    """Connect a protocol to one end of a pair of Unix sockets. It gets a copy of the descriptor."""
    os.set_blocking(descriptor, False)
    reactor.adoptStreamConnection(descriptor, socket.AF_UNIX, _FactoryOf(protocol))


class _Messages(Protocol):
    """Messages in both directions.

    Attributes:
        rest: the beginning of a message that has not come to its end.
    """

    transport: Any
    rest = b""
    _sends_now = False

    def connectionMade(self) -> None:
        """Twisted's: it is connected."""
        self._sends_now = can_fast_send(self.transport)

    def say(self, *message: Any) -> None:
        """Send a message; to a connection that is gone, it goes nowhere."""
        if self.connected:
            text = _encode(message)
            data = _LENGTH.pack(len(text)) + text
            # At once: a line crosses four of these sockets, and each write would wait for the reactor.
            if self._sends_now:
                fast_send(self.transport, data)
            else:
                self.transport.write(data)

    def dataReceived(self, data: bytes) -> None:
        """Twisted's: bytes have come."""
        buffer, start = self.rest + data, 0
        while len(buffer) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(buffer, start)
            end = start + _LENGTH.size + length
            if length > MESSAGE_MAX:
                self.transport.abortConnection()
                return
            if len(buffer) < end:
                break
            message, start = buffer[start + _LENGTH.size : end], end
            self._handle(message)
        self.rest = buffer[start:]

    def _handle(self, message: bytes) -> None:
        try:
            self.received(*_decode(message))
        except Exception:  # noqa: BLE001 - Twisted would close the connection
            _log.failure("a message of another process could not be handled")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Twisted's: the other process is gone."""
        self.connected = 0

    def received(self, name: str, *arguments: Any) -> None:
        """A message has come."""
        raise NotImplementedError


# -- the parent's ends -------------------------------------------------------------------------


class Child(_Messages):
    """The hub's end of the connection to one process.

    Args:
        hub: the hub.
        name: of the process.
    """

    def __init__(self, hub: Hub, name: str) -> None:
        self.hub = hub
        self.name = name
        self.stream = ""
        self._is_paused = False
        self._waiting = 0

    def connectionMade(self) -> None:
        """Twisted's: it is connected."""
        super().connectionMade()
        self.transport.registerProducer(self, True)

    def pauseProducing(self) -> None:
        """Twisted's: it does not read at the moment. Called for each write meanwhile."""
        if not self._is_paused:
            self._is_paused, self._waiting = True, 0

    def resumeProducing(self) -> None:
        """Twisted's: it reads again."""
        self._is_paused = False

    def stopProducing(self) -> None:
        """Twisted's: it is gone."""

    def hand(self, stream: str, entries: Sequence[bytes]) -> None:
        """Give it entries of a stream."""
        if self._is_paused:
            self._waiting += sum(map(len, entries))
            if self._waiting > WAITING_MAX:
                _log.error("{name} does not read: its connection is closed", name=self.name)
                self.transport.abortConnection()
                return
        self.say("entries", stream, entries)

    def received(self, name: str, *arguments: Any) -> None:
        """As above."""
        self.hub.handle(self, name, *arguments)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Twisted's: the process is gone."""
        super().connectionLost(reason)
        self.hub.lost(self)


class Hub:
    """The middle of it.

    Args:
        told: called with a child and what it says to the parent.
        gone: called with a child whose connection is gone.

    Attributes:
        primary: the process that has claimed; ``None`` without one.
        heard_at: when it has sent something last, by ``time.monotonic()``.
    """

    def __init__(
        self, told: Callable[[Child, dict[str, Any]], None], gone: Callable[[Child], None]
    ) -> None:
        self._told = told
        self._gone = gone
        self.primary: Child | None = None
        self.heard_at = 0.0
        self._epoch = 0
        self._tells: deque[bytes] = deque()
        self._tells_size = 0
        self._readers: dict[str, Child] = {}
        self._nodes: dict[str, tuple[float, bytes]] = {}
        self._session: dict[str, bytes] = {}
        self._code = b""

    def handle(self, child: Child, name: str, *arguments: Any) -> None:
        """A child has sent this."""
        if child is self.primary:
            self.heard_at = time.monotonic()
        method = self._METHODS.get(name)
        if method is not None:
            method(self, child, *arguments)

    def lost(self, child: Child) -> None:
        """A process is gone."""
        if self.primary is child:
            self.primary = None
        if self._readers.get(child.stream) is child:
            del self._readers[child.stream]
            self._nodes.pop(child.name, None)
        self._gone(child)

    # -- what children send ------------------------------------------------------------------

    def _say(self, child: Child, words: dict[str, Any]) -> None:
        self._told(child, words)

    def _claim(self, child: Child, number: int) -> None:
        epoch = 0
        if self.primary in (None, child):
            self._epoch = epoch = max(self._epoch + 1, int(time.time() * 1000))
            self.primary, self.heard_at = child, time.monotonic()
            self._tells.clear()
            self._tells_size = 0
        child.say("answer", number, epoch)

    def _read(self, child: Child, stream: str) -> None:
        child.stream = stream
        self._readers[stream] = child
        if stream == TELLS and self._tells:
            child.hand(stream, list(self._tells))
            self._tells.clear()
            self._tells_size = 0

    def _tell(self, _child: Child, data: bytes) -> None:
        reader = self._readers.get(TELLS)
        if reader is not None:
            reader.hand(TELLS, [data])
            return
        self._tells.append(data)
        self._tells_size += len(data)
        while self._tells_size > WAITING_MAX:
            self._tells_size -= len(self._tells.popleft())

    def _turn(self, child: Child, entries: dict[str, bytes]) -> None:
        if child is not self.primary:
            return
        for gateway, data in entries.items():
            stream = frames_for(gateway)
            reader = self._readers.get(stream)
            if reader is not None:
                reader.hand(stream, [data])

    def _announce(self, _child: Child, node: str, data: bytes) -> None:
        self._nodes[node] = (time.monotonic(), data)

    def _leave(self, _child: Child, node: str) -> None:
        self._nodes.pop(node, None)

    def _list_nodes(self, child: Child, number: int) -> None:
        now = time.monotonic()
        nodes = [(name, now - at, data) for name, (at, data) in sorted(self._nodes.items())]
        child.say("answer", number, nodes)

    def _lose(self, child: Child, gateway: str) -> None:
        if child is self.primary:
            self._nodes.pop(gateway, None)

    def _checkpoint(self, child: Child, values: dict[str, bytes], removed: list[str]) -> None:
        if child is self.primary:
            self._session.update(values)
            for name in removed:
                self._session.pop(name, None)

    def _get_session(self, child: Child, number: int) -> None:
        child.say("answer", number, self._session)

    def _set_code(self, child: Child, data: bytes) -> None:
        if child is self.primary:
            self._code = data

    def _get_code(self, child: Child, number: int) -> None:
        child.say("answer", number, self._code)

    _METHODS: Final[dict[str, Callable[..., None]]] = {
        "say": _say,
        "claim": _claim,
        "read": _read,
        "tell": _tell,
        "turn": _turn,
        "announce": _announce,
        "leave": _leave,
        "nodes": _list_nodes,
        "lose": _lose,
        "checkpoint": _checkpoint,
        "session": _get_session,
        "set_code": _set_code,
        "code": _get_code,
    }


# -- a child's end -----------------------------------------------------------------------------


class LocalBus(_Messages):
    """The connection of a child to the hub. It fulfils ``Bus``.

    The hub never loses its memory, and is away only when the parent is. So commands need no answer, and another
    primary is never there: the parent ends one before it starts the next.

    Args:
        told: called with what the parent says.
        gone: called when the parent is gone.
    """

    waiting = 0
    silence = 0.0

    def __init__(self, told: Callable[[dict[str, Any]], None], gone: Callable[[], object]) -> None:
        self._told = told
        self._gone = gone
        self._number = 0
        self._answers: dict[int, Deferred[Any]] = {}
        self._readings: dict[str, Callable[[Sequence[Entry]], None]] = {}
        self._is_closed = False
        self._when_gone: list[Deferred[None]] = []

    def open(self) -> None:
        """It is connected already."""

    def close(self) -> Deferred[None]:
        """As in ``Bus``."""
        self._is_closed = True
        self._readings.clear()
        answers, self._answers = self._answers, {}
        for answer in answers.values():
            answer.errback(BusClosed("the bus was closed"))
        if not self.connected:
            return succeed(None)
        self.transport.loseConnection()  # when all that was said has gone
        gone: Deferred[None] = Deferred()
        self._when_gone.append(gone)
        return gone

    # -- to another process -----------------------------------------------------------------

    def leave_socket(self) -> tuple[int, dict[str, bytes]]:
        """The descriptor of the socket, and what has not come or gone as a whole."""
        return self.transport.fileno(), {"rest": self.rest, "unsent": unsent(self.transport)}

    def left_socket(self) -> None:
        """Another process goes on with the socket: never touch it again."""
        self._is_closed = True
        self.transport.stopReading()
        self.transport.stopWriting()

    def resume_socket(self, reactor: Any, descriptor: int, state: Mapping[str, bytes]) -> None:
        """Go on with what another process has left. Nothing is read or sent before the reactor runs."""
        adopt(reactor, descriptor, self)
        self.rest = state["rest"]
        self.transport.write(state["unsent"])

    def tell_parent(self, **words: Any) -> None:
        """Say something to the parent."""
        self.say("say", words)

    def received(self, name: str, *arguments: Any) -> None:
        """As above."""
        match name:
            case "entries":
                stream, entries = arguments
                receive = self._readings.get(stream)
                if receive is not None:
                    receive([Entry("", data) for data in entries])
            case "answer":
                number, value = arguments
                answer = self._answers.pop(number, None)
                if answer is not None:
                    answer.callback(value)
            case "say":
                self._told(arguments[0])

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Twisted's: the parent is gone."""
        super().connectionLost(reason)
        if not self._is_closed:
            self.close()
            self._gone()
        waiting, self._when_gone = self._when_gone, []
        for gone in waiting:
            gone.callback(None)

    # -- Bus --------------------------------------------------------------------------------

    def lease(self, lease: float) -> Deferred[Lease]:
        """As in ``Bus``."""
        return succeed(Lease.NONE)

    def claim(self, lease: float, *, after: int = 0, held: int = 0) -> Deferred[int]:
        """As in ``Bus``."""
        return self._ask("claim")

    def renew(self, epoch: int, lease: float) -> Deferred[int]:
        """As in ``Bus``: the primary's connection is its lease."""
        return succeed(epoch)

    def release(self, epoch: int) -> Deferred[int]:
        """As in ``Bus``."""
        return succeed(epoch)

    def read(self, stream: str, receive: Callable[[Sequence[Entry]], None]) -> Callable[[], None]:
        """As in ``Bus``."""
        if stream != REQUESTS:  # the primary has a control socket of its own
            self._readings[stream] = receive
            self.say("read", stream)

        def end() -> None:
            self._readings.pop(stream, None)

        return end

    def tell(self, data: bytes) -> Deferred[None]:
        """As in ``Bus``."""
        self.say("tell", data)
        return succeed(None)

    def post(self, stream: str, data: bytes) -> Deferred[None]:
        """As in ``Bus``; nobody reads them here."""
        return succeed(None)

    def turn(self, epoch: int, entries: Mapping[str, bytes], cursor: str = "") -> Deferred[int]:
        """As in ``Bus``. One message, which the hub gets as a whole or not at all."""
        self.say("turn", dict(entries))
        return succeed(epoch)

    def acks(self) -> Deferred[dict[str, bytes]]:
        """As in ``Bus``."""
        return succeed({})

    def lose(self, epoch: int, gateway: str) -> Deferred[int]:
        """As in ``Bus``."""
        self.say("lose", gateway)
        return succeed(epoch)

    def ack(self, gateway: str, data: bytes, cursor: str) -> Deferred[None]:
        """As in ``Bus``; the hub keeps nothing that was read."""
        return succeed(None)

    def announce(self, node: str, data: bytes) -> Deferred[None]:
        """As in ``Bus``."""
        self.say("announce", node, data)
        return succeed(None)

    def leave(self, node: str) -> Deferred[None]:
        """As in ``Bus``."""
        self.say("leave", node)
        return succeed(None)

    def nodes(self) -> Deferred[list[Node]]:
        """As in ``Bus``."""
        return self._ask("nodes").addCallback(lambda nodes: [Node(*node) for node in nodes])

    def checkpoint(
        self, epoch: int, values: Mapping[str, bytes], removed: Collection[str] = ()
    ) -> Deferred[int]:
        """As in ``Bus``."""
        self.say("checkpoint", dict(values), list(removed))
        return succeed(epoch)

    def session(self) -> Deferred[dict[str, bytes]]:
        """As in ``Bus``."""
        return self._ask("session")

    def set_code(self, epoch: int, data: bytes) -> Deferred[int]:
        """As in ``Bus``."""
        self.say("set_code", data)
        return succeed(epoch)

    def code(self) -> Deferred[bytes]:
        """As in ``Bus``."""
        return self._ask("code")

    def _ask(self, name: str) -> Deferred[Any]:
        if self._is_closed:
            return fail(BusClosed("the bus is closed"))
        self._number += 1
        answer = self._answers[self._number] = Deferred()
        self.say(name, self._number)
        return answer
