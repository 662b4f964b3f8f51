"""Calls that are made later, once or again and again, and that survive a reload.

A timer is an object of ours that persists; only its target and arguments belong to the application,
and a reload replaces those. So what remains of its time is not touched by a reload at all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from cletus.errors import TimerError
from cletus.reactor.clock import Clock

#: So many timers may be kept that will not call any more, beside as many as there are others.
_MANY = 64


class Timer:
    """One call that is due, or one that is due every so often.

    Args:
        delay: seconds until it is first due.
        interval: seconds between calls; ``None`` for a single one.
        target: a function that has a name at the top level of its module, or a method of a store
            object: what a reload can find again.
        args, kwargs: what it is called with.
        imported: whether a module body of the application asked for it.

    Raises:
        TimerError: the delay is negative or not finite, or the interval is not more than 0.

    Attributes:
        active: whether it will call (again).
        is_busy: whether its ``async`` target is still at work.
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
        self.active = True
        self.is_busy = False
        self._due = 0.0
        self._call: Any = None
        self._clock: Clock | None = None
        self._fired: Callable[[Timer], None] = _nothing

    def __repr__(self) -> str:
        when = f"in {self.delay:g} s" if self.interval is None else f"every {self.interval:g} s"
        return f"<Timer {self.place} {when}>"

    @property
    def place(self) -> str:
        """What it calls, for logs: ``example_service.clock.strike``."""
        module = getattr(self.target, "__module__", "?")
        return f"{module}.{getattr(self.target, '__qualname__', repr(self.target))}"

    @property
    def remaining(self) -> float:
        """Seconds until the next call; those of the delay if it was not started yet."""
        return self.delay if self._clock is None else max(0.0, self._due - self._clock.seconds())

    def cancel(self) -> None:
        """Do not call any more. Cancelling twice is harmless."""
        self.active = False
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def start(self, clock: Clock, fired: Callable[[Timer], None]) -> None:
        """For the service: the time runs from now on.

        Args:
            clock: the reactor.
            fired: called each time that it is due.
        """
        self._clock, self._fired = clock, fired
        if self.active and self._call is None:
            self._due = clock.seconds() + self.delay
            self._call = clock.callLater(self.delay, self._ring)

    def rest(self, result: Any) -> Any:
        """Its ``async`` target has ended; gives the result back, as a Deferred's callback does."""
        self.is_busy = False
        return result

    def is_like(self, other: Timer) -> bool:
        """Whether this is the same timer of another generation: same target by name, same times."""
        mine = (self.place, self.delay, self.interval)
        return mine == (other.place, other.delay, other.interval)

    def _ring(self) -> None:
        self._call = None
        assert self._clock is not None  # noqa: S101 - start() was called
        if self.interval is None:
            self.active = False
        else:
            # Counted from when it was due, not from when the busy reactor came to it.
            now = self._clock.seconds()
            missed = int((now - self._due) / self.interval)
            self._due += self.interval * (missed + 1)
            if self._due <= now:  # by rounding: it would be called twice for one instant
                self._due += self.interval
            self._call = self._clock.callLater(max(0.0, self._due - now), self._ring)
        self._fired(self)


class Timers:
    """The timers of one generation."""

    def __init__(self) -> None:
        self._all: dict[Timer, None] = {}
        self._many = _MANY

    def __iter__(self) -> Iterator[Timer]:
        return iter(tuple(self._all))

    def add(self, timer: Timer) -> None:
        """Keep it as long as it is active, or not much longer."""
        self._all[timer] = None
        if len(self._all) > self._many:
            self.tidy()
            self._many = 2 * len(self._all) + _MANY

    def tidy(self) -> None:
        """Forget those that will not call any more."""
        self._all = {timer: None for timer in self._all if timer.active}

    def clear(self) -> None:
        """Forget them all, without cancelling."""
        self._all.clear()

    def cancel(self) -> None:
        """Cancel them all."""
        for timer in self._all:
            timer.cancel()
        self._all.clear()


def _nothing(_: Timer) -> None:
    """Before its start a timer tells nobody."""
