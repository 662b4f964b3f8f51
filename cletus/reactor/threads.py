"""Work that would block the reactor is done in one of its threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorThreads
from twisted.internet.threads import deferToThreadPool


def call_in_thread(reactor: Any, call: Callable[..., Any], *args: Any) -> Deferred[Any]:
    """Call this in one of the reactor's threads; at once if it has none, as a ``Clock`` in tests.

    Returns:
        A Deferred of what the call returns or raises; it fires in the reactor's thread.
    """
    if IReactorThreads.providedBy(reactor):
        return deferToThreadPool(reactor, reactor.getThreadPool(), call, *args)
    return maybeDeferred(call, *args)
