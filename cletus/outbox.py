"""What waits to be sent: one queue for each client, emptied once in a reactor turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Outbox:
    """The bytes that one client has yet to be sent, in the order of the calls.

    Args:
        send: takes all that is queued, as one piece.
        limit: how many bytes may wait while the peer does not read; 0 means no limit.
    """

    __slots__ = ("_pieces", "_send", "limit", "overflowed", "paused", "size")

    def __init__(self, send: Callable[[bytes], None], limit: int) -> None:
        self._send = send
        self._pieces: list[bytes] = []
        self.limit = limit
        self.size = 0
        self.paused = False
        self.overflowed = False

    def put(self, data: bytes) -> bool:
        """Queue this. While the peer does not read, what exceeds the limit is not kept at all.

        Returns:
            Whether ``flush`` must be called for it: not when something was queued before, nor while
            the peer does not read, but when the limit has just been exceeded.
        """
        if self.overflowed:
            return False
        pieces = self._pieces
        pieces.append(data)
        self.size += len(data)
        if not self.paused:
            return len(pieces) == 1
        if self.limit and self.size > self.limit:
            self.overflowed = True
            pieces.clear()
        return self.overflowed

    def flush(self) -> None:
        """Hand everything over as one piece, unless the peer does not read at the moment."""
        if self.paused or not self._pieces:
            return
        pieces, self._pieces, self.size = self._pieces, [], 0
        self._send(pieces[0] if len(pieces) == 1 else b"".join(pieces))

    def discard(self) -> None:
        """Forget what is queued; for somebody who is gone."""
        self._pieces.clear()
        self.size = 0


class Turn:
    """Calls each of the things that asked for it once, at the end of the reactor turn.

    Args:
        call_later: the reactor's ``callLater``.
    """

    def __init__(self, call_later: Callable[..., Any]) -> None:
        self._call_later = call_later
        self._waiting: dict[Callable[[], None], None] = {}

    def at_end(self, call: Callable[[], None]) -> None:
        """Call this when the turn is over; asking twice in a turn is asking once."""
        if not self._waiting:
            self._call_later(0, self.run)
        self._waiting[call] = None

    def run(self) -> None:
        """Call them now. They must not raise."""
        waiting, self._waiting = self._waiting, {}
        for call in waiting:
            call()
