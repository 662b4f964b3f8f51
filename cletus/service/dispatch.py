"""Calls the application's code: listeners of events, and timers.

An error of one listener stops neither the other listeners nor the connection: it is logged with the
name of the listener, and the client it concerns is sent the notice ``error_notice``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from inspect import iscoroutine
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from cletus import events
from cletus.client.client import Client
from cletus.client.listener_task import ListenerTask
from cletus.errors import CallTimedOut
from cletus.logs.context import log_context, subject
from cletus.meters import Meters
from cletus.service.listeners import Listener
from cletus.service.session import Session
from cletus.service.timers import Timer
from cletus.service.waits import Waits


class Dispatcher:
    """Calls listeners and timers of the generation in force.

    Args:
        session: knows that generation.
        metrics: counts errors of the application's code.
        error_notice: returns what a client is sent when code that handles them has failed.

    Attributes:
        waits: code that waits for an event; it hears the event after the listeners.
    """

    log = Logger()

    def __init__(self, session: Session, metrics: Meters, error_notice: Callable[[], str]) -> None:
        self._session = session
        self._metrics = metrics
        self._error_notice = error_notice
        self.waits = Waits()
        self._is_notifying = False

    def fire(self, event: events.Event) -> Deferred[None]:
        """Call the listeners of an event.

        Returns:
            A Deferred that fires when the listeners that are ``async`` have ended. It never fails:
            errors of listeners are logged.
        """
        waiting = []
        for listener in self._session.current.listeners.of(type(event)):
            result = self.call(listener, event)
            if result is not None:
                waiting.append(result)
        if self.waits.by_name:
            self.waits.heard(event)
        return DeferredList(waiting).addCallback(lambda _: None) if waiting else succeed(None)

    def message(self, event: events.Gmcp) -> None:
        """Call the listeners that want messages of this event's package."""
        for listener in self._session.current.listeners.of(type(event)):
            if listener.hears(event.package):
                self.call(listener, event)
        if self.waits.by_name:
            self.waits.heard(event)

    def call(self, listener: Listener, event: events.Event) -> Deferred[None] | None:
        """Call one listener; returns a Deferred of its end, or ``None`` if it has ended already."""
        before = subject.set(event)
        try:
            return self._call(listener, event)
        finally:
            subject.reset(before)

    def _call(self, listener: Listener, event: events.Event) -> Deferred[None] | None:
        try:
            result = listener.function(event)
        except (Exception, SystemExit, CallTimedOut):  # noqa: BLE001 - a stray sys.exit() must not close a connection
            self._listener_failed(listener, event, Failure())
            return None
        if iscoroutine(result):
            result = self._run(listener, event, result)
        if isinstance(result, Deferred):
            return result.addErrback(partial(self._listener_failed, listener, event))
        return None

    def failed(self, code: str, failure: Failure, *, client: Client | None = None) -> None:
        """Log an error of the application's code, and notify the client it concerns.

        Args:
            code: the name of the code that has failed, for the log.
            failure: the error, with its traceback.
            client: whose event was being handled, if any.
        """
        self._metrics.mistakes.add()
        whom = "" if client is None else f" for {client!r}"
        present = subject.get()
        is_known = client is None or getattr(present, "client", present) is client
        with log_context(None if is_known else client):  # an event of this client says more
            self.log.failure("{code} failed{whom}", failure=failure, code=code, whom=whom)
        if client is not None:
            self._notify(client, code, failure, self._error_notice())
        elif failure.value is not None:
            self._tell(events.BackgroundFailed(self._session.service, code, failure.value))

    def _notify(self, client: Client, code: str, failure: Failure, notice: str = "") -> None:
        """Send a client what listeners of ``events.CodeFailed`` make of a notice."""
        error = failure.value
        if error is None:
            return
        event = events.CodeFailed(client.service, client, code, error, [notice] if notice else [])
        self._tell(event)
        if event.notice:
            client.write(*event.notice)

    def _tell(self, event: events.CodeFailed | events.BackgroundFailed) -> None:
        """Fire it, unless a listener of such an event has failed: that would go on for ever."""
        if self._is_notifying:
            return
        self._is_notifying = True
        try:
            self.fire(event)
        finally:
            self._is_notifying = False

    def ring(self, timer: Timer) -> None:
        """Call the target of a timer that is due."""
        if not timer.active:
            self._session.current.timers.tidy()
        if timer.is_busy:
            return
        try:
            result = timer.target(*timer.args, **timer.kwargs)
        except (Exception, SystemExit, CallTimedOut):  # noqa: BLE001 - as for listeners
            self._timer_failed(timer, Failure())
            return
        if iscoroutine(result):
            timer.is_busy = True
            result = Deferred.fromCoroutine(result).addBoth(timer.target_ended)
        if isinstance(result, Deferred):
            result.addErrback(partial(self._timer_failed, timer))

    def _timer_failed(self, timer: Timer, failure: Failure) -> None:
        code = f"Timer {timer.target_name}"
        self.failed(code, failure)
        creator = timer.creator()
        if creator is not None:
            self._notify(creator, code, failure)

    def _listener_failed(self, listener: Listener, event: events.Event, failure: Failure) -> None:
        client = event.client if isinstance(event, events.ClientEvent) else None
        with log_context(event):
            self.failed(
                f"Listener {listener.function_name} of {type(event).__name__}",
                failure,
                client=client,
            )

    def _run(self, listener: Listener, event: events.Event, coroutine: Any) -> Deferred[Any]:
        """Run an ``async`` listener; while it runs, further lines of its client wait."""
        if not isinstance(event, events.ClientEvent):
            return Deferred.fromCoroutine(coroutine)
        client = event.client
        task = ListenerTask(client, listener, event)
        client.input.task_started(task)
        done = task.start(coroutine)

        def ended(result: Any) -> None:
            client.input.task_ended(task)
            if isinstance(result, Failure) and not task.ended_as_expected(result):
                with log_context(event, hidden=task.hidden):
                    self._listener_failed(listener, event, result)

        return done.addBoth(ended)
