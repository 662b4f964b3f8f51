"""The end of a reactor turn: calls that are made once then, however often they were asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.logger import Logger

from cletus.meters import Counter

_log = Logger()


class Turn:
    """Calls each of the things that asked for it once, at the end of the reactor turn.

    Args:
        call_later: the reactor's ``callLater``.
        deliveries: counts the flushes, once in a turn: for each one alone it would be felt.
    """

    def __init__(self, call_later: Callable[..., Any], deliveries: Counter | None = None) -> None:
        self._call_later = call_later
        self._deliveries = deliveries
        self._waiting: dict[Callable[[], None], None] = {}
        self._flushes: list[Callable[[], None]] = []
        self._pieces: list[bytes] = []
        self._joined = b""

    def at_end(self, call: Callable[[], None]) -> None:
        """Call this when the turn is over; asking twice in a turn is asking once."""
        if not self._waiting and not self._flushes:
            self._call_later(0, self.run)
        self._waiting[call] = None

    def flush(self, call: Callable[[], None]) -> None:
        """As ``at_end``, for what takes care itself not to ask twice: a broadcast asks for thousands."""
        if not self._flushes and not self._waiting:
            self._call_later(0, self.run)
        self._flushes.append(call)

    def run(self) -> None:
        """Call them now, the flushes last. If one raises, that is logged, and the others go on."""
        waiting, self._waiting = self._waiting, {}
        flushes, self._flushes = self._flushes, []
        if self._deliveries is not None:
            self._deliveries.value += len(flushes)
        for call in (*waiting, *flushes):
            try:
                call()
            except Exception:  # noqa: BLE001 - one person's trouble must not cost others their output
                _log.failure("What was left for the end of the turn has failed")
        self._pieces, self._joined = [], b""

    def join(self, pieces: list[bytes]) -> bytes:
        """The pieces as one; for all who are sent the same in this turn, it is the same object.

        After a broadcast nearly all have the same pieces, one after another: so the latest is kept.
        """
        if pieces != self._pieces:  # equal lists hold the same objects, which costs next to nothing
            self._pieces, self._joined = pieces, b"".join(pieces)
        return self._joined
