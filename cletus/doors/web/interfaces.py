"""What connections, sessions and the door know of each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from cletus.doors.web.http import Request
from cletus.reactor.shares import Share, Slice


@dataclass(slots=True, eq=False)
class Admission:
    """What somebody takes of the budgets of connections.

    Attributes:
        host: the address that it is counted for.
        counted: whether it is.
        proxied: whether the connection is a proxy's, so that each request may be somebody else's.
    """

    host: str
    counted: bool = False
    proxied: bool = False


class Socket(Protocol):
    """A WebSocket, as a session sees it."""

    transport: Any

    def send_frame(self, opcode: int, payload: bytes) -> None:
        """Send one message."""

    def pause_reading(self) -> None:
        """Take nothing from the socket for now."""

    def resume_reading(self) -> None:
        """Go on taking."""

    def close(self, code: int, reason: str = "") -> None:
        """Close when everything has gone out."""

    def abort(self) -> None:
        """Close at once."""


class Visit(Protocol):
    """A session, as its socket sees it."""

    admission: Admission

    @property
    def is_congested(self) -> bool:
        """Whether the peer does not read at the moment."""

    @property
    def can_leave(self) -> bool:
        """Whether another process can go on with it."""

    @property
    def is_stranger(self) -> bool:
        """Whether nobody has logged in here yet."""

    def message(self, socket: Socket, *, text: bool, data: bytes) -> None:
        """A message has come."""

    @property
    def unanswered(self) -> int:
        """Pings that wait for their answer."""

    def ping_sent(self) -> None:
        """A ping has been sent."""

    def pong(self, socket: Socket) -> None:
        """A ping was answered."""

    def congested(self, paused: bool) -> None:
        """The socket takes no more for now, or again."""

    def socket_closed(self, socket: Socket, code: int) -> None:
        """The socket is gone."""


@dataclass(frozen=True, slots=True)
class Start:
    """How a WebSocket begins.

    Attributes:
        subprotocol: the one that is chosen, or ``None``.
        session: whose socket it becomes.
        begin: called when the connection is upgraded.
    """

    subprotocol: str | None
    session: Visit
    begin: Callable[[Socket], None]


class SessionHost(Protocol):
    """The door, as a session sees it."""

    host: Any

    @property
    def resume_grace(self) -> float:
        """Seconds for which a session waits for another socket."""

    @property
    def resume_max(self) -> int:
        """Bytes that are kept for sending again."""

    @property
    def page(self) -> dict[str, Any]:
        """The version of the page and of each of its files."""

    @property
    def is_stopping(self) -> bool:
        """Whether the service stops."""

    def seconds(self) -> float:
        """The reactor's clock."""

    def call_later(self, delay: float, call: Callable[..., object], *args: Any) -> Any:
        """The reactor's ``callLater``."""

    def count_received(self, size: int) -> None:
        """So many bytes have come."""

    def session_ended(self, session: Any) -> None:
        """A session is over."""


class ConnectionHost(Protocol):
    """The door, as a connection sees it.

    Attributes:
        tls: the factory of encrypted connections, or ``None`` if the service has no certificate.
    """

    tls: Any

    @property
    def message_max(self) -> int:
        """Bytes of a message."""

    def share(self, host: str, work: Callable[[Slice], bool], within: Share | None) -> Share:
        """The share of a new connection in the time of the reactor; ``within`` is that of its TLS."""

    def note_memory(self, connection: Any) -> None:
        """What a connection holds may have changed."""

    def admit(self, connection: Any) -> Admission | None:
        """Count a new connection."""

    def settle(self, admission: Admission, request: Request, connection: Any) -> bool:
        """Count a connection that comes through a proxy."""

    def release(self, admission: Admission) -> None:
        """A counted person has left."""

    def problem_with(self, request: Request, connection: Any) -> tuple[int, str] | None:
        """Why a request is refused."""

    def response(self, request: Request) -> tuple[int, list[tuple[str, str]], bytes]:
        """The answer to a request."""

    def starts(self, request: Request, connection: Any, admission: Admission) -> Start | str:
        """How a WebSocket begins."""

    def connected(self, connection: Any) -> None:
        """Somebody has connected."""

    def disconnected(self, connection: Any) -> None:
        """A connection is gone."""

    def framed(self, opcode: int, payload: bytes) -> bytes:
        """A message as it is sent."""

    def seconds(self) -> float:
        """The reactor's clock."""

    def call_later(self, delay: float, call: Callable[..., object], *args: Any) -> Any:
        """The reactor's ``callLater``."""
