"""A running ``async def`` of the application that is about one person: it lives in a frame.

A frame cannot be carried over to new code. While its person is being asked something, a reload can
start the conversation again from its top; while it waits for anything else it runs on to its end,
in the old code.
"""

from __future__ import annotations

from collections.abc import Coroutine
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred

from cletus.errors import Disconnected
from cletus.logs.context import hidden_line

if TYPE_CHECKING:
    from twisted.python.failure import Failure

    from cletus.client.client import Client
    from cletus.events import ClientEvent
    from cletus.service.listeners import Listener

_current: ContextVar[Conversation | None] = ContextVar("cletus.client.conversation", default=None)


def current() -> Conversation | None:
    """The conversation whose code is running now, or ``None`` outside of any."""
    return _current.get()


class Conversation:
    """One call of an ``async def`` listener, or of an ``async`` step of a dialogue.

    Args:
        client: whom it is with.
        listener: whose function it is; ``None`` for a step of a dialogue.
        event: what the listener was called with; a restart is called with the same.

    Attributes:
        asking: what the person is being asked in it, if anything.
        hidden: the latest line that it was given, if that was typed unseen; the log leaves it out.
    """

    def __init__(
        self, client: Client, listener: Listener | None = None, event: ClientEvent | None = None
    ) -> None:
        self.client = client
        self.listener = listener
        self.event = event
        self.asking: Deferred[str] | None = None
        self.hidden = hidden_line()
        self._done: Deferred[Any] | None = None
        self.dismissed = False

    def start(self, coroutine: Coroutine[Deferred[Any], Any, Any]) -> Deferred[Any]:
        """Run the coroutine; the Deferred fires with its result or its failure."""
        token = _current.set(self)
        try:
            self._done = Deferred.fromCoroutine(coroutine)
        finally:
            _current.reset(token)
        return self._done

    def dismiss(self) -> None:
        """Cancel it, so that its ``finally`` blocks run. What it raises from then on is expected."""
        self.dismissed = True
        if self._done is not None:
            self._done.cancel()

    def ended_as_expected(self, failure: Failure) -> bool:
        """Whether this failure is the ordinary end of a conversation whose person has left."""
        if self.dismissed:
            return failure.check(CancelledError, Disconnected) is not None
        return failure.check(Disconnected) is not None and not self.client.connected
