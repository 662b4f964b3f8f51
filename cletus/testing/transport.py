"""A door's end of a connection, in memory."""

from __future__ import annotations

from cletus.protocol.charset import Encoder

_PLAIN = Encoder("utf-8", network=False)


class MemoryTransport:
    """Fulfils ``cletus.client.Transport`` and records what it is asked to do.

    Args:
        address: where the person seems to come from.

    Attributes:
        sent: all bytes sent so far, by turn.
        reading: whether the client takes input at the moment.
        hidden: whether the terminal shows what is typed; each change is in ``hidings``, too.
        closed: whether the client has asked for the connection to be closed.
        aborted: whether it was closed at once.
    """

    encoder: Encoder = _PLAIN

    def __init__(self, address: str = "memory") -> None:
        self.address = address
        self.sent: list[bytes] = []
        self.reading = True
        self.hidden = False
        self.hidings: list[bool] = []
        self.closed = False
        self.aborted = False

    @property
    def text(self) -> str:
        """All that was sent, as text."""
        return b"".join(self.sent).decode()

    def send(self, data: bytes) -> None:
        """Record it."""
        self.sent.append(data)

    def pause_reading(self) -> None:
        """Record it."""
        self.reading = False

    def resume_reading(self) -> None:
        """Record it."""
        self.reading = True

    def hide_input(self, hidden: bool) -> bytes:
        """Record it; no terminal is here that would need telling."""
        self.hidden = hidden
        self.hidings.append(hidden)
        return b""

    def close(self) -> None:
        """Record it."""
        self.closed = True

    def abort(self) -> None:
        """Record it."""
        self.closed = self.aborted = True
