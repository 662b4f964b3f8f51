"""A Cletus service as a Twisted service: under ``twist`` and ``twistd``, or beside other services."""

from __future__ import annotations

import atexit
import os
import sys
from contextlib import suppress
from typing import Any

from twisted.application.service import Service as TwistedService
from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.logger import Logger
from twisted.python.failure import Failure

from cletus.errors import USAGE, CletusError, ServiceStopped, StartFailed
from cletus.logs.levels import Levels
from cletus.logs.standard import StandardLogging
from cletus.ops.sighup import SighupHandler
from cletus.service.service import Service


class CletusService(TwistedService):
    """A Twisted service that starts and stops a Cletus service.

    Args:
        service: it has not been started. ``cletus.reload.load.load`` makes it, with its settings.
        reactor: Twisted's reactor.
        owns_process: whether the process is there for this service alone, as under ``twist cletus``.
            If so, the process ends when the start fails (exit code 2, or 1 after an error in the
            code) or when the application stops the service, and SIGHUP reloads. If not, a failed
            start is only logged.
    """

    log = Logger()

    def __init__(self, service: Service, reactor: Any, *, owns_process: bool = True) -> None:
        self._service = service
        self._reactor = reactor
        self._owns_process = owns_process
        self._sighup = SighupHandler(service, reactor, self._end_process)
        self._refused: StartFailed | None = None
        self._in_start = False

    def startService(self) -> None:
        """Called by Twisted: open the store and the doors.

        Raises:
            StartFailed: the start has failed, and the process must end.
        """
        TwistedService.startService(self)
        if self._owns_process:
            self._sighup.install()
            self._take_standard_logging()
        self._in_start = True
        try:
            self._service.start(self._reactor).addCallbacks(self._started, self._failed)
        finally:
            self._in_start = False
        if self._refused is not None:
            raise self._refused
        self._service.lifecycle.when_stopped().addCallback(self._stopped)

    def stopService(self) -> Deferred[None]:
        """Called by Twisted: fires when the clients are gone and the stores are saved and closed."""
        TwistedService.stopService(self)
        self._sighup.uninstall()
        return self._service.stop()

    def _take_standard_logging(self) -> None:
        """Twisted writes the log; records of Python's ``logging`` are to be in it."""
        names = [root.name for root in self._service.session.application.roots]
        standard = StandardLogging(names)
        standard.begin()
        standard.apply(Levels(self._service.settings.log_levels))

    def _started(self, _: object) -> None:
        for address in self._service.addresses:
            self.log.info("Listening on {address}", address=address)

    def _failed(self, failure: Failure) -> None:
        """End the process: by raising if ``startService`` is still running, else by an exit code."""
        if failure.check(ServiceStopped):
            return
        is_expected = failure.check(CletusError) is not None
        self.log.critical("cletus: {reason}", reason=failure.getErrorMessage())
        if not is_expected:
            self.log.failure("The start has failed", failure=failure)
        if not self._owns_process:
            return
        code = USAGE if is_expected else 1
        if self._in_start:
            self._refused = StartFailed(failure.getErrorMessage(), code)
        else:
            atexit.register(_leave, code)
            self._end_process()

    def _stopped(self, _: object) -> None:
        """End the process if it was the application that stopped the service, and not Twisted."""
        self._sighup.uninstall()
        if self._owns_process and self.running:
            self._end_process()

    def _end_process(self) -> None:
        self._reactor.callWhenRunning(self._stop_reactor)  # before, it cannot be stopped

    def _stop_reactor(self) -> None:
        with suppress(ReactorNotRunning):  # it is stopping already
            self._reactor.stop()


def _leave(code: int) -> None:
    """End the process with this code: ``twist`` ends with 0 whenever the reactor has stopped in order."""
    atexit.unregister(_leave)
    atexit._run_exitfuncs()  # those that others have registered: os._exit() calls none
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
