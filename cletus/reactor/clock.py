"""Time, as the service sees it: the reactor's, or that of a ``Clock`` in tests."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from cletus.errors import ServiceStateError

if TYPE_CHECKING:
    from cletus.service.service import Service


class Clock(Protocol):
    """What is needed of a reactor."""

    def seconds(self) -> float:
        """The time, in seconds since some fixed instant."""

    def callLater(self, delay: float, call: Callable[..., Any], /) -> Any:
        """Call this after so many seconds."""


class ServiceClock:
    """The clock of a service that may not have been started yet.

    Args:
        service: whose reactor tells the time.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    def seconds(self) -> float:
        """The reactor's time; before the start, some other monotonic time."""
        reactor = self._service.reactor
        return time.monotonic() if reactor is None else float(reactor.seconds())

    def callLater(self, delay: float, call: Callable[..., Any], *args: Any) -> Any:
        """Twisted's ``callLater``.

        Raises:
            ServiceStateError: the service was not started yet, so nothing would ever be called.
        """
        if self._service.reactor is None:
            raise ServiceStateError(
                "nothing can be done later by a service that is not started yet"
            )
        return self._service.reactor.callLater(delay, call, *args)
