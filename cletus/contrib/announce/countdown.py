"""Telling everybody what is going to happen, and when: ``shutdown in 5m``."""

from __future__ import annotations

from typing import Any, ClassVar

from twisted.internet.interfaces import IReactorCore

from cletus.contrib.language import say_duration
from cletus.service.timers import Timer
from cletus.storage import Field, Store


class BaseCountdown(Store):
    """The base of an application's ``Countdown`` stores; they are best temporary.

    The time runs in a timer of the service, so a reload does not touch it.

    Attributes:
        due: the time, by the service's clock, at which it ends; ``None`` while it does not run.
        reason: why, as people are told; may be empty.
        timer: of the next announcement.
    """

    abstract = True
    #: Seconds before the end at which it is announced, beside the beginning.
    marks: ClassVar[tuple[int, ...]] = (3600, 1800, 900, 600, 300, 120, 60, 30, 10, 5, 4, 3, 2, 1)

    due: Field[float | None] = Field(None, session=True, type=float)
    reason: Field[str] = Field("", session=True)
    timer: Field[Timer | None] = Field(None, session=True)

    # -- to override ------------------------------------------------------------------------

    def finished(self) -> Any:
        """Called at the end. It may be ``async``."""
        raise NotImplementedError

    def announcement(self, remaining: str) -> str:
        """What people are told, with the time that remains in words."""
        return f"*** In {remaining}: {self.reason or self.key} ***"

    def cancellation(self) -> str:
        """What people are told when it is called off."""
        return f"*** Called off: {self.reason or self.key} ***"

    def announce(self, text: str) -> None:
        """Tell people; by default everybody who is connected."""
        self.service.write_all(text)

    # -- running ----------------------------------------------------------------------------

    @property
    def is_running(self) -> bool:
        """Whether it is under way."""
        return self.due is not None

    @property
    def remaining(self) -> float:
        """Seconds to the end; 0.0 if it does not run."""
        return 0.0 if self.due is None else max(0.0, self.due - self.service.clock.seconds())

    def start(self, seconds: float, reason: str = "") -> None:
        """Begin; one that runs already is replaced."""
        self._stop()
        self.due = self.service.clock.seconds() + seconds
        self.reason = reason
        if seconds:
            self.announce(self.announcement(say_duration(seconds)))
        self._wait()

    def cancel(self) -> bool:
        """Call it off.

        Returns:
            whether it had been running.
        """
        if not self.is_running:
            return False
        self._stop()
        self.announce(self.cancellation())
        return True

    def tick(self) -> Any:
        """For the timer: announce what remains, or end."""
        if self.remaining < 0.5:  # an instant early is on time
            self._stop()
            return self.finished()
        self.announce(self.announcement(say_duration(self.remaining)))
        self._wait()
        return None

    # -- inside -----------------------------------------------------------------------------

    def _wait(self) -> None:
        left = self.remaining
        mark = next((mark for mark in self.marks if mark < left - 0.5), 0)
        self.timer = self.service.call_later(left - mark, self.tick)

    def _stop(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
        self.due = self.timer = None


class BaseShutdown(BaseCountdown):
    """A countdown to the stop of the service, and of the process that runs it."""

    abstract = True

    def announcement(self, remaining: str) -> str:
        """What people are told."""
        because = f" ({self.reason})" if self.reason else ""
        return f"*** We close in {remaining}{because}. ***"

    def cancellation(self) -> str:
        """What people are told when it is called off."""
        return "*** We do not close after all. ***"

    def finished(self) -> Any:
        """Stop."""
        return self.service.stop().addCallback(lambda _: _stop(self.service.reactor))


def _stop(reactor: Any) -> None:
    """The process ends with its reactor; a ``Clock`` has none."""
    if IReactorCore.providedBy(reactor):
        reactor.stop()
