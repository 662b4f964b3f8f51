"""A running ``async`` listener of one client: its state is a frame.

A frame cannot be carried over to new code. While its client is being asked something, or while it waits in
``service.sleep()`` or ``service.wait_for()``, a reload can start the listener again from its top; while it
waits for anything else it runs on to its end, in the old code.
"""

from __future__ import annotations

import sys
from collections.abc import Coroutine
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred

from cletus.client.interfaces import Person
from cletus.errors import ConversationEnded, Disconnected
from cletus.logs.context import hidden_line
from cletus.renamed import names_of

if TYPE_CHECKING:
    from twisted.python.failure import Failure

__getattr__ = names_of(__name__)

_current: ContextVar[ListenerTask | None] = ContextVar("cletus.client.listener_task", default=None)


def current_task() -> ListenerTask | None:
    """The task whose code is running now, or ``None`` outside of any."""
    return _current.get()


class ListenerTask:
    """One call of an ``async def`` listener, or of an ``async`` step of a dialogue.

    Args:
        client: the client that the event or dialogue is about.
        listener: the ``Listener`` whose function it is; ``None`` for a step of a dialogue. Listeners
            and events are defined above this module, so their types are not known here.
        event: what the listener was called with; a restart is called with the same.

    Attributes:
        asking: what it waits for, while a reload can start it again: an answer of its client, a time
            or an event.
        dialogue: a weak reference to the dialogue that it has run, whose end it may be waiting for.
        hidden: the latest line that it was given, if that was typed without echo; the log leaves
            it out.
        dismissed: whether it was cancelled on purpose.
        is_over: whether it was told that it gets no further answer; if it asks again, it is ended.
    """

    def __init__(self, client: Person, listener: Any = None, event: Any = None) -> None:
        self.client = client
        self.listener = listener
        self.event = event
        self.asking: Deferred[Any] | None = None
        self.dialogue: Any = None
        self.hidden = hidden_line()
        self._done: Deferred[Any] | None = None
        self.dismissed = False
        self.is_over = False

    def start(self, coroutine: Coroutine[Deferred[Any], Any, Any]) -> Deferred[Any]:
        """Run the coroutine; the Deferred fires with its result or its failure."""
        token = _current.set(self)
        try:
            self._done = Deferred.fromCoroutine(coroutine)
        finally:
            _current.reset(token)
        return self._done

    def waits_for(self, wait: Deferred[Any]) -> None:
        """It waits for this, and a reload treats that as a question to its client."""
        self.asking = wait
        wait.addBoth(self._waited)

    def dismiss(self) -> None:
        """Cancel it, so that its ``finally`` blocks run. What it raises from then on is expected."""
        self.dismissed = self.is_over = True
        if self._done is not None:
            self._done.cancel()

    def ended_as_expected(self, failure: Failure) -> bool:
        """Whether it ended because it was dismissed or its client has left, not by an error of its code."""
        if failure.check(ConversationEnded):
            return True
        if self.dismissed:
            # Importing asyncio takes its time, and most services do without.
            asyncio = sys.modules.get("asyncio")
            of_asyncio = getattr(asyncio, "CancelledError", CancelledError)
            return failure.check(CancelledError, of_asyncio, Disconnected) is not None
        return failure.check(Disconnected) is not None and not self.client.connected

    def _waited(self, result: Any) -> Any:
        self.asking = None
        return result
