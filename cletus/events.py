"""What can happen in a service: frozen values that listeners are called with.

``@service.listen(events.Receive)`` calls the function for each event of that class and of its
subclasses. Past and present tense follow Twisted: an event tells what happened (or, with ``Pre``,
what is about to).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cletus.client.client import Client
    from cletus.service.report import ReloadReport
    from cletus.service.service import Service


@dataclass(frozen=True, slots=True)
class Event:
    """Anything that happens in a service: ``event.service``."""

    service: Service

    def log_fields(self) -> dict[str, Any]:
        """What log records say while this event is handled: ``event``, the name of its class."""
        return {"event": type(self).__name__}


# -- the service --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PreStart(Event):
    """The service is about to open its doors; nobody is connected yet."""


@dataclass(frozen=True, slots=True)
class PostStart(Event):
    """The doors are open."""


@dataclass(frozen=True, slots=True)
class Status(Event):
    """Somebody asks what this service is (MSSP; crawlers do). Listeners may add to ``values``.

    ``values`` has NAME, PLAYERS, UPTIME, CODEBASE and the ports already; a list has several values.
    """

    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class PreStop(Event):
    """The service is about to stop; everybody is still connected and can be told."""


@dataclass(frozen=True, slots=True)
class PostStop(Event):
    """The doors are closed, the stores saved, everybody gone."""


@dataclass(frozen=True, slots=True)
class PreReload(Event):
    """New code is about to be imported. Call ``veto(reason)`` for it not to be.

    ``changed`` names the modules whose text differs; ``vetoes`` has the reasons given so far.
    """

    changed: tuple[str, ...] = ()
    vetoes: list[str] = field(default_factory=list)

    def veto(self, reason: str) -> None:
        """Refuse this reload; the reason is shown to its author."""
        self.vetoes.append(reason)


@dataclass(frozen=True, slots=True)
class PostReload(Event):
    """The new code is in force; its listeners are called, in the same turn as the commit.

    ``report`` is what ``service.last_reload`` is from now on.
    """

    report: ReloadReport


@dataclass(frozen=True, slots=True)
class ReloadFailed(Event):
    """A reload was refused; nothing has changed. The old code's listeners are called.

    ``report`` says in which phase, and why.
    """

    report: ReloadReport


# -- people -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ClientEvent(Event):
    """Something about one connected person: ``event.client``."""

    client: Client[Service]

    @property
    def user(self) -> Any:
        """Whom the application has put on the client as ``client.user``; ``None`` for a stranger."""
        return getattr(self.client, "user", None)

    def log_fields(self) -> dict[str, Any]:
        """``event``, and what ``client.log_fields()`` says of the client."""
        return {**self.client.log_fields(), "event": type(self).__name__}


@dataclass(frozen=True, slots=True)
class Connect(ClientEvent):
    """A person has come in through a door."""


@dataclass(frozen=True, slots=True)
class Receive(ClientEvent):
    """A person has typed a line, and nothing had asked for it.

    ``data`` is the line without its end: decoded, free of control characters, never longer than
    ``line_max`` bytes were.
    """

    data: str


@dataclass(frozen=True, slots=True)
class Resize(ClientEvent):
    """A person's window has another size, or it has just become known: ``client.terminal``.

    ``columns`` and ``rows`` are in characters.
    """

    columns: int
    rows: int


@dataclass(frozen=True, slots=True)
class Gmcp(ClientEvent):
    """A person's program has sent a message (GMCP; a variable, if it only has MSDP).

    ``package`` is its name as they wrote it. ``data`` is what its JSON means, ``None`` if there was
    none; its strings are free of control characters other than newlines. ``@service.gmcp(package)``
    hears of one.
    """

    package: str
    data: Any


@dataclass(frozen=True, slots=True)
class Disconnect(ClientEvent):
    """A person is gone. What is written to the client from now on goes nowhere.

    ``reason`` is a short phrase for the log: ``"closed by peer"``, ``"slow reader"``, ...
    """

    reason: str
