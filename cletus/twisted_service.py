"""A service of ours as one of Twisted's: under ``twist`` and ``twistd``, or among others of its kind."""

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
    """One of Twisted's services: it starts a service of ours, and stops it in order.

    Args:
        service: it was not started yet. Its settings are as it has them by then:
            ``cletus.reload.load.load`` imports an application with its settings.
        reactor: Twisted's.
        owns_process: whether the process is this service's own, as under ``twist cletus``: it ends
            with a failed start (exit code 2, or 1 for a mistake in the code), or when the
            application stops the service; and SIGHUP reloads. If not, a failed start is logged.
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
        """Twisted's: open the store and the doors.

        Raises:
            StartFailed: it cannot be started, and the process is to end.
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
        """Twisted's: fires when everybody was told, all is saved and closed."""
        TwistedService.stopService(self)
        self._sighup.uninstall()
        return self._service.stop()

    def _take_standard_logging(self) -> None:
        """Twisted writes the log; what the application says through ``logging`` is to be in it."""
        names = [root.name for root in self._service.session.application.roots]
        standard = StandardLogging(names)
        standard.begin()
        standard.apply(Levels(self._service.settings.log_levels))

    def _started(self, _: object) -> None:
        for address in self._service.addresses:
            self.log.info("Listening on {address}", address=address)

    def _failed(self, failure: Failure) -> None:
        """Most starts fail at once; others when the reactor is running, and nobody can be raised at."""
        if failure.check(ServiceStopped):
            return
        is_ours = failure.check(CletusError) is not None
        self.log.critical("cletus: {reason}", reason=failure.getErrorMessage())
        if not is_ours:
            self.log.failure("The start has failed", failure=failure)
        if not self._owns_process:
            return
        code = USAGE if is_ours else 1
        if self._in_start:
            self._refused = StartFailed(failure.getErrorMessage(), code)
        else:
            atexit.register(_leave, code)
            self._end_process()

    def _stopped(self, _: object) -> None:
        """If Twisted has not asked for it, the application has."""
        self._sighup.uninstall()
        if self._owns_process and self.running:
            self._end_process()

    def _end_process(self) -> None:
        self._reactor.callWhenRunning(self._stop_reactor)  # what does not run yet cannot be stopped

    def _stop_reactor(self) -> None:
        with suppress(ReactorNotRunning):  # it is stopping already
            self._reactor.stop()


def _leave(code: int) -> None:
    """End with this code: ``twist`` always ends with 0 when the reactor has stopped in order."""
    atexit.unregister(_leave)
    atexit._run_exitfuncs()  # what others have registered is done all the same
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
