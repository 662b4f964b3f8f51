"""Listeners: the functions that are called for each class of events, in the order of registration."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from cletus.events import Event

OnReload = Literal["restart", "cancel", "continue"]


@dataclass(frozen=True, slots=True)
class Listener:
    """A function and the class of events that it is called for.

    Attributes:
        event: the class; the function is called for events of its subclasses as well.
        function: a plain function or an ``async def``; it takes the event.
        on_reload: what happens to an ``async def`` that waits for a person's answer when the code is
            reloaded: it starts again from its top, is cancelled, or goes on in the old code.
        imported: whether a module body of the application registered it. A reload does not carry
            such a listener over: the new module body registers its own.
        package: for ``events.Gmcp``, the only package that it is called for; empty for all.
    """

    event: type[Event]
    function: Callable[[Any], Any]
    on_reload: OnReload = "restart"
    imported: bool = False
    package: str = ""

    def hears(self, package: str) -> bool:
        """Whether it is called for this GMCP package: for its own, and for packages inside that."""
        own, name = self.package.lower(), package.lower()
        return not own or name == own or name.startswith(own + ".")

    @property
    def function_name(self) -> str:
        """The full name of its function, for logs: ``example_service.login.connect``."""
        module = getattr(self.function, "__module__", "?")
        return f"{module}.{getattr(self.function, '__qualname__', repr(self.function))}"


class Listeners:
    """The listeners of one generation."""

    def __init__(self) -> None:
        self._all: list[Listener] = []
        self._by_event: dict[type[Event], tuple[Listener, ...]] = {}

    def __iter__(self) -> Iterator[Listener]:
        return iter(tuple(self._all))

    def add(self, listener: Listener) -> None:
        """Add a listener; it is called from the next event on."""
        self._all.append(listener)
        self._by_event.clear()

    def remove(self, function: Callable[[Any], Any]) -> None:
        """Remove the listeners with this function, if there are any."""
        self._all = [listener for listener in self._all if listener.function != function]
        self._by_event.clear()

    def of(self, event: type[Event]) -> tuple[Listener, ...]:
        """The listeners to call for an event of exactly this class."""
        listeners = self._by_event.get(event)
        if listeners is None:
            listeners = tuple(item for item in self._all if issubclass(event, item.event))
            self._by_event[event] = listeners
        return listeners

    def named_like(self, old: Listener) -> Listener | None:
        """The listener with the names of this one of another generation: same function, same event."""
        wanted = old.function_name, event_name(old.event)
        for listener in self._all:
            if (listener.function_name, event_name(listener.event)) == wanted:
                return listener
        return None


def event_name(event: type) -> tuple[str, str]:
    """What classes of events are compared by: the application's own are other classes after a reload."""
    return event.__module__, event.__qualname__
