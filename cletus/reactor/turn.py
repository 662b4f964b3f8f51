"""The end of a reactor turn: calls that are made once then, however often they were asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from twisted.logger import Logger

from cletus.errors import CallTimedOut
from cletus.meters import Counter

_log = Logger()


class Turn:
    """Makes calls at the end of the present reactor turn.

    Args:
        call_later: the reactor's ``callLater``.
        deliveries: counts the flushes; once a turn, since a broadcast flushes thousands of clients.

    Attributes:
        is_holding: whether calls are held back at present.
    """

    def __init__(self, call_later: Callable[..., Any], deliveries: Counter | None = None) -> None:
        self._call_later = call_later
        self._deliveries = deliveries
        self._calls: dict[Callable[[], None], None] = {}
        self._flushes: list[Callable[[], None]] = []
        self._pieces: list[bytes] = []
        self._joined = b""
        #: Called when a turn has ended, its flushes included: a cluster sends it as a whole then.
        self.after: Callable[[], None] | None = None
        self.is_holding = False
        #: The calls that ``release()`` makes or forgets.
        self._held: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []

    def at_end(self, call: Callable[[], None]) -> None:
        """Call this at the end of the turn; once, also if it is asked for twice."""
        if not self._calls and not self._flushes:
            self._call_later(0, self.run)
        self._calls[call] = None

    def flush(self, call: Callable[[], None]) -> None:
        """As ``at_end``, but the caller sees to it that it asks once: that is cheaper for thousands."""
        if not self._flushes and not self._calls:
            self._call_later(0, self.run)
        self._flushes.append(call)

    def run(self) -> None:
        """Make the calls, the flushes last. An error of one is logged and does not stop the others."""
        calls, self._calls = self._calls, {}
        flushes, self._flushes = self._flushes, []
        self._make(calls)
        self._flush(flushes)
        if self.after is not None:
            self._make((self.after,))

    # -- while new code is imported ---------------------------------------------------------

    def hold(self) -> None:
        """Hold back what is asked for from now on, since it may be for nothing.

        What was asked for is flushed first, so that all outputs are empty and ask before they send.
        """
        flushes, self._flushes = self._flushes, []
        self._flush(flushes)
        if self.after is not None:
            self._make((self.after,))
        self.is_holding = True

    def holds(self, call: Callable[..., Any], *args: Any) -> bool:
        """Whether this call is held back; it is made when it is known that it is wanted."""
        if self.is_holding:
            self._held.append((call, args))
        return self.is_holding

    def release(self, *, wanted: bool) -> None:
        """Make the calls that were held back, or forget them."""
        held, self._held, self.is_holding = self._held, [], False
        if wanted:
            self._make(partial(call, *args) for call, args in held)

    # -- inside -----------------------------------------------------------------------------

    def _flush(self, flushes: list[Callable[[], None]]) -> None:
        if self._deliveries is not None:
            self._deliveries.value += len(flushes)
        self._make(flushes)
        self._pieces, self._joined = [], b""

    def _make(self, calls: Iterable[Callable[[], Any]]) -> None:
        for call in calls:
            try:
                call()
            except (Exception, CallTimedOut):  # noqa: BLE001 - an error with one client must not cost others their output
                _log.failure("A call at the end of a reactor turn has failed")

    def join(self, pieces: list[bytes]) -> bytes:
        """The pieces as one; the same object for all clients that are sent the same in this turn.

        After a broadcast nearly all clients have the same pieces, and are flushed one after another, so
        only the latest join is kept.
        """
        if (
            pieces != self._pieces
        ):  # equal lists hold the same objects, so comparing costs next to nothing
            self._pieces, self._joined = pieces, b"".join(pieces)
        return self._joined
