"""A service as the program of a process: log, signals, exit code."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from types import FrameType
from typing import Any

import click
from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from cletus.cli.panel import Listening, show_started
from cletus.errors import USAGE, CletusError, ServiceStopped
from cletus.logs import begin_logging
from cletus.ops.sighup import SighupHandler
from cletus.reactor.call_timeout import stack_of
from cletus.restart.predecessor import Predecessor
from cletus.restart.predecessor import Program as StartedProgram
from cletus.restart.successor import Successor, channel_of
from cletus.service.service import Service
from cletus.service.succession import hub_descriptor

#: In these, the main thread waits for others: the reactor at its end, and then Python.
_WAITS = frozenset({ThreadPool.stop.__code__, threading._shutdown.__code__})  # type: ignore[attr-defined]

#: Seconds that the log, which has a thread of its own, has for the last records.
_LOGGED = 0.2


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
        self._service.lifecycle.when_stopped().addCallback(self._limit_threads)
        self._reactor.run()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # all is done; the exit code tells how
        return self._exit_code()

    def _exit_code(self) -> int:
        cluster = self._service.lifecycle.cluster
        return self.exit_code or (0 if cluster is None else cluster.exit_code)

    def _start(self) -> None:
        self._sighup.install()
        signal.signal(signal.SIGUSR2, self._restart_asked)
        signal.signal(signal.SIGTERM, self._stop_asked)
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

    def _stop_asked(self, _signal: int, _frame: FrameType | None) -> None:
        """Not Twisted's own handler: a second SIGTERM is not an error, and does not end the process.

        A service manager may send one to each process of the service, and a parent of ours hands on its own.
        """
        self._reactor.callFromThread(self._stopped, None)

    def _stop(self) -> Deferred[None]:
        """Stop in order; a second Ctrl-C ends the process at once."""
        # It is ignored in a background job of a shell.
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        return self._service.stop()

    def _stopped(self, _: object) -> None:
        """By a signal, by the application itself, or after a failed start."""
        with suppress(ReactorNotRunning):  # it is already stopping
            self._reactor.stop()

    def _limit_threads(self, _: object) -> None:
        """All is saved. The reactor, and then Python, wait for threads: for ever, if one does not end."""
        if seconds := self._service.settings.stop_timeout:
            late = threading.Thread(target=self._end_without, args=(seconds,), daemon=True)
            late.start()

    def _end_without(self, seconds: float) -> None:
        """In a thread, which ends with the process."""
        time.sleep(seconds)
        while not _waits_for_threads():  # what comes after `service.run()` may take its time
            time.sleep(seconds)
        for thread in threading.enumerate():
            stack = stack_of(sys._current_frames().get(thread.ident or 0))
            if not thread.daemon and thread is not threading.main_thread():
                self.log.critical(
                    "The process ends {seconds:g} s after the stop (stop_timeout) without the thread "
                    "{name}, which is here:\n{stack}",
                    seconds=seconds,
                    name=thread.name,
                    stack=stack,
                )
        time.sleep(_LOGGED)
        os._exit(self._exit_code())

    def _started(self, _: object) -> None:
        if not self._has_standby():  # there, another process goes on
            predecessor = Predecessor(self._service, self._reactor, self._program)
            self._service.lifecycle.restarter = predecessor
        if hub_descriptor() < 0:
            show_started(self._service)
            return
        for door in self._service.doors:
            if hasattr(door, "gateways_listen"):
                door.gateways_listen = self._show_gateways

    def _show_gateways(self, words: Mapping[str, Any]) -> None:
        show_started(self._service, Listening(words["urls"], words["listening"]))

    def _has_standby(self) -> bool:
        """Whether this is a primary, which a process on any machine may succeed."""
        lifecycle = self._service.lifecycle
        return bool(self._service.settings.cluster) and lifecycle.cluster is not None

    def _failed(self, failure: Failure) -> None:
        if failure.check(ServiceStopped):
            return  # by Ctrl-C, for instance: that is not a failure
        self.exit_code = USAGE if failure.check(CletusError) else 1
        click.echo(f"cletus: {failure.getErrorMessage()}", err=True)
        if self.exit_code != USAGE:
            self.log.failure("The start has failed", failure=failure)


def _waits_for_threads() -> bool:
    """Whether the main thread has nothing left to do but to wait for other threads."""
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    while frame is not None and frame.f_code not in _WAITS:
        frame = frame.f_back
    return frame is not None
