"""Timers: calls that are made later, once or repeatedly, and that survive a reload.

A timer is an object of ours that persists; only its target and arguments belong to the application,
and a reload replaces those. So a reload does not touch its remaining time at all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, Final

from cletus.errors import TimerError
from cletus.reactor.clock import Clock
from cletus.renamed import with_old_names

#: Inactive timers are forgotten when more timers are kept than twice the active ones, plus this.
_SLACK: Final = 64


@with_old_names
class Timer:
    """A call that is due once, or at regular intervals.

    Args:
        delay: seconds until it is first due.
        interval: seconds between calls; ``None`` for a single call.
        target: a function at the top level of its module, or a method of a store object: a reload
            has to find it again by its name.
        args, kwargs: the arguments of the call.
        imported: whether a module body of the application made it.

    Raises:
        TimerError: the delay is negative or not finite, or the interval is not more than 0.

    Attributes:
        creator: returns the client whose line has created it, while there is one.
        active: whether it will call the target (again).
        is_busy: whether its ``async`` target is still at work.
        is_carried: whether a reload has carried it, and nothing has asked for it again since.
        forget: called when it is cancelled; its ``Timers`` sets it.
    """

    def __init__(
        self,
        delay: float,
        interval: float | None,
        target: Callable[..., Any],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
        *,
        imported: bool = False,
    ) -> None:
        if not 0 <= delay < math.inf:
            raise TimerError(delay, "a call can only be due in a finite time from now")
        if interval == 0:
            raise TimerError(0, "a call cannot be due again and again without end at one instant")
        self.delay = delay
        self.interval = interval
        self.target = target
        self.args = args
        self.kwargs = kwargs or {}
        self.imported = imported
        self.creator: Callable[[], Any] = _nobody
        self.active = True
        self.is_busy = False
        self.is_carried = False
        self.forget: Callable[[Timer], object] = _nothing
        self._due = 0.0
        self._call: Any = None
        self._clock: Clock | None = None
        self._fired: Callable[[Timer], None] = _nothing

    def __repr__(self) -> str:
        when = f"in {self.delay:g} s" if self.interval is None else f"every {self.interval:g} s"
        return f"<Timer {self.target_name} {when}>"

    @property
    def target_name(self) -> str:
        """The full name of its target, for logs: ``example_service.clock.strike``."""
        module = getattr(self.target, "__module__", "?")
        return f"{module}.{getattr(self.target, '__qualname__', repr(self.target))}"

    @property
    def remaining(self) -> float:
        """Seconds until the next call; the delay if it was not started yet."""
        return self.delay if self._clock is None else max(0.0, self._due - self._clock.seconds())

    def cancel(self) -> None:
        """Stop the timer, and let go of its arguments. Cancelling twice is harmless."""
        self.active = False
        self.args, self.kwargs = (), {}  # a client among them would be kept with it
        self.forget(self)
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def start(
        self, clock: Clock, fired: Callable[[Timer], None], first: float | None = None
    ) -> None:
        """For the service: start the time.

        Args:
            clock: tells the time.
            fired: called each time that the timer is due.
            first: seconds until it is first due, instead of its delay. Less than 0: it came due meanwhile;
                its next calls are due as if it had been called then.
        """
        self._clock, self._fired = clock, fired
        if self.active and self._call is None:
            first = self.delay if first is None else first
            self._due = clock.seconds() + first
            self._call = clock.callLater(max(0.0, first), self._ring)

    def target_ended(self, result: Any) -> Any:
        """Its ``async`` target has ended; returns the result, as a Deferred's callback does."""
        self.is_busy = False
        return result

    def is_like(self, timer: Timer) -> bool:
        """Whether this is the same timer of another generation: same name of the target, same times."""
        return (self.target_name, self.delay, self.interval) == (
            timer.target_name,
            timer.delay,
            timer.interval,
        )

    def makes_calls_of(self, timer: Timer) -> bool:
        """Whether this timer calls the same target with the same arguments at the same interval."""
        return (self.interval, self.target, self.args, self.kwargs) == (
            timer.interval,
            timer.target,
            timer.args,
            timer.kwargs,
        )

    def _ring(self) -> None:
        self._call = None
        assert self._clock is not None  # noqa: S101 - start() was called
        if self.interval is None:
            self.active = False
        else:
            # From the time it was due, not from the time at which the busy reactor came to it.
            now = self._clock.seconds()
            missed = int((now - self._due) / self.interval)
            self._due += self.interval * (missed + 1)
            if self._due <= now:  # by rounding: it would be called twice for one due time
                self._due += self.interval
            self._call = self._clock.callLater(max(0.0, self._due - now), self._ring)
        self._fired(self)


class Timers:
    """The timers of one generation."""

    def __init__(self) -> None:
        self._all: dict[Timer, None] = {}
        self._limit = _SLACK

    def __iter__(self) -> Iterator[Timer]:
        return iter(tuple(self._all))

    def add(self, timer: Timer) -> None:
        """Add a timer; it is kept as long as it is active, or not much longer."""
        self._all[timer] = None
        timer.forget = self._forget
        if len(self._all) > self._limit:
            self.tidy()
            self._limit = 2 * len(self._all) + _SLACK

    def carried(self, timer: Timer) -> Timer | None:
        """The timer of before the reload that makes the same calls as this one, if there is one.

        It is found once: who asks for two of them gets two.
        """
        for former in self._all:
            if former.active and former.is_carried and former.makes_calls_of(timer):
                former.is_carried = False
                return former
        return None

    def tidy(self) -> None:
        """Forget the timers that are not active any more."""
        self._all = {timer: None for timer in self._all if timer.active}

    def clear(self) -> None:
        """Forget them all, without cancelling."""
        self._all.clear()

    def cancel(self) -> None:
        """Cancel them all."""
        for timer in self:
            timer.cancel()
        self._all.clear()

    def _forget(self, timer: Timer) -> None:
        self._all.pop(timer, None)


def _nobody() -> None:
    """The creator of a timer that no client's line has created."""


def _nothing(_: Timer) -> None:
    """What a timer calls when it is due before it is started, or is cancelled before it is kept."""
