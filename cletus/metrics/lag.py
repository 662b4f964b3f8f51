"""How late the event loop comes to what is due: what everybody waits when some code takes too long."""

from __future__ import annotations

from typing import Any, Final

from cletus.meters import Timing
from cletus.reactor.clock import Clock

INTERVAL: Final = 0.5
"""Seconds between two looks. Our choice: a pause of half a second is surely seen, and it costs nothing."""


class LagProbe:
    """Has itself called at some time, and notes by how much later that was.

    Args:
        clock: the reactor.
        timing: where it is noted.
    """

    def __init__(self, clock: Clock, timing: Timing) -> None:
        self._clock = clock
        self._timing = timing
        self._due = 0.0
        self._call: Any = None

    def start(self) -> None:
        """Look from now on."""
        self._due = self._clock.seconds() + INTERVAL
        self._call = self._clock.callLater(INTERVAL, self._look)

    def stop(self) -> None:
        """Look no more. Stopping twice is harmless."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _look(self) -> None:
        self._timing.observe(max(0.0, self._clock.seconds() - self._due))
        self.start()
