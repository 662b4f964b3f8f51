"""The components of a service that live in higher rooms, and what the service asks of them."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, runtime_checkable

from twisted.internet.defer import Deferred

from cletus.service.report import ReloadReport
from cletus.service.restart_report import RestartReport
from cletus.storage import Document


class Door(Protocol):
    """Accepts connections; ``doors/`` implements it."""

    address: str

    def open(self) -> Deferred[None]:
        """Accept connections. Fails with ``DoorError``."""

    def close(self) -> Deferred[None]:
        """Accept no more connections. Those that are open stay open."""


class Purpose(enum.Enum):
    """What a socket is for that one process leaves to another."""

    LISTENING = "listening"
    #: Somebody has connected, and nothing is known of them yet.
    NEW = "new"
    CONNECTION = "connection"


@dataclass(slots=True)
class Left:
    """A socket that a door leaves to the same door in another process.

    Attributes:
        purpose: what it is for.
        descriptor: of the socket; the receiver closes it when it has made a copy. -1: there is none.
        state: plain data, of the door that left it.
        client_id: whose connection it is; 0 if it is not one.
    """

    purpose: Purpose
    descriptor: int
    state: dict[str, Any] = field(default_factory=dict)
    client_id: int = 0


@runtime_checkable
class MovableDoor(Door, Protocol):
    """A door whose sockets another process can take over.

    Attributes:
        configured: what it was asked to listen on, by which the other process recognises the door.
    """

    configured: str

    def finish_reading(self) -> None:
        """Handle what has arrived and is not handled yet, since another process could not."""

    def leave(self) -> list[Left]:
        """What another process needs to go on. Nothing may be read or sent until ``stay()``."""

    def stay(self) -> None:
        """The other process does not take over: go on here."""

    def left(self) -> None:
        """The other process has taken over: never touch these sockets again."""

    def take_over(self, left: Left, client: Mapping[str, Any] | None) -> Any:
        """Go on with a socket that another process has left.

        Nothing is read from it or sent to it before the reactor's next turn.

        Args:
            left: what ``leave()`` has returned there.
            client: the state of the client whose connection it is.

        Returns:
            The client; ``None`` for another purpose.

        Raises:
            OSError: the peer is gone.
            RestartError: the socket is not the one that the state belongs to.
        """


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


class Restarter(Protocol):
    """Replaces the process of a service; ``restart/`` implements it."""

    def request(
        self, *, check: bool = False, force: bool = False, asked_by: int = 0
    ) -> Deferred[RestartReport]:
        """Restart. The Deferred also fires when the new process has taken over, right before this one ends.

        Args:
            check: find out whether a new process could take over, and go on.
            force: end code that is at work, in place of waiting for it.
            asked_by: the id of the client who gets the report.
        """


class Cluster(Protocol):
    """Several processes of which one runs the service, the primary; ``cluster/`` implements it.

    Attributes:
        exit_code: with which this process ends if it has stopped in order.
        takeover: whether the primary before has handed over; ``None`` if there was none.
    """

    exit_code: int
    takeover: bool | None

    def claim(self) -> Deferred[int]:
        """Wait until this process is the primary.

        Returns:
            Fires with the epoch, which is higher than that of each primary before.
        """

    def claim_after(self, epoch: int) -> Deferred[int]:
        """Claim anew, since this epoch was given before.

        Returns:
            Fires with a later one; with 0 if another process is the primary, and this one ends.
        """

    def doors(self) -> Iterable[Door]:
        """The doors of a primary, in place of the service's own."""

    def started(self) -> Deferred[None]:
        """The service runs; the code that the primary before ran is taken now. It does not fail."""

    def stays(self) -> Deferred[bool]:
        """Whether another process goes on when this one stops now, so that nobody need be disconnected.

        If so, no line is handled any more.
        """

    def members(self) -> Deferred[list[dict[str, Any]]]:
        """The processes of the cluster, as JSON values: ``role``, ``name``, ``people`` and ``age``."""

    async def hand_over(self) -> list[str]:
        """Stop soon, and let another process go on; nobody is disconnected.

        Returns:
            What the other process will not have, a sentence each.

        Raises:
            ServiceStateError: no other process stands by.
        """

    def is_saved(self, document: Document) -> bool:
        """Whether this text of a document is known to be the saved one; asked before ``leave()``."""

    def leave(self) -> Deferred[object]:
        """Give the state of everything to the process that goes on. Everything is saved, and the store open."""

    def close(self) -> Deferred[None]:
        """Be the primary no longer. It is called when everything is saved."""


@dataclass(frozen=True, slots=True)
class Components:
    """What a service is put together from. Each function is called with the service.

    Attributes:
        doors: returns the doors, at the start.
        reloader: returns the reloader, at the start.
        run: runs the service as a program; it is given the settings of ``service.run()``, too.
        attachments: returns the attachments, at the start; they are opened in this order.
        cluster: returns what makes this process one of several; ``None`` if it is the only one.
        default: the components of a service that is made without any. ``cletus/__init__.py`` sets
            it once, since the modules that implement them import this one.
    """

    default: ClassVar[Components]

    doors: Callable[[Any], Iterable[Door]]
    reloader: Callable[[Any], Reloader]
    run: Callable[[Any, Mapping[str, Any]], None]
    attachments: Callable[[Any], Iterable[Attachment]] = lambda _service: ()
    cluster: Callable[[Any], Cluster | None] = lambda _service: None
