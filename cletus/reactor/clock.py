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


class _PermittedCall:
    """A call that is made when it is due and permitted. It is what ``callLater`` returns, too.

    Attributes:
        f: the function that is called in the end, named as in Twisted's ``LoopingCall``.
    """

    def __init__(
        self, clock: ServiceClock, delay: float, f: Callable[..., Any], args: tuple[Any, ...]
    ) -> None:
        self.f = f
        self._args = args
        self._clock = clock
        self._waits = False
        self._call = clock.call_unasked(delay, self)

    def __call__(self) -> None:
        self._waits = not self._clock.permits(self._go_on)
        if not self._waits:
            self.f(*self._args)

    def _go_on(self) -> None:
        if self._waits:  # not cancelled meanwhile
            self()

    def active(self) -> bool:
        """As in ``IDelayedCall``."""
        return self._waits or bool(self._call.active())

    def cancel(self) -> None:
        """As in ``IDelayedCall``."""
        if self._waits:
            self._waits = False
        else:
            self._call.cancel()

    def getTime(self) -> float:
        """As in ``IDelayedCall``."""
        return float(self._call.getTime())


class ServiceClock:
    """The clock of a service, which may not have been started yet.

    Attributes:
        reactor: the reactor that tells the time; ``None`` before the start.
        permit: is asked whether the application may do something now. If not, it makes the call that it is
            given when that has changed. ``None``: it always may. A primary of a cluster that has hung asks the
            engine first whether it still is the primary.
    """

    def __init__(self) -> None:
        self.reactor: Any = None
        self.permit: Callable[[Callable[[], None]], bool] | None = None

    def permits(self, go_on: Callable[[], None]) -> bool:
        """Whether the application may do something now; if not, ``go_on`` is called when it may."""
        return self.permit is None or self.permit(go_on)

    def seconds(self) -> float:
        """The reactor's time; before the start, some other monotonic time."""
        return time.monotonic() if self.reactor is None else float(self.reactor.seconds())

    def now(self) -> float:
        """The date, in seconds since the epoch, for people to read; in tests as ``seconds()``.

        It jumps when somebody sets the clock of the system. To measure time, use ``seconds()``.
        """
        return time.time() if IReactorCore.providedBy(self.reactor) else self.seconds()

    def callLater(self, delay: float, call: Callable[..., Any], *args: Any) -> Any:
        """Twisted's ``callLater``. The call waits until it is permitted, too.

        Raises:
            ServiceStateError: the service is not started yet, so nothing would ever be called.
        """
        if self.permit is not None:
            return _PermittedCall(self, delay, call, args)
        return self.call_unasked(delay, call, *args)

    def call_unasked(self, delay: float, call: Callable[..., Any], *args: Any) -> Any:
        """As ``callLater``, and nobody is asked for permission: for what is not the application's."""
        if self.reactor is None:
            raise ServiceStateError("a service that is not started yet cannot call anything later")
        return self.reactor.callLater(delay, call, *args)
