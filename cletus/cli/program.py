"""A service as the program of a process: log, signals, exit code."""

from __future__ import annotations

import signal
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import click
from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.logger import Logger
from twisted.python.failure import Failure

from cletus.cli.refusing import USAGE
from cletus.console import begin_logging
from cletus.errors import CletusError, ServiceStopped
from cletus.life import State
from cletus.service import Service


class Program:
    """Runs one service until it is stopped.

    Args:
        service: it was not started yet.
        reactor: Twisted's.

    Attributes:
        exit_code: 0 after an orderly stop, 2 if the service could not be started as asked, 1 if an
            error of the code stopped the start.
    """

    log = Logger()

    def __init__(self, service: Service, reactor: Any) -> None:
        self._service = service
        self._reactor = reactor
        self._had_terminal = sys.stdin.isatty()
        self.exit_code = 0

    def run(self) -> int:
        """Run the reactor until the service has stopped; gives the exit code."""
        begin_logging()
        self._reactor.callWhenRunning(self._start)
        self._reactor.addSystemEventTrigger("before", "shutdown", self._stop)
        self._service.life.when_stopped().addCallback(self._stopped)
        self._reactor.run()
        return self.exit_code

    def _start(self) -> None:
        signal.signal(signal.SIGHUP, self._hung_up)
        self._service.start(self._reactor).addCallbacks(self._started, self._failed)

    def _stop(self) -> Deferred[None]:
        """In order; but for whoever presses Ctrl-C once more, at once."""
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:  # as it is in a shell's background
                signal.signal(number, signal.SIG_DFL)
        return self._service.stop()

    def _stopped(self, _: object) -> None:
        """It may have been a signal, the application itself, or a start that has failed."""
        with suppress(ReactorNotRunning):  # it is stopping already
            self._reactor.stop()

    def _started(self, _: object) -> None:
        service = self._service
        for address in service.addresses:
            click.echo(f"Listening on {address}")
        click.echo(f"Storing in {_where(service.settings.store)}")
        roots = service.session.application.roots
        names = ", ".join(root.name if root.is_package else root.path.name for root in roots)
        if service.settings.reload and names:
            click.echo(f"Reloading {names} when its files change")
        click.echo("Stop with Ctrl-C")

    def _failed(self, failure: Failure) -> None:
        if failure.check(ServiceStopped):
            return  # by Ctrl-C, say: that is no failure
        self.exit_code = USAGE if failure.check(CletusError) else 1
        click.echo(f"cletus: {failure.getErrorMessage()}", err=True)
        if self.exit_code != USAGE:
            self.log.failure("The start has failed", failure=failure)

    def _hung_up(self, _signal: int, _frame: FrameType | None) -> None:
        """A handler may run anywhere, so it only asks the reactor."""
        self._reactor.callFromThread(self._reload_or_stop)

    def _reload_or_stop(self) -> None:
        """SIGHUP asks for a reload; but if it is the terminal that has hung up, stop."""
        if self._had_terminal and not sys.stdin.isatty():
            self._stopped(None)
        elif self._service.state is State.RUNNING:
            self._service.reload()


def _where(store: str) -> str:
    return store if ":" in store else str(Path(store).resolve())
