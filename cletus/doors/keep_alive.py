"""Signs of life on all connections of a door: one timer, and not one for each connection."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from cletus.service.service import Service


class _Connection(Protocol):
    def keep_alive(self) -> None:
        """Send something that means nothing, so that routers on the way remember the connection."""


class KeepAlive:
    """Sends a sign of life every ``keep_alive`` seconds; never if that is 0.

    Args:
        service: its reactor and its settings.
        connections: returns the open connections.
    """

    def __init__(self, service: Service, connections: Callable[[], Iterable[_Connection]]) -> None:
        self._service = service
        self._connections = connections
        self._timer: Any = None

    def start(self) -> None:
        """Begin; the door is open."""
        interval = self._service.settings.keep_alive
        if interval:
            self._timer = self._service.reactor.callLater(interval, self._send)

    def stop(self) -> None:
        """Send nothing more. Calling it twice is harmless."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _send(self) -> None:
        self._timer = None
        for connection in tuple(self._connections()):
            connection.keep_alive()
        self.start()
