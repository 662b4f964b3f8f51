"""Debounce: wait until nothing has happened for a while, which is the end of a save."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cletus.reactor.clock import Clock


def _never() -> bool:
    return False


class Debouncer:
    """Calls a function when nothing has happened for a while.

    Args:
        clock: the reactor.
        delay: seconds without an event before the call.
        longest: seconds after the first event at which it calls in any case; 0 means never. One file
            that changes all the time would otherwise hold up all others for ever.
        call: the function.
        is_busy: asked at the end of a delay; while it is true, the delay is repeated.
    """

    def __init__(
        self,
        clock: Clock,
        delay: float,
        longest: float,
        call: Callable[[], None],
        is_busy: Callable[[], bool] = _never,
    ) -> None:
        self._clock = clock
        self._delay = delay
        self._longest = longest or float("inf")
        self._call = call
        self._is_busy = is_busy
        self._timer: Any = None
        #: When it calls at the latest; ``None`` before the first event.
        self._latest: float | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether it is going to call."""
        return self._timer is not None

    @property
    def is_overdue(self) -> bool:
        """Whether events have gone on for ``longest`` or more."""
        return self._latest is not None and self._clock.seconds() >= self._latest

    def trigger(self) -> None:
        """An event: the delay begins again."""
        self._stop_timer()
        now = self._clock.seconds()
        if self._latest is None:
            self._latest = now + max(self._longest, self._delay)
        self._wait(now, self._latest)

    def settle(self) -> None:
        """``longest`` begins again with the next event.

        The called function says so if everything has settled, or else calls ``trigger()``.
        """
        self._latest = None if self._timer is None else self._clock.seconds() + self._longest

    def cancel(self) -> None:
        """Do not call, unless there is another event."""
        self._stop_timer()
        self._latest = None

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self, now: float, latest: float) -> None:
        # Past the latest time, the reactor still gets time for others.
        delay = min(self._delay, max(latest - now, self._delay / 10))
        self._timer = self._clock.callLater(delay, self._over)

    def _over(self) -> None:
        self._timer = None
        now = self._clock.seconds()
        if self._latest is not None and now < self._latest and self._is_busy():
            self._wait(now, self._latest)
        else:
            self._call()
