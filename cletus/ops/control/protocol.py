"""One connection to the control socket, from the request to its answer."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from typing import Any, Final

import msgspec
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from cletus.errors import BadMessage, CletusError
from cletus.logs.audit import audit
from cletus.ops.control.commands import COMMANDS, Command, find_command
from cletus.ops.control.messages import (
    INPUTS,
    REQUESTS,
    Answer,
    Ended,
    Lines,
    Refusal,
    Request,
    line_of,
)
from cletus.ops.control.shell import Shell
from cletus.service.service import Service

REQUEST_TIME: Final = 10.0
"""Seconds in which a client must send its request. Our choice: it is sent by a program."""

OUTPUT_MAX: Final = 16 << 20
"""Bytes of a shell's output that may wait for a client that does not read, before it is dropped."""


@implementer(IPushProducer)
class ControlProtocol(Protocol):
    """Answers one request.

    Args:
        service: the service that is asked.
        operator: who is connected, for the log: ``ann (process 123)``.
        disconnected: called with this protocol when the connection is gone.

    Attributes:
        outlives: whether the connection stays open until the service has stopped.
    """

    log = Logger()

    transport: Any = None

    def __init__(
        self, service: Service, operator: str, disconnected: Callable[[ControlProtocol], object]
    ) -> None:
        self._service = service
        self._operator = operator
        self._disconnected = disconnected
        self.outlives = False
        self._lines = Lines()
        self._request: Request | None = None
        self._shell: Shell | None = None
        self._working: Deferred[None] | None = None
        self._silence: Any = None
        self._over = False
        self._paused = False
        self._waiting = 0

    # -- the connection ---------------------------------------------------------------------

    def connectionMade(self) -> None:
        """Wait for the request, for a limited time."""
        self.transport.registerProducer(self, True)
        self._silence = self._service.reactor.callLater(REQUEST_TIME, self._silent)

    def dataReceived(self, data: bytes) -> None:
        """Bytes of a request, or of the input of a shell."""
        try:
            for line in self._lines.receive(data):
                self._take(line)
        except BadMessage as error:
            self.refuse(str(error))

    def connectionLost(self, reason: Failure | None = None) -> None:
        """Cancel what the client was waiting for."""
        self._over = True
        self._stop_waiting_for_request()
        if self._shell is not None:
            shell, self._shell = self._shell, None
            shell.lost()
            audit(f"{self._operator} has left the shell")
        if self._working is not None and not self.outlives:  # a stop is not taken back
            self._working.cancel()
        self._disconnected(self)

    def pauseProducing(self) -> None:
        """The client does not read."""
        self._paused = True

    def resumeProducing(self) -> None:
        """The client has read what was waiting."""
        self._paused = False
        self._waiting = 0

    def stopProducing(self) -> None:
        """The connection is closing."""

    # -- requests ---------------------------------------------------------------------------

    def _take(self, line: bytes) -> None:
        if self._over:
            return
        if self._request is None:
            self._begin(REQUESTS.message(line))
        elif self._shell is not None:
            self._shell.take(INPUTS.message(line))
        # Else the answer is being prepared, and nothing more is expected of the client.

    def _begin(self, request: Request) -> None:
        self._request = request
        self._stop_waiting_for_request()
        if not self._runs(request.root):
            roots = self._service.session.application.roots
            self.refuse(f"the service on this store is {roots[0].path}, and not {request.root}")
            return
        command = find_command(request.command)
        if command is not None:
            audit(f"{self._operator} asks for {request.command}")
            self._run(command, request)
        elif request.command == "shell":
            audit(f"{self._operator} opens a shell")
            self._shell = Shell(self._service, self._send, is_terminal=request.terminal)
            self._shell.begin()
        else:
            known = ", ".join([*COMMANDS, "shell"])
            self.refuse(f"there is no command {request.command[:40]!r}; there are {known}")

    def _runs(self, root: str) -> bool:
        """Whether the service runs the application of this path."""
        roots = self._service.session.application.roots
        paths = {os.path.realpath(root.path) for root in roots}
        return not root or not paths or os.path.realpath(root) in paths

    def _run(self, command: Command, request: Request) -> None:
        self.outlives = command.outlives
        self._working = Deferred.fromCoroutine(self._answer(command, request))
        self._working.addErrback(self._failed)

    async def _answer(self, command: Command, request: Request) -> None:
        try:
            inspect.signature(command.run).bind(self._service, **request.arguments)
        except TypeError as error:
            raise BadMessage(f"{request.command}: {error}") from None
        self._end(Answer(await command.run(self._service, **request.arguments)))

    def _failed(self, failure: Failure) -> None:
        if failure.check(CancelledError) and self._over:
            return
        if not failure.check(CletusError):
            self.log.failure("The request of {who} has failed", failure=failure, who=self._operator)
        self.refuse(failure.getErrorMessage())

    # -- replies ----------------------------------------------------------------------------

    def refuse(self, error: str) -> None:
        """Send the reason, and close the connection."""
        self._end(Refusal(error))

    def close(self) -> None:
        """The service stops: end a shell, refuse a request."""
        if self._shell is not None:
            self._shell.show("\nThe service stops.\n")
            self._end(Ended(0))
        else:
            self.refuse("the service stops")

    def _end(self, message: msgspec.Struct) -> None:
        self._write(message)
        self._stop_waiting_for_request()
        if not self._over:
            self._over = True
            self.transport.unregisterProducer()
            self.transport.loseConnection()

    def _send(self, message: msgspec.Struct) -> None:
        """Send a message of the shell."""
        if isinstance(message, Ended):
            self._end(message)
        else:
            self._write(message)

    def _write(self, message: msgspec.Struct) -> None:
        if self._over:
            return
        line = line_of(message)
        self._waiting += len(line) if self._paused else 0
        if self._waiting > OUTPUT_MAX:
            self._over = True
            self.log.warn("{who} does not read what the shell shows: dropped", who=self._operator)
            self.transport.abortConnection()
            return
        self.transport.write(line)

    # -- silence ----------------------------------------------------------------------------

    def _stop_waiting_for_request(self) -> None:
        if self._silence is not None:
            silence, self._silence = self._silence, None
            silence.cancel()

    def _silent(self) -> None:
        self._silence = None
        self.refuse(f"no request came within {REQUEST_TIME:g} seconds")
