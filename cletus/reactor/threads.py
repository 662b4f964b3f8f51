"""Work that would block the reactor is done in threads.

Each sort of work has threads of its own: an application whose calls hang in a database delays neither
saves nor logins. The application's calls use the thread pool of the reactor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorCore, IReactorThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool


@dataclass(frozen=True, slots=True)
class Pool:
    """Threads for one sort of work. They begin with the first call, and end with the reactor.

    Attributes:
        name: the name of the pool, which its threads show.
        size: the most threads; further calls wait for one of them.
    """

    name: str
    size: int


SAVES = Pool("saves", 1)
"""Writes groups of documents, one group after another."""

RELOADS = Pool("reloads", 2)
"""Reads and compiles source files."""

_pools: WeakKeyDictionary[Any, dict[Pool, ThreadPool]] = WeakKeyDictionary()


def call_in_thread(
    reactor: Any, call: Callable[..., Any], *args: Any, pool: Pool | None = None
) -> Deferred[Any]:
    """Call this in a thread; at once if the reactor has none, as a ``Clock`` in tests.

    Args:
        reactor: services that share it share the threads of a pool.
        call: the function.
        args: its arguments.
        pool: the threads that make the call; by default those of the reactor.

    Returns:
        A Deferred of what the call returns or raises; it fires in the reactor's thread.
    """
    if IReactorThreads.providedBy(reactor):
        return deferToThreadPool(reactor, _threads_of(reactor, pool), call, *args)
    return maybeDeferred(call, *args)


def _threads_of(reactor: Any, pool: Pool | None) -> Any:
    if pool is None or not IReactorCore.providedBy(reactor):
        return reactor.getThreadPool()
    pools = _pools.setdefault(reactor, {})
    if pool not in pools:
        threads = pools[pool] = ThreadPool(0, pool.size, f"cletus {pool.name}")
        reactor.callWhenRunning(threads.start)
        # The service has stopped by then, and has waited for its last save.
        reactor.addSystemEventTrigger("during", "shutdown", threads.stop)
    return pools[pool]
