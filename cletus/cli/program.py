"""A service as the program of a process: log, signals, exit code."""

from __future__ import annotations

import signal
from contextlib import suppress
from functools import partial
from types import FrameType
from typing import Any

import click
from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.logger import Logger
from twisted.python.failure import Failure

from cletus.cli.panel import show_started
from cletus.errors import USAGE, CletusError, ServiceStopped
from cletus.logs import begin_logging
from cletus.ops.sighup import SighupHandler
from cletus.restart.predecessor import Predecessor
from cletus.restart.predecessor import Program as StartedProgram
from cletus.restart.successor import Successor, channel_of
from cletus.service.service import Service
from cletus.service.succession import hub_descriptor


class Program:
    """Runs one service until it is stopped.

    Args:
        service: it was not started yet.
        reactor: Twisted's.

    Attributes:
        exit_code: 0 after an orderly stop, 2 if the service could not be started as asked, 1 if an
            error of the code stopped the start. A primary that has handed over ends with another.
    """

    log = Logger()

    def __init__(self, service: Service, reactor: Any) -> None:
        self._service = service
        self._reactor = reactor
        self._sighup = SighupHandler(service, reactor, partial(self._stopped, None))
        self._program = StartedProgram.present()
        self.exit_code = 0

    def run(self) -> int:
        """Run the reactor until the service has stopped; returns the exit code."""
        roots = self._service.session.application.roots
        begin_logging(self._service, [root.name for root in roots])
        self._reactor.callWhenRunning(self._start)
        self._reactor.addSystemEventTrigger("before", "shutdown", self._stop)
        self._service.lifecycle.when_stopped().addCallback(self._stopped)
        self._reactor.run()
        cluster = self._service.lifecycle.cluster
        return self.exit_code or (0 if cluster is None else cluster.exit_code)

    def _start(self) -> None:
        self._sighup.install()
        signal.signal(signal.SIGUSR2, self._restart_asked)
        channel = channel_of()
        if channel is not None:
            # It ends the process if it fails.
            successor = Successor(self._service, self._reactor, self._program, channel)
            successor.start().addErrback(self._failed)
            return
        self._service.start(self._reactor).addCallbacks(self._started, self._failed)

    def _restart_asked(self, _signal: int, _frame: FrameType | None) -> None:
        """A handler may run between any two instructions, so it only asks the reactor."""
        self._reactor.callFromThread(self._service.restart)

    def _stop(self) -> Deferred[None]:
        """Stop in order; a second Ctrl-C ends the process at once."""
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:  # as in a background job of a shell
                signal.signal(number, signal.SIG_DFL)
        return self._service.stop()

    def _stopped(self, _: object) -> None:
        """By a signal, by the application itself, or after a failed start."""
        with suppress(ReactorNotRunning):  # it is already stopping
            self._reactor.stop()

    def _started(self, _: object) -> None:
        if not self._service.settings.cluster:  # there, another process goes on
            predecessor = Predecessor(self._service, self._reactor, self._program)
            self._service.lifecycle.restarter = predecessor
        if hub_descriptor() < 0:  # else the parent shows where the gateways listen
            show_started(self._service)

    def _failed(self, failure: Failure) -> None:
        if failure.check(ServiceStopped):
            return  # by Ctrl-C, for instance: that is not a failure
        self.exit_code = USAGE if failure.check(CletusError) else 1
        click.echo(f"cletus: {failure.getErrorMessage()}", err=True)
        if self.exit_code != USAGE:
            self.log.failure("The start has failed", failure=failure)
