"""The components of a service that live in higher rooms, and what the service asks of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from twisted.internet.defer import Deferred

from cletus.service.report import ReloadReport


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
class Components:
    """What a service is put together from; each function is called with the service.

    Attributes:
        doors: makes the doors to open at the start.
        reloader: makes what rebuilds the application.
        run: runs the service as a program, with the settings that ``service.run()`` was given.
        attachments: makes what is opened after the doors, in this order, and closed in reverse.
        default: the components of a service that is made without any. ``cletus/__init__.py`` sets it
            once: it stands above all of them.
    """

    default: ClassVar[Components]

    doors: Callable[[Any], Iterable[Door]]
    reloader: Callable[[Any], Reloader]
    run: Callable[[Any, Mapping[str, Any]], None]
    attachments: Callable[[Any], Iterable[Attachment]] = lambda _service: ()
