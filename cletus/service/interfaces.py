"""What a service is put together from: the words it has for what stands above it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.defer import Deferred

from cletus.service.report import ReloadReport

if TYPE_CHECKING:
    from cletus.service.service import Service


class Door(Protocol):
    """A way in. ``doors/`` has them."""

    address: str

    def open(self) -> Deferred[None]:
        """Start to accept connections; fails with ``DoorError``."""

    def close(self) -> Deferred[None]:
        """Accept no more; those who are connected stay so."""


class Attachment(Protocol):
    """What is opened when the doors are open, and closed before them: a control socket, say."""

    def open(self) -> Deferred[None]:
        """Begin. Fails with a ``CletusError``, which stops the start."""

    def close(self) -> Deferred[None]:
        """End."""


class Reloader(Protocol):
    """What rebuilds the application. ``reload/`` has it."""

    def start(self) -> None:
        """Watch the application's files, if the settings say so."""

    def stop(self) -> None:
        """Watch no more."""

    def request(self) -> Deferred[ReloadReport]:
        """Reload at the next safe point."""

    def rollback(self) -> Deferred[ReloadReport]:
        """Go back to the code of the generation before."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a service is put together from. ``cletus/__init__.py`` states the usual ones."""

    doors: Callable[[Service], Iterable[Door]]
    reloader: Callable[[Service], Reloader]
    run: Callable[[Service, Mapping[str, Any]], None]
    attachments: Callable[[Service], Iterable[Attachment]] = lambda _service: ()
