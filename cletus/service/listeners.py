"""Who is called when something happens: listeners, in the order in which they were registered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from cletus.events import Event

OnReload = Literal["restart", "cancel"]


@dataclass(frozen=True, slots=True)
class Listener:
    """One function and the class of events that it wants to hear of.

    Attributes:
        event: the class; events of its subclasses are heard as well.
        function: a plain function or an ``async def``; it takes the event.
        on_reload: what happens to an ``async def`` that is waiting for a person's answer when the
            code is reloaded: it starts again from its top, or it is cancelled.
        imported: whether a module body of the application registered it; such a listener is not
            carried over by a reload, since the new module body registers its own.
        package: of a listener to ``events.Gmcp``, the one package that it wants; empty for all.
    """

    event: type[Event]
    function: Callable[[Any], Any]
    on_reload: OnReload = "restart"
    imported: bool = False
    package: str = ""

    def hears(self, package: str) -> bool:
        """Whether it wants to hear of messages of this GMCP package, which may be inside its own."""
        mine, name = self.package.lower(), package.lower()
        return not mine or name == mine or name.startswith(mine + ".")

    @property
    def place(self) -> str:
        """Where it stands, for logs: ``example_service.login.connect``."""
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
        """Have it called from the next event on."""
        self._all.append(listener)
        self._by_event.clear()

    def remove(self, function: Callable[[Any], Any]) -> None:
        """Have this function not called any more; unknown ones are ignored."""
        self._all = [listener for listener in self._all if listener.function != function]
        self._by_event.clear()

    def of(self, event: type[Event]) -> tuple[Listener, ...]:
        """Those who hear of events of exactly this class. Looked up once for each class."""
        found = self._by_event.get(event)
        if found is None:
            found = tuple(one for one in self._all if issubclass(event, one.event))
            self._by_event[event] = found
        return found

    def named_like(self, old: Listener) -> Listener | None:
        """The one that stands where this one of another generation stood, if there is one."""
        for listener in self._all:
            if listener.place == old.place and _name(listener.event) == _name(old.event):
                return listener
        return None


def _name(event: type[Event]) -> tuple[str, str]:
    """An application may have events of its own, which are other classes after a reload."""
    return event.__module__, event.__qualname__
