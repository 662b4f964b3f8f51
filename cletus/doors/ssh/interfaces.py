"""What the parts of an SSH connection need of each other, and of their door."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from cletus.reactor.shares import Share, Slice

if TYPE_CHECKING:
    from twisted.python.failure import Failure

    from cletus.client.claim import Claim


class Connection(Protocol):
    """The connection, as authentication and session see it; ``SshTransport`` is the one implementation.

    Attributes:
        address: where the peer is, for logs.
        cletus_service: the service.
        claim: who they are, once they may come in.
        is_closing: whether nothing more is read.
        sessionID: the hash that names this connection; a signature contains it.
    """

    address: str
    cletus_service: Any
    claim: Claim | None
    is_closing: bool
    sessionID: bytes | None

    @property
    def is_blocked(self) -> bool:
        """Whether output waits."""

    def sendPacket(self, messageType: int, payload: bytes) -> None:
        """conch's: send a message."""

    def sendUnimplemented(self) -> None:
        """conch's: say that the latest message was not understood."""

    def sendDisconnect(self, reason: int, desc: bytes) -> None:
        """conch's: say why, and close."""

    def join_shares(self, work: Callable[[Slice], bool]) -> Share:
        """A share of the time of the reactor for a part of this connection."""

    def note_memory(self) -> None:
        """What is held of this connection may have changed."""

    def authenticated(self, claim: Claim) -> None:
        """They may come in."""

    def came_in(self, shell: Any) -> None:
        """They are about to become a client, with this session."""

    def block(self, reason: str) -> None:
        """From now on, output waits."""

    def unblock(self, reason: str) -> None:
        """This does not hinder output any more."""

    def finish_soon(self) -> None:
        """Close, if the peer does not."""

    def abort(self) -> None:
        """Close at once."""

    def failed(self, failure: Failure) -> None:
        """The peer has sent what cannot be handled."""


class Counter(Protocol):
    """The factory, as a connection sees it; ``SshFactory`` is the one implementation.

    Attributes:
        algorithms: the signature algorithms of the host key.
    """

    algorithms: list[bytes]

    def admit(self, connection: Any) -> bytes | None:
        """Count a new connection. Returns ``None``, or what to tell the peer if there is no room."""

    def came_in(self, connection: Any) -> None:
        """A connection has become a client."""

    def release(self, connection: Any) -> None:
        """A connection that was admitted has gone."""

    def log_failure(self, connection: Any, failure: Failure) -> None:
        """Log why a connection was dropped."""
