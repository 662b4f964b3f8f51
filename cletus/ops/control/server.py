"""The control socket of a service: open from the end of its start to the begin of its stop."""

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
from cletus.ops.control.protocol import Caller
from cletus.ops.control.socket_path import listen_in, process_of, remove_from
from cletus.service.interfaces import Attachment
from cletus.service.service import Service
from cletus.storage.backends.urls import folder_of

CALLERS_MAX: Final = 32
"""Connections at once, shells among them. Our choice: operators are few."""

_WAIT: Final = 1.0
"""Seconds until the socket is looked at again after the process had no file descriptor left for it."""

_FAREWELL: Final = 1.0
"""Seconds that the last words to a caller may take at the stop; they are on the same machine."""


def control_of(service: Service) -> Iterator[Attachment]:
    """The control socket, if the settings want it and the store is a folder on a disk.

    A reactor that knows no sockets, such as a ``Clock``, has none.
    """
    if not service.settings.control:
        return
    folder = folder_of(service.settings.store)
    reactor = service.reactor
    if folder and IReactorFDSet.providedBy(reactor) and IReactorSocket.providedBy(reactor):
        yield ControlSocket(service, os.path.abspath(folder))


class _Given(Factory):
    """Gives the one protocol that it was made for."""

    noisy = False

    def __init__(self, protocol: Caller) -> None:
        self._protocol = protocol

    def buildProtocol(self, addr: object) -> Caller:
        """See the class."""
        return self._protocol


@implementer(IReadDescriptor)
class ControlSocket:
    """Listens in the store folder, and has a ``Caller`` for each who connects.

    It is no ``listenUNIX`` of Twisted's, which could not take a long path, would let everybody in for
    a moment, and would not stop if somebody had removed its file.

    Args:
        service: it runs on a reactor, and has the lock of the folder.
        folder: the absolute path of the store folder.
        notes: where the note is left by which the service is found.
    """

    log = Logger()

    def __init__(self, service: Service, folder: str, notes: Notes | None = None) -> None:
        self._service = service
        self._reactor: Any = service.reactor
        self._folder = folder
        self._notes = notes or Notes()
        self._listening: socket.socket | None = None
        self._note: Path | None = None
        self._again: Any = None
        self._closed: Deferred[None] | None = None
        self._patience: Any = None
        self.callers: dict[Caller, None] = {}

    def open(self) -> Deferred[None]:
        """Listen. What hinders that is logged, and does not hinder the start."""
        try:
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
        """Listen no more. Who has asked for the stop stays connected until it is done."""
        listening, self._listening = self._listening, None
        if listening is not None:
            self._reactor.removeReader(self)
            remove_from(self._folder)
            listening.close()
        if self._again is not None:
            self._again.cancel()
            self._again = None
        if self._note is not None:
            with suppress(OSError):
                self._note.unlink()
        return self._close_callers()

    def _close_callers(self) -> Deferred[None]:
        """Fires when what they were told at last is sent, or they do not take it."""
        closing = [one for one in self.callers if not one.outlives]
        for caller in closing:
            caller.close()
        if not any(caller in self.callers for caller in closing):
            return succeed(None)
        self._closed = Deferred()
        self._patience = self._reactor.callLater(_FAREWELL, self._lose_patience)
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
        """Somebody connects."""
        listening = self._listening
        if listening is None:
            return
        try:
            connection, _ = listening.accept()
        except (BlockingIOError, ConnectionError, InterruptedError):
            return  # they have thought better of it
        except OSError as error:  # no file descriptor is left, most likely
            self.log.warn("Nobody can be let in by the control socket: {e}", e=str(error))
            self._reactor.removeReader(self)
            self._again = self._reactor.callLater(_WAIT, self._look_again)
            return
        with connection:  # Twisted makes a descriptor of its own
            connection.setblocking(False)
            self._let_in(connection)

    def connectionLost(self, reason: object) -> None:
        """The reactor itself ends, without having stopped the service."""
        if self._listening is not None:
            self.close()

    def logPrefix(self) -> str:
        """For Twisted's own log."""
        return "control"

    def _look_again(self) -> None:
        self._again = None
        self._reactor.addReader(self)

    def _let_in(self, connection: socket.socket) -> None:
        if len(self.callers) >= CALLERS_MAX:
            with suppress(OSError):
                connection.send(line_of(Refusal(f"{CALLERS_MAX} callers are connected already")))
            return
        caller = Caller(self._service, _who(connection), self._gone)
        self.callers[caller] = None
        try:
            self._reactor.adoptStreamConnection(connection.fileno(), socket.AF_UNIX, _Given(caller))
        except OSError as error:
            self._gone(caller)
            self.log.warn("Nobody can be let in by the control socket: {e}", e=str(error))

    def _gone(self, caller: Caller) -> None:
        self.callers.pop(caller, None)
        if self._closed is not None and all(one.outlives for one in self.callers):
            closed, self._closed = self._closed, None
            self._patience.cancel()
            closed.callback(None)

    def _lose_patience(self) -> None:
        closed, self._closed = self._closed, None
        for caller in [one for one in self.callers if not one.outlives]:
            caller.transport.abortConnection()
        if closed is not None:
            closed.callback(None)


def _who(connection: socket.socket) -> str:
    """Who calls, for the log: the kernel tells, so they cannot say otherwise."""
    pid, uid = process_of(connection)
    if uid < 0:
        return "somebody"
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = "somebody"
    return f"{name} (uid {uid}, process {pid})"
