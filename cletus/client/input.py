"""What a person has typed and nobody has taken yet: a queue with a rate.

Lines are handed out one after another: the next one waits while the code is busy with the one
before, and while the person types faster than ``line_rate``. Reading from the connection pauses as
long as anything waits, so that the queue stays as short as what came in one read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from cletus.meters import Gauge
from cletus.reactor.clock import Clock


class Bucket:
    """A token bucket: ``burst`` at once, refilled at ``rate`` a second; if one is 0, there is no limit."""

    __slots__ = ("_burst", "_rate", "_then", "_tokens")

    def __init__(self, rate: float, burst: int, now: float) -> None:
        self._rate = rate if burst else 0.0
        self._burst = float(burst)
        self._tokens = self._burst
        self._then = now

    def take(self, now: float) -> float:
        """Take one token: 0.0 if there was one, else the seconds until there will be."""
        if not self._rate:
            return 0.0
        self._tokens = min(self._burst, self._tokens + (now - self._then) * self._rate)
        self._then = now
        # A hair less than one is one: a timer set for the exact instant may find 0.9999999.
        if self._tokens >= 1.0 - 1e-6:
            self._tokens -= 1.0
            return 0.0
        return (1.0 - self._tokens) / self._rate


class Inbox:
    """The lines of one client.

    Args:
        clock: for the rate.
        ready: whether somebody can take a line now.
        deliver: takes one line.
        pause: called when reading from the connection must stop, and with ``False`` when it may go on.
        after: called when what could be handed out has been handed out.
        peak: the most lines that have ever waited, of all inboxes that share it.
        rate: lines a second in the long run; 0 means no limit.
        burst: lines at once; 0 means no limit, whatever the rate is.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        ready: Callable[[], bool],
        deliver: Callable[[str], None],
        pause: Callable[[bool], None],
        after: Callable[[], None] = lambda: None,
        peak: Gauge | None = None,
        rate: float,
        burst: int,
    ) -> None:
        self._clock = clock
        self._ready = ready
        self._deliver = deliver
        self._pause = pause
        self._after = after
        self._peak = peak
        self._bucket = Bucket(rate, burst, clock.seconds())
        self._lines: deque[str] = deque()
        self._timer: Any = None
        self._paused = False
        self._pumping = False
        self._closed = False
        self._burst = burst

    def __len__(self) -> int:
        return len(self._lines)

    def put(self, line: str) -> None:
        """A line has been typed."""
        self._lines.append(line)
        self.pump()
        if self._lines and self._peak is not None:
            self._peak.raise_to(len(self._lines))

    def pump(self) -> None:
        """Hand out what can be handed out now. Called whenever somebody may have become ready."""
        if self._pumping or self._timer is not None:
            return
        self._pumping = True
        try:
            while self._lines and self._ready() and self._may_go():
                self._deliver(self._lines.popleft())
        finally:
            self._pumping = False
        self._tell(bool(self._lines) and not self._closed)
        self._after()

    def close(self) -> None:
        """The connection is gone: no rate any more, but no more than one burst of what waits."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._burst and len(self._lines) > self._burst:
            self._lines.pop()
        self.pump()

    def clear(self) -> None:
        """Forget what waits."""
        self._lines.clear()

    def _may_go(self) -> bool:
        if self._closed:
            return True
        wait = self._bucket.take(self._clock.seconds())
        if wait:
            self._timer = self._clock.callLater(wait, self._go_on)
        return not wait

    def _go_on(self) -> None:
        self._timer = None
        self.pump()

    def _tell(self, paused: bool) -> None:
        if paused != self._paused:
            self._paused = paused
            self._pause(paused)
