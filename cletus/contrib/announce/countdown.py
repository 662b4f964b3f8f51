"""Countdowns: announce an event, and how long it is until then: ``shutdown in 5m``."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, ClassVar

from twisted.internet.error import ReactorNotRunning
from twisted.internet.interfaces import IReactorCore

from cletus.contrib.language import say_duration
from cletus.logs.audit import audit
from cletus.service.timers import Timer
from cletus.storage import Field, Store
from cletus.text import gettext as _


class BaseCountdown(Store):
    """The base of an application's countdown stores, which are usually temporary.

    The countdown runs in a timer of the service, so a reload does not affect it.

    Attributes:
        due: the time, by the service's clock, at which it ends; ``None`` while it is not running.
        reason: shown in announcements; may be empty.
        timer: of the next announcement.
    """

    abstract = True
    #: Seconds before the end at which it is announced, beside the announcement at its start.
    marks: ClassVar[tuple[int, ...]] = (3600, 1800, 900, 600, 300, 120, 60, 30, 10, 5, 4, 3, 2, 1)

    due: Field[float | None] = Field(None, session=True, type=float)
    reason: Field[str] = Field("", session=True)
    timer: Field[Timer | None] = Field(None, session=True)

    # -- to override ------------------------------------------------------------------------

    def finished(self) -> Any:
        """Called at the end. It may be ``async``."""
        raise NotImplementedError

    def announcement(self, remaining: str) -> str:
        """The announcement. ``remaining`` is the remaining time in words."""
        return _(
            "*** In {remaining}: {reason} ***", remaining=remaining, reason=self.reason or self.key
        )

    def cancellation(self) -> str:
        """The announcement when it is cancelled."""
        return _("*** Cancelled: {reason} ***", reason=self.reason or self.key)

    def announce(self, text: str) -> None:
        """Send an announcement; by default to everybody who is connected."""
        self.service.write_all(text)

    # -- running ----------------------------------------------------------------------------

    @property
    def is_running(self) -> bool:
        """Whether it has been started and has not ended."""
        return self.due is not None

    @property
    def remaining(self) -> float:
        """Seconds to the end; 0.0 if it is not running."""
        return 0.0 if self.due is None else max(0.0, self.due - self.service.clock.seconds())

    def start(self, seconds: float, reason: str = "") -> None:
        """Start it, or start it again with another duration."""
        self._stop()
        self.due = self.service.clock.seconds() + seconds
        self.reason = reason
        if seconds:
            self.announce(self.announcement(say_duration(seconds)))
        self._wait()

    def cancel(self) -> bool:
        """Cancel it.

        Returns:
            Whether it was running.
        """
        if not self.is_running:
            return False
        self._stop()
        self.announce(self.cancellation())
        return True

    def tick(self) -> Any:
        """Called by the timer: announce the remaining time, or end."""
        if self.remaining < 0.5:  # timers may fire a moment early
            self._stop()
            return self.finished()
        self.announce(self.announcement(say_duration(self.remaining)))
        self._wait()
        return None

    # -- inside -----------------------------------------------------------------------------

    def _wait(self) -> None:
        remaining = self.remaining
        mark = next((mark for mark in self.marks if mark < remaining - 0.5), 0)
        self.timer = self.service.call_later(remaining - mark, self.tick)

    def _stop(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
        self.due = self.timer = None


class BaseShutdown(BaseCountdown):
    """A countdown to the stop of the service, and of the process that runs it."""

    abstract = True

    def start(self, seconds: float, reason: str = "") -> None:
        """Plan the shutdown, or plan it anew."""
        audit("shutdown planned", f"in {say_duration(seconds)}", outcome=reason)
        super().start(seconds, reason)

    def cancel(self) -> bool:
        """Cancel the shutdown; whether it was planned."""
        was_planned = super().cancel()
        if was_planned:
            audit("shutdown cancelled")
        return was_planned

    def announcement(self, remaining: str) -> str:
        """The announcement."""
        reason = f" ({self.reason})" if self.reason else ""
        return _("*** Shutdown in {remaining}{reason}. ***", remaining=remaining, reason=reason)

    def cancellation(self) -> str:
        """The announcement when it is cancelled."""
        return _("*** The shutdown is cancelled. ***")

    def finished(self) -> Any:
        """Stop the service, and then the reactor."""
        return self.service.stop().addCallback(lambda _: _stop(self.service.reactor))


def _stop(reactor: Any) -> None:
    """End the process; in tests the reactor is a ``Clock``, which cannot be stopped."""
    if IReactorCore.providedBy(reactor):
        with suppress(ReactorNotRunning):  # `cletus run` may have stopped it already
            reactor.stop()
