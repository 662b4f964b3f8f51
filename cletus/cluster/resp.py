"""The protocol of Valkey and Redis (RESP2) on a Twisted transport; hiredis parses it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

from hiredis import HiredisError, Reader, ReplyError, pack_command
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from cletus.doors.fast_send import can_fast_send, fast_send
from cletus.reactor.clock import Clock

#: Seconds without a byte, while an answer is due, after which a connection is taken for dead.
SILENCE_MAX: Final = 3.0

#: Maximum bytes of one answer. The largest is the session of a primary.
REPLY_MAX: Final = 512 * 1024 * 1024

_INCOMPLETE: Final = object()

Argument = bytes | str | int


class EngineError(Exception):
    """The engine has answered with an error. Its first word is a code, such as ``LOADING``."""


class ConnectionDead(Exception):
    """A connection ended before the answer came."""


def packed(arguments: Sequence[Argument]) -> bytes:
    """A command as it is sent."""
    command: bytes = pack_command(tuple(arguments))  # type: ignore[arg-type]  # its stub says: of one
    return command


class RespProtocol(Protocol):
    """One connection. Commands are answered in their order.

    A connection that is silent for too long, or sends what is not RESP, is aborted.

    Args:
        clock: measures the silence.
        made: is called with the protocol when it is connected.
    """

    def __init__(self, clock: Clock, made: Callable[[RespProtocol], None]) -> None:
        self._clock = clock
        self._made = made
        self._reader = Reader(notEnoughData=_INCOMPLETE)
        self._size = 0  # bytes of the answer that is not complete
        self._due: deque[Deferred[Any]] = deque()
        self._heard = 0.0
        self._check: Any = None
        self._is_over = False
        self._sends_now = False
        self._reason = ""

    def connectionMade(self) -> None:
        """Twisted's callback."""
        transport: Any = self.transport  # zope's interfaces are unknown to mypy
        if ITCPTransport.providedBy(transport):
            transport.setTcpNoDelay(True)
        self._sends_now = can_fast_send(transport)
        self._made(self)

    def send(self, command: bytes) -> Deferred[Any]:
        """Send a ``packed()`` command.

        Returns:
            Fires with the answer: an ``int``, ``bytes``, ``None`` or a list of these. Fails with
            ``EngineError`` or ``ConnectionDead``.
        """
        if self._is_over or self.transport is None:
            return fail(ConnectionDead("not connected"))
        if not self._due:
            self._heard = self._clock.seconds()
            if self._check is None:
                self._check = self._clock.callLater(SILENCE_MAX, self._check_silence)
        answer: Deferred[Any] = Deferred()
        self._due.append(answer)
        transport: Any = self.transport
        if self._sends_now:
            fast_send(transport, command)
        else:
            transport.write(command)
        return answer

    def abort(self, reason: str = "") -> None:
        """Close it at once; what is not answered fails for this reason."""
        self._reason = self._reason or reason
        if not self._is_over and self.transport is not None:
            transport: Any = self.transport
            transport.abortConnection()

    def dataReceived(self, data: bytes) -> None:
        """Twisted's callback."""
        self._heard = self._clock.seconds()
        self._size += len(data)
        try:
            self._reader.feed(data)
            while not self._is_over and (answer := self._reader.gets()) is not _INCOMPLETE:
                self._size = 0
                self._answered(answer)
        except HiredisError as error:
            self.abort(f"what is there does not speak RESP: {error}")
        if self._size > REPLY_MAX:
            self.abort(f"an answer is larger than {REPLY_MAX:,} bytes")

    def _answered(self, answer: Any) -> None:
        if not self._due:
            self.abort("it answers what nobody has asked")
        elif isinstance(answer, ReplyError):
            self._due.popleft().errback(EngineError(str(answer)))
        else:
            self._due.popleft().callback(answer)

    def _check_silence(self) -> None:
        self._check = None
        if not self._due:
            return
        left = self._heard + SILENCE_MAX - self._clock.seconds()
        if left <= 0:
            self.abort(f"no answer for {SILENCE_MAX:g} seconds")
        else:
            self._check = self._clock.callLater(left, self._check_silence)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Twisted's callback."""
        self._is_over = True
        if self._check is not None:
            self._check.cancel()
            self._check = None
        while self._due:
            error = ConnectionDead(self._reason or reason.getErrorMessage())
            self._due.popleft().errback(error)
