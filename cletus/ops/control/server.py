"""The control socket of a service: open from the end of its start until its stop begins."""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorFDSet, IReactorSocket, IReadDescriptor
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from zope.interface import implementer

from cletus.ops.control.discovery import Note, Notes
from cletus.ops.control.messages import Refusal, line_of
from cletus.ops.control.protocol import ControlProtocol
from cletus.ops.control.socket_path import listen_in, process_of, remove_from
from cletus.service.interfaces import Attachment
from cletus.service.service import Service
from cletus.storage.backends.urls import state_folder_of

CONNECTIONS_MAX: Final = 32
"""Maximum simultaneous connections, shells included. Our choice: operators are few."""

_RETRY: Final = 1.0
"""Seconds until the next attempt, after the process had no file descriptor left for a connection."""

_FAREWELL: Final = 1.0
"""Seconds that the last replies may take at the stop; clients are on the same machine."""


def control_of(service: Service) -> Iterator[Attachment]:
    """The control socket, if the settings enable it and the store has a folder for it.

    With a reactor that has no sockets, such as a ``Clock``, there is none.
    """
    if not service.settings.control:
        return
    folder = state_folder_of(service.settings.store, service.sources.folder)
    reactor = service.reactor
    if folder and IReactorFDSet.providedBy(reactor) and IReactorSocket.providedBy(reactor):
        yield ControlServer(service, os.path.abspath(folder))


class _FactoryOf(Factory):
    """Returns the protocol that it is given; ``adoptStreamConnection`` takes a factory only."""

    noisy = False

    def __init__(self, protocol: ControlProtocol) -> None:
        self._protocol = protocol

    def buildProtocol(self, addr: object) -> ControlProtocol:
        """See the class."""
        return self._protocol


@implementer(IReadDescriptor)
class ControlServer:
    """Listens in the store folder, with a ``ControlProtocol`` for each connection.

    Twisted's ``listenUNIX`` cannot bind a long path, lets everybody connect for a moment, and does not
    stop if its file has been removed.

    Args:
        service: it runs, and holds the lock of the folder.
        folder: the absolute path of the store folder.
        notes: where to leave the note by which commands find the service.

    Attributes:
        connections: the open ones, in the order in which they came.
    """

    log = Logger()

    def __init__(self, service: Service, folder: str, notes: Notes | None = None) -> None:
        self._service = service
        self._reactor: Any = service.reactor
        self._folder = folder
        self._notes = notes or Notes()
        self._listening: socket.socket | None = None
        self._note: Path | None = None
        self._retry: Any = None
        self._closed: Deferred[None] | None = None
        self._farewell: Any = None
        self.connections: dict[ControlProtocol, None] = {}

    def open(self) -> Deferred[None]:
        """Listen. A failure is logged, and does not stop the service from starting."""
        try:
            os.makedirs(self._folder, 0o700, exist_ok=True)
            self._listening = listen_in(self._folder)
        except OSError as error:
            self.log.warn(
                "There is no control socket, so `cletus status` and the like cannot reach this "
                "service: {reason}",
                reason=str(error),
            )
            return succeed(None)
        self._reactor.addReader(self)
        self._leave_note()
        return succeed(None)

    def close(self) -> Deferred[None]:
        """Stop listening. The client that asked for the stop stays connected until it is done."""
        listening, self._listening = self._listening, None
        if listening is not None:
            self._reactor.removeReader(self)
            remove_from(self._folder)
            listening.close()
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        if self._note is not None:
            with suppress(OSError):
                self._note.unlink()
        return self._close_connections()

    def _close_connections(self) -> Deferred[None]:
        """Fires when the last replies are sent, or not read in time."""
        closing = [protocol for protocol in self.connections if not protocol.outlives]
        for protocol in closing:
            protocol.close()
        if not any(protocol in self.connections for protocol in closing):
            return succeed(None)
        self._closed = Deferred()
        self._farewell = self._reactor.callLater(_FAREWELL, self._abort_connections)
        return self._closed

    def _leave_note(self) -> None:
        for root in self._service.session.application.roots[:1]:
            note = Note(str(root.path), self._folder, os.getpid())
            self._note = self._notes.leave(note)

    # -- for the reactor --------------------------------------------------------------------

    def fileno(self) -> int:
        """Of the listening socket."""
        return -1 if self._listening is None else self._listening.fileno()

    def doRead(self) -> None:
        """Accept a connection."""
        listening = self._listening
        if listening is None:
            return
        try:
            connection, _ = listening.accept()
        except (BlockingIOError, ConnectionError, InterruptedError):
            return  # the client has gone already
        except OSError as error:  # no file descriptor is left, most likely
            self.log.warn("The control socket cannot accept a connection: {e}", e=str(error))
            self._reactor.removeReader(self)
            self._retry = self._reactor.callLater(_RETRY, self._listen_again)
            return
        with connection:  # Twisted duplicates the descriptor
            connection.setblocking(False)
            self._adopt(connection)

    def connectionLost(self, reason: object) -> None:
        """The reactor ends without having stopped the service."""
        if self._listening is not None:
            self.close()

    def logPrefix(self) -> str:
        """For Twisted's own log."""
        return "control"

    def _listen_again(self) -> None:
        self._retry = None
        self._reactor.addReader(self)

    def _adopt(self, connection: socket.socket) -> None:
        if len(self.connections) >= CONNECTIONS_MAX:
            with suppress(OSError):
                connection.send(
                    line_of(Refusal(f"{CONNECTIONS_MAX} clients are connected already"))
                )
            return
        protocol = ControlProtocol(self._service, _operator(connection), self._disconnected)
        self.connections[protocol] = None
        try:
            self._reactor.adoptStreamConnection(
                connection.fileno(), socket.AF_UNIX, _FactoryOf(protocol)
            )
        except OSError as error:
            self._disconnected(protocol)
            self.log.warn("The control socket cannot accept a connection: {e}", e=str(error))

    def _disconnected(self, protocol: ControlProtocol) -> None:
        self.connections.pop(protocol, None)
        if self._closed is not None and all(protocol.outlives for protocol in self.connections):
            closed, self._closed = self._closed, None
            self._farewell.cancel()
            closed.callback(None)

    def _abort_connections(self) -> None:
        closed, self._closed = self._closed, None
        for protocol in list(self.connections):
            if not protocol.outlives:
                protocol.transport.abortConnection()
        if closed is not None:
            closed.callback(None)


def _operator(connection: socket.socket) -> str:
    """Who connects, for the log, as the kernel knows it."""
    pid, uid = process_of(connection)
    if uid < 0:
        return "somebody"
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = "somebody"
    return f"{name} (uid {uid}, process {pid})"
