"""Code that waits for an event: ``service.wait_for()``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from cletus.errors import CallTimedOut, WaitTimedOut
from cletus.events import Event
from cletus.reactor.clock import ServiceClock
from cletus.service.listeners import event_name

EventT = TypeVar("EventT", bound=Event)
Match = Callable[[Any], object]


class Waits:
    """The Deferreds that fire with an event of a class, in the order in which they were asked for.

    A class is known by its name: code that began to wait before a reload names the old class of an
    event of the application, and is to hear events of the new class.

    Attributes:
        by_name: those that wait, by the name of the class; empty while nobody waits.
    """

    def __init__(self) -> None:
        self.by_name: dict[tuple[str, str], dict[Deferred[Any], Match | None]] = {}

    def __len__(self) -> int:
        return sum(map(len, self.by_name.values()))

    def add(
        self,
        event: type[EventT],
        match: Callable[[EventT], object] | None,
        seconds: float,
        clock: ServiceClock,
    ) -> Deferred[EventT]:
        """Wait for an event for so many seconds, or without a limit if they are 0."""
        name = event_name(event)
        wait: Deferred[EventT] = Deferred(partial(self._cancelled, name))
        if seconds:

            def timed_out(_: object, seconds: float) -> NoReturn:
                raise WaitTimedOut(event.__name__, seconds)

            wait.addTimeout(seconds, clock, timed_out)  # type: ignore[arg-type]  # callLater is enough
        self.by_name.setdefault(name, {})[wait] = match
        return wait

    def heard(self, event: Event) -> None:
        """Fire the Deferreds that wait for this event. A ``match`` that raises fails its own."""
        for name in map(event_name, type(event).__mro__):
            # A copy: code that goes on may wait for the next event of the class.
            for wait, match in tuple(self.by_name.get(name, {}).items()):
                self._offer(name, wait, match, event)

    def _offer(
        self, name: tuple[str, str], wait: Deferred[Any], match: Match | None, event: Event
    ) -> None:
        result: Event | Failure = event
        try:
            if match is not None and not match(event):
                return
        except (Exception, SystemExit, CallTimedOut):  # noqa: BLE001 - as for listeners
            result = Failure()
        if self._remove(name, wait):
            wait.callback(result)

    def _cancelled(self, name: tuple[str, str], wait: Deferred[Any]) -> None:
        self._remove(name, wait)

    def _remove(self, name: tuple[str, str], wait: Deferred[Any]) -> bool:
        """Whether it was still waiting: other code may have cancelled it meanwhile."""
        waits = self.by_name.get(name, {})
        if wait not in waits:
            return False
        del waits[wait]
        if not waits:
            del self.by_name[name]
        return True
