"""Waiting until nothing more happens: the end of an act of saving."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cletus.reactor.clock import Clock


def _never() -> bool:
    return False


class Debouncer:
    """Calls back when nothing has happened for a while, and after a longest while all the same.

    Args:
        clock: the reactor.
        seconds: how long it must be quiet.
        longest: seconds after the first disturbance at which it calls back whatever happens; 0
            means never. A file that never rests would else hold up all others for ever.
        call: what to call.
        is_busy: asked at the end of a quiet time; while it says yes, it does not count as quiet.
    """

    def __init__(
        self,
        clock: Clock,
        seconds: float,
        longest: float,
        call: Callable[[], None],
        is_busy: Callable[[], bool] = _never,
    ) -> None:
        self._clock = clock
        self._seconds = seconds
        self._longest = longest or float("inf")
        self._call = call
        self._is_busy = is_busy
        self._timer: Any = None
        #: When it calls back at the latest; ``None`` while nothing has happened.
        self._latest: float | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether it is going to call back."""
        return self._timer is not None

    @property
    def is_overdue(self) -> bool:
        """Whether it has been disturbed for the longest while and more."""
        return self._latest is not None and self._clock.seconds() >= self._latest

    def disturb(self) -> None:
        """Something has happened."""
        self._stop_timer()
        now = self._clock.seconds()
        if self._latest is None:
            self._latest = now + max(self._longest, self._seconds)
        self._wait(now, self._latest)

    def rest(self) -> None:
        """It was quiet indeed: the longest while begins anew with the next disturbance.

        Whoever is called back and finds that it was not calls ``disturb()`` instead.
        """
        self._latest = None if self._timer is None else self._clock.seconds() + self._longest

    def cancel(self) -> None:
        """Do not call back any more, unless disturbed again."""
        self._stop_timer()
        self._latest = None

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self, now: float, latest: float) -> None:
        # Past the latest time it still lets the reactor take a breath.
        delay = min(self._seconds, max(latest - now, self._seconds / 10))
        self._timer = self._clock.callLater(delay, self._over)

    def _over(self) -> None:
        self._timer = None
        now = self._clock.seconds()
        if self._latest is not None and now < self._latest and self._is_busy():
            self._wait(now, self._latest)
        else:
            self._call()
