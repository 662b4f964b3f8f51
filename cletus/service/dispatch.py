"""Calling the application's code, and keeping what it raises from everything else.

One listener's mistake stops neither the other listeners nor the connection: it is logged with its
place, and the person whose line it was is told that it was.
"""

from __future__ import annotations

from functools import partial
from inspect import iscoroutine
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, DeferredList, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from cletus import events
from cletus.client.client import Client
from cletus.client.conversation import Conversation
from cletus.logs.context import log_context, subject
from cletus.service.listeners import Listener
from cletus.service.timers import Timer

if TYPE_CHECKING:
    from cletus.service.service import Service


class Dispatcher:
    """Calls listeners and timers of the generation in force.

    Args:
        service: whose.
    """

    log = Logger()

    def __init__(self, service: Service) -> None:
        self._service = service

    def fire(self, event: events.Event) -> Deferred[None]:
        """Call the listeners of an event; fires when those that are ``async`` have ended.

        It never fails: what a listener raises is logged.
        """
        waiting = []
        for listener in self._service.session.current.listeners.of(type(event)):
            result = self.call(listener, event)
            if result is not None:
                waiting.append(result)
        return DeferredList(waiting).addCallback(lambda _: None) if waiting else succeed(None)

    def message(self, event: events.Gmcp) -> None:
        """Call those listeners that want to hear of messages of its package."""
        for listener in self._service.session.current.listeners.of(type(event)):
            if listener.hears(event.package):
                self.call(listener, event)

    def call(self, listener: Listener, event: events.Event) -> Deferred[None] | None:
        """Call one listener; the Deferred of its end if it did not end at once."""
        before = subject.set(event)
        try:
            return self._call(listener, event)
        finally:
            subject.reset(before)

    def _call(self, listener: Listener, event: events.Event) -> Deferred[None] | None:
        try:
            result = listener.function(event)
        except (Exception, SystemExit):  # noqa: BLE001 - a stray sys.exit() must not close a connection
            self._listener_failed(listener, event, Failure())
            return None
        if iscoroutine(result):
            result = self._converse(listener, event, result)
        if isinstance(result, Deferred):
            return result.addErrback(partial(self._listener_failed, listener, event))
        return None

    def failed(self, place: str, failure: Failure, *, client: Client | None = None) -> None:
        """Log what the application's code has raised, and tell the person whom it was about.

        Args:
            place: which code it was.
            failure: what it raised, with its traceback.
            client: whom it was about, if anybody.
        """
        self._service.metrics.mistakes.add()
        who = "" if client is None else f" for {client!r}"
        present = subject.get()
        is_known = client is None or getattr(present, "client", present) is client
        with log_context(None if is_known else client):  # an event of this client says more
            self.log.failure("{place} failed{who}", failure=failure, place=place, who=who)
        if client is not None and self._service.settings.error_notice:
            client.write(self._service.settings.error_notice)

    def ring(self, timer: Timer) -> None:
        """Call the target of a timer that is due."""
        if not timer.active:
            self._service.session.current.timers.tidy()
        if timer.is_busy:
            return
        try:
            result = timer.target(*timer.args, **timer.kwargs)
        except (Exception, SystemExit):  # noqa: BLE001 - as for listeners
            self.failed(f"Timer {timer.place}", Failure())
            return
        if iscoroutine(result):
            timer.is_busy = True
            result = Deferred.fromCoroutine(result).addBoth(timer.rest)
        if isinstance(result, Deferred):
            result.addErrback(partial(self.failed, f"Timer {timer.place}"))

    def _listener_failed(self, listener: Listener, event: events.Event, failure: Failure) -> None:
        client = event.client if isinstance(event, events.ClientEvent) else None
        with log_context(event):
            self.failed(
                f"Listener {listener.place} of {type(event).__name__}", failure, client=client
            )

    def _converse(self, listener: Listener, event: events.Event, coroutine: Any) -> Deferred[Any]:
        if not isinstance(event, events.ClientEvent):
            return Deferred.fromCoroutine(coroutine)
        client = event.client
        conversation = Conversation(client, listener, event)
        client.conversation_began(conversation)
        done = conversation.start(coroutine)

        def ended(result: Any) -> None:
            client.conversation_ended(conversation)
            if isinstance(result, Failure) and not conversation.ended_as_expected(result):
                with log_context(event, hidden=conversation.hidden):
                    self._listener_failed(listener, event, result)

        return done.addBoth(ended)
