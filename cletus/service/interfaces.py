"""The components of a service that live in higher rooms, and what the service asks of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from twisted.internet.defer import Deferred

from cletus.service.report import ReloadReport


class Door(Protocol):
    """Accepts connections; ``doors/`` implements it."""

    address: str

    def open(self) -> Deferred[None]:
        """Accept connections. Fails with ``DoorError``."""

    def close(self) -> Deferred[None]:
        """Accept no more connections. Those that are open stay open."""


class Attachment(Protocol):
    """Something that is opened after the doors and closed before them, such as the control socket."""

    def open(self) -> Deferred[None]:
        """Open it. A failure fails the start of the service."""

    def close(self) -> Deferred[None]:
        """Close it."""


class Reloader(Protocol):
    """Rebuilds the application; ``reload/`` implements it."""

    def start(self) -> None:
        """Watch the application's files, if the setting ``reload`` is on."""

    def stop(self) -> None:
        """Stop watching."""

    def request(self) -> Deferred[ReloadReport]:
        """Reload at the next safe point."""

    def rollback(self) -> Deferred[ReloadReport]:
        """Go back to the code before the latest reload."""


@dataclass(frozen=True, slots=True)
class Components:
    """What a service is put together from. Each function is called with the service.

    Attributes:
        doors: returns the doors, at the start.
        reloader: returns the reloader, at the start.
        run: runs the service as a program; it is given the settings of ``service.run()``, too.
        attachments: returns the attachments, at the start; they are opened in this order.
        default: the components of a service that is made without any. ``cletus/__init__.py`` sets
            it once, since the modules that implement them import this one.
    """

    default: ClassVar[Components]

    doors: Callable[[Any], Iterable[Door]]
    reloader: Callable[[Any], Reloader]
    run: Callable[[Any, Mapping[str, Any]], None]
    attachments: Callable[[Any], Iterable[Attachment]] = lambda _service: ()
