"""The time of a service: that of its reactor, or of a ``Clock`` in tests."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.interfaces import IReactorCore

from cletus.errors import ServiceStateError


class Clock(Protocol):
    """The part of a reactor that tells the time and calls functions later."""

    def seconds(self) -> float:
        """The time, in seconds since some fixed instant."""

    def callLater(self, delay: float, call: Callable[..., Any], /, *args: Any) -> Any:
        """Call this with these arguments after so many seconds."""


def use_monotonic_clock(reactor: Any) -> None:
    """Have the timers of this reactor go by time that has passed, also if the system's clock is set.

    Twisted's reactors use the wall clock: set back by an hour, nothing is due for an hour. The time still
    looks like seconds since the epoch, so calls that wait already are not affected.
    """
    ahead = time.time() - time.monotonic()
    reactor.seconds = lambda: ahead + time.monotonic()


class ServiceClock:
    """The clock of a service, which may not have been started yet.

    Attributes:
        reactor: the reactor that tells the time; ``None`` before the start.
    """

    def __init__(self) -> None:
        self.reactor: Any = None

    def seconds(self) -> float:
        """The reactor's time; before the start, some other monotonic time."""
        return time.monotonic() if self.reactor is None else float(self.reactor.seconds())

    def now(self) -> float:
        """The date, in seconds since the epoch, for people to read; in tests as ``seconds()``.

        It jumps when somebody sets the clock of the system. To measure time, use ``seconds()``.
        """
        return time.time() if IReactorCore.providedBy(self.reactor) else self.seconds()

    def callLater(self, delay: float, call: Callable[..., Any], *args: Any) -> Any:
        """Twisted's ``callLater``.

        Raises:
            ServiceStateError: the service is not started yet, so nothing would ever be called.
        """
        if self.reactor is None:
            raise ServiceStateError("a service that is not started yet cannot call anything later")
        return self.reactor.callLater(delay, call, *args)
