"""One caller on the control socket, from the request to the last answer."""

from __future__ import annotations

import os
from collections.abc import Callable
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from cletus.errors import BadMessage, CletusError
from cletus.ops.control.commands import COMMANDS, Command
from cletus.ops.control.messages import (
    KEYS,
    PIECE,
    REQUESTS,
    Answer,
    Ended,
    Lines,
    Refusal,
    Request,
    Shown,
    line_of,
)

if TYPE_CHECKING:
    import msgspec
    from twisted.python.failure import Failure as Reason

    from cletus.ops.control.shell import Shell
    from cletus.service.service import Service

REQUEST_TIME: Final = 10.0
"""Seconds in which a caller has to say what they want. Our choice: it is said by a program."""

OUTPUT_MAX: Final = 16 << 20
"""Bytes of a shell that may wait for a caller who does not read: then they are dropped."""

#: The two shells. Conch is a fifth of a second to import, which a service that nobody asks for a shell
#: need not spend; so they are imported when the first one is asked for, as entry points are.
_SHELLS: Final = {
    True: "cletus.ops.control.terminal_shell:TerminalShell",
    False: "cletus.ops.control.script_shell:ScriptShell",
}


@implementer(IPushProducer)
class Caller(Protocol):
    """Answers one request.

    Args:
        service: which is asked.
        who: the caller, for the log: ``ann (process 123)``.
        gone: called with this when the connection is gone.

    Attributes:
        outlives: whether the connection is to last until the service has stopped.
    """

    log = Logger()

    transport: Any = None

    def __init__(self, service: Service, who: str, gone: Callable[[Caller], object]) -> None:
        self._service = service
        self._who = who
        self._gone = gone
        self.outlives = False
        self._lines = Lines()
        self._request: Request | None = None
        self._shell: Shell | None = None
        self._working: Deferred[None] | None = None
        self._silence: Any = None
        self._over = False
        self._paused = False
        self._waiting = 0
        self._early: list[bytes] = []  # for a shell that is still being loaded

    # -- the connection ---------------------------------------------------------------------

    def connectionMade(self) -> None:
        """Wait for the request, not for ever."""
        self.transport.registerProducer(self, True)
        self._silence = self._service.reactor.callLater(REQUEST_TIME, self._silent)

    def dataReceived(self, data: bytes) -> None:
        """Some bytes of a request, or of what is typed into a shell."""
        try:
            for line in self._lines.receive(data):
                self._take(line)
        except BadMessage as error:
            self.refuse(str(error))

    def connectionLost(self, reason: Reason | None = None) -> None:
        """Whatever the caller waited for, they wait no more."""
        self._over = True
        self._heard()
        if self._shell is not None:
            shell, self._shell = self._shell, None
            shell.lost()
            self.log.info("{who} has left the shell", who=self._who)
        if self._working is not None and not self.outlives:  # a stop is not taken back
            self._working.cancel()
        self._gone(self)

    def pauseProducing(self) -> None:
        """The caller does not read."""
        self._paused = True

    def resumeProducing(self) -> None:
        """The caller has read what waited."""
        self._paused = False
        self._waiting = 0

    def stopProducing(self) -> None:
        """The connection is closing."""

    # -- what is asked ----------------------------------------------------------------------

    def _take(self, line: bytes) -> None:
        if self._over:
            return
        if self._request is None:
            self._begin(REQUESTS.message(line))
        elif self._shell is not None:
            self._shell.take(KEYS.message(line))
        elif self._request.command == "shell":
            self._early.append(line)
        # Else the answer is being made, and nothing more is wanted of the caller.

    def _begin(self, request: Request) -> None:
        self._request = request
        self._heard()
        if not self._is_meant(request.root):
            roots = self._service.session.application.roots
            self.refuse(f"the service on this store is {roots[0].path}, and not {request.root}")
            return
        command = COMMANDS.get(request.command)
        if command is not None:
            self.log.info("{who} asks for {command}", who=self._who, command=request.command)
            self._run(command)
        elif request.command == "shell":
            self.log.info("{who} opens a shell", who=self._who)
            self._open_shell(request)
        else:
            known = ", ".join([*COMMANDS, "shell"])
            self.refuse(f"there is no command {request.command[:40]!r}; there are {known}")

    def _is_meant(self, root: str) -> bool:
        roots = self._service.session.application.roots
        paths = {os.path.realpath(one.path) for one in roots}
        return not root or not paths or os.path.realpath(root) in paths

    def _run(self, command: Command) -> None:
        self.outlives = command.outlives
        self._working = Deferred.fromCoroutine(self._answer(command))
        self._working.addErrback(self._failed)

    async def _answer(self, command: Command) -> None:
        self._end(Answer(await command.run(self._service)))

    def _failed(self, failure: Failure) -> None:
        if failure.check(CancelledError) and self._over:
            return
        if not failure.check(CletusError):
            self.log.failure("What {who} asked for has failed", failure=failure, who=self._who)
        self.refuse(failure.getErrorMessage())

    def _open_shell(self, request: Request) -> None:
        self.transport.pauseProducing()
        loaded = self._service.in_thread(resolve_name, _SHELLS[request.terminal])
        loaded.addCallback(self._shell_loaded, request)
        loaded.addErrback(self._failed)

    def _shell_loaded(self, kind: type[Shell], request: Request) -> None:
        if self._over:
            return
        self._shell = kind(self._service, self._show, self._shell_ended)
        self._shell.begin(request)
        early, self._early = self._early, []
        self.dataReceived(b"".join(line + b"\n" for line in early))
        if not self._over:
            self.transport.resumeProducing()

    # -- what is answered -------------------------------------------------------------------

    def refuse(self, error: str) -> None:
        """Say why not, and end."""
        self._end(Refusal(error))

    def close(self) -> None:
        """The service stops: a shell ends, and nothing else is answered."""
        if self._shell is not None:
            self._show(b"\r\nThe service stops.\r\n")
            self._shell_ended(0)
        else:
            self.refuse("the service stops")

    def _show(self, data: bytes) -> None:
        for start in range(0, len(data), PIECE):
            self._send(Shown(data[start : start + PIECE]))

    def _shell_ended(self, code: int) -> None:
        self._end(Ended(code))

    def _end(self, message: msgspec.Struct) -> None:
        self._send(message)
        self._heard()
        if not self._over:
            self._over = True
            self.transport.unregisterProducer()
            self.transport.loseConnection()

    def _send(self, message: msgspec.Struct) -> None:
        if self._over:
            return
        line = line_of(message)
        self._waiting += len(line) if self._paused else 0
        if self._waiting > OUTPUT_MAX:
            self._over = True
            self.log.warn("{who} does not read what the shell shows: dropped", who=self._who)
            self.transport.abortConnection()
            return
        self.transport.write(line)

    # -- silence ----------------------------------------------------------------------------

    def _heard(self) -> None:
        if self._silence is not None:
            silence, self._silence = self._silence, None
            silence.cancel()

    def _silent(self) -> None:
        self._silence = None
        self.refuse(f"no request came within {REQUEST_TIME:g} seconds")
