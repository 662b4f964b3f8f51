"""Saving soon: documents gathered for some 20 ms and written as one group, in a thread.

A ``Writer`` is a backend in front of another one: ``read`` and ``keys`` see what is still to be written,
and ``write`` and ``delete`` overtake it. Whatever the order of threads, the newest text of a document
ends on the disk.

How that is kept: one group is written at a time, under a lock. Who overtakes a document of the
group that is being written takes the lock too. So it comes after the group; or, if the group's
thread has not begun yet, before it, and then the document is marked and the thread leaves it out.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure as Reason

from cletus.errors import NotSaved, NotSupported, ServiceStateError, StorageError
from cletus.meters import Meters
from cletus.renamed import with_old_names
from cletus.storage.backends.retries import Clock, Name, Retries
from cletus.storage.interfaces import Backend, Condition, Document, Failure, Searchable

_log = Logger()

InThread = Callable[..., "Deferred[Any]"]
"""``in_thread(function, *arguments)``: run it aside; the Deferred fires with what it returns."""


@dataclass(slots=True, eq=False)
class _Pending:
    """A document that is not safe yet, and the Deferreds that wait for it. Serial numbers rise with time."""

    document: Document
    serial: int
    waiting: list[Deferred[None]] = field(default_factory=list)
    overtaken: bool = False

    def settle(self, error: StorageError | Reason | None) -> None:
        """Fire the Deferreds that wait. Their callbacks may submit the document again."""
        waiting, self.waiting = self.waiting, []
        for deferred in waiting:
            if error is None:
                deferred.callback(None)
            else:
                deferred.errback(error)


@with_old_names
class Writer:
    """A backend that gathers documents. All methods are called in the reactor's thread.

    Args:
        backend: the backend itself.
        clock: the reactor.
        in_thread: runs a function aside: ``partial(deferToThreadPool, reactor, pool)``.
        interval: seconds from a first ``submit`` to the group that it goes with.
        group_max: documents in a group; 0 means any number.
        meters: count what is saved, and how long it took.

    Attributes:
        noted: called with the documents that have just been written, in whichever thread; one without
            data was deleted.
    """

    def __init__(
        self,
        backend: Backend,
        clock: Clock,
        in_thread: InThread,
        interval: float = 0.02,
        group_max: int = 1000,
        meters: Meters | None = None,
    ) -> None:
        self._meters = Meters() if meters is None else meters
        self.noted: Callable[[Iterable[Document]], object] = _ignore
        self._backend = backend
        self._clock = clock
        self._in_thread = in_thread
        self._interval = interval
        self._group_max = group_max
        self._queue: dict[Name, _Pending] = {}
        self._group: dict[Name, _Pending] = {}
        self._order = threading.Lock()
        self._running = False
        self._pause: Deferred[None] | None = None
        self._urgent = 0
        self._serial = 0
        self._flushes: deque[tuple[int, Deferred[None]]] = deque()
        self._ahead: dict[Name, bytes] = {}
        self._retries = Retries(clock, self._try_again)

    # -- soon -----------------------------------------------------------------------------------

    @property
    def pending(self) -> int:
        """How many documents are not safe yet."""
        return len(self._queue) + len(self._group)

    @property
    def unsaved(self) -> list[Failure]:
        """The documents that could not be saved in the background, and are tried again."""
        return self._retries.failures

    def when_saved(self, store: str, key: str) -> Deferred[None]:
        """A Deferred that fires when a document of ``unsaved`` is saved after all, or deleted."""
        return self._retries.when_saved((store, key))

    def submit(self, document: Document) -> Deferred[None]:
        """Save this with the next group.

        Submitted again before that, the latest text is written, once, and everybody who waits is
        told how that went. Overtaken by a ``write`` or ``delete``, they are told once that is done.
        If it fails because of the backend (a full disk), it is tried again with growing pauses, until
        it is saved, submitted again, written or deleted.

        Returns:
            a Deferred that fires when the document is as safe as the backend promises, or fails with
            the ``StorageError`` that ``Backend.write`` would have raised. Where nobody handles the
            failure, Twisted logs it.
        """
        pending = self._enqueue(document)
        pending.document = document
        self._retries.replaced((document.store, document.key))
        done: Deferred[None] = Deferred()
        pending.waiting.append(done)
        self._start()
        return done

    def _enqueue(self, document: Document) -> _Pending:
        """The entry of this document in the queue; a text that is there already stays."""
        name = (document.store, document.key)
        pending = self._queue.get(name)
        if pending is None:
            self._serial += 1
            pending = self._queue[name] = _Pending(document, self._serial)
        return pending

    def _try_again(self) -> None:
        for failure in self._retries.failures:
            self._enqueue(failure.document)
        self._start()

    def flush(self) -> Deferred[None]:
        """Write at once what is pending.

        Returns:
            a Deferred that fires when each document pending now is safe, or has failed and its own
            Deferred tells so. It does not fail itself.
        """
        self._try_again()
        done: Deferred[None] = Deferred()
        self._flushes.append((self._serial, done))
        self._urgent = len(self._queue)
        self._wake()
        self._start()
        self._tell_flushes()
        return done

    def _tell_flushes(self) -> None:
        """Those are done whose documents are all older than the oldest that is still pending."""
        while self._flushes and self._flushes[0][0] < self._oldest():
            self._flushes.popleft()[1].callback(None)

    def _oldest(self) -> float:
        """The first of the group, else of the queue: both are in the order of their coming."""
        pending = next(chain(self._group.values(), self._queue.values()), None)
        return math.inf if pending is None else pending.serial

    def _start(self) -> None:
        if not self._running:
            self._running = True
            Deferred.fromCoroutine(self._run()).addErrback(_log_bug)

    async def _run(self) -> None:
        """Group after group, until nothing is left."""
        try:
            wait = self._interval
            while self._queue:
                if wait > 0 and self._urgent <= 0:
                    await self._sleep(wait)
                started = self._clock.seconds()
                await self._write_next_group()
                wait = self._interval - (self._clock.seconds() - started)
        finally:
            self._running = False

    async def _sleep(self, seconds: float) -> None:
        try:
            call = self._clock.callLater(seconds, self._wake)
        except ServiceStateError:  # as under `cletus user`, where no service starts
            return
        pause = self._pause = Deferred()
        await pause
        if call.active():
            call.cancel()

    def _wake(self) -> None:
        pause, self._pause = self._pause, None
        if pause is not None:
            pause.callback(None)

    async def _write_next_group(self) -> None:
        self._meters.saves_peak.raise_to(len(self._queue))
        names = list(islice(self._queue, self._group_max or None))
        if not names:  # all was overtaken during the pause
            return
        self._group = {name: self._queue.pop(name) for name in names}
        self._urgent -= len(names)
        errors: dict[Name, StorageError] = {}
        broken: Reason | None = None
        try:
            with self._measured(len(names)) as failures:
                failures.extend(await self._in_thread(self._write, list(self._group.values())))
            for failure in failures:
                errors[failure.document.store, failure.document.key] = failure.error
        except Exception:  # noqa: BLE001 - whatever it is, it goes to those who wait, and is logged
            broken = Reason()
        group, self._group = self._group, {}
        self._retries.add(failure for failure in failures if self._is_latest(failure, group))
        if broken is None:
            self._retries.settled(name for name in group if name not in errors)
        for name, pending in group.items():
            pending.settle(None if pending.overtaken else broken or errors.get(name))
        self._tell_flushes()

    def _is_latest(self, failure: Failure, group: dict[Name, _Pending]) -> bool:
        """Whether no later text of the document has been written or submitted meanwhile."""
        name = (failure.document.store, failure.document.key)
        return name not in self._queue and not group[name].overtaken

    def _write(self, group: list[_Pending]) -> list[Failure]:
        """In a thread: write what has not been overtaken by now."""
        with self._order:
            return self._put_many([pending.document for pending in group if not pending.overtaken])

    def _put_many(self, documents: Sequence[Document]) -> list[Failure]:
        failures = self._backend.write_many(documents)
        failed = {id(failure.document) for failure in failures}
        self.noted([document for document in documents if id(document) not in failed])
        return failures

    def _put(self, document: Document) -> None:
        self._backend.write(document.store, document.key, document.data)
        self.noted((document,))

    # -- now: the methods of a backend, in front of it -----------------------------------------------

    def open(self) -> None:
        """Open the backend; see ``Backend.open``."""
        self._backend.open()

    def close(self) -> None:
        """Write what is pending, here and now, and close the backend. Closing twice is harmless.

        A service that stops waits for ``flush`` first; this is the net below it.
        """
        self._retries.stop()
        for failure in self._retries.failures:
            self._enqueue(failure.document)
        left = [*self._group.values(), *self._queue.values()]
        for failure in self.write_many(
            [pending.document for pending in left if not pending.overtaken]
        ):
            pending = self._queue.pop((failure.document.store, failure.document.key), None)
            if pending is not None:
                pending.settle(failure.error)
            _log.error("lost: {error}", error=failure.error)
        self._tell_flushes()
        self._wake()
        self._backend.close()

    @property
    def backend(self) -> Backend:
        """The backend itself."""
        return self._backend

    def settle(self) -> None:
        """Write what is pending, here and now. What cannot be written stays ``unsaved``.

        It waits for the thread that is writing a group.
        """
        left = [*self._group.values(), *self._queue.values()]
        documents = [pending.document for pending in left if not pending.overtaken]
        failures = self.write_many(documents) if documents else []
        for failure in failures:
            pending = self._queue.pop((failure.document.store, failure.document.key), None)
            if pending is not None:
                pending.settle(failure.error)
        self._retries.add(failures)

    def coming(self, store: str, key: str) -> list[Document]:
        """The texts of this document that are submitted and not safe yet; the latest one is the last."""
        name = (store, key)
        pending = [self._group.get(name), self._queue.get(name)]
        texts = [entry.document for entry in pending if entry and not entry.overtaken]
        failed = self._retries.get(name)
        return texts if failed is None else [failed, *texts]

    def location(self, store: str, key: str) -> str:
        """Where this document is or would be; see ``Backend.location``."""
        return self._backend.location(store, key)

    def read(self, store: str, key: str) -> bytes:
        """The document as it was last written or submitted; see ``Backend.read``."""
        coming = self._on_its_way((store, key))
        if coming is not None:
            return coming.data
        ahead = self._ahead.get((store, key)) if self._ahead else None
        return self._backend.read(store, key) if ahead is None else ahead

    @contextmanager
    def read_ahead(self, store: str, keys: Sequence[str]) -> Iterator[None]:
        """Within, ``read`` of these documents costs a database one request in all.

        Raises:
            StoreIOError: they cannot be read.
        """
        if not isinstance(self._backend, Searchable):
            yield
            return
        texts = self._backend.read_many(store, keys)
        self._ahead = {(store, key): data for key, data in texts.items()}
        try:
            yield
        finally:
            self._ahead = {}

    def keys(self, store: str) -> list[str]:
        """The keys of what is saved and of what will be in a moment; see ``Backend.keys``."""
        keys = self._backend.keys(store)
        coming = self._coming(store)
        return [*keys, *coming.difference(keys)] if coming else keys

    def _coming(self, store: str) -> set[str]:
        """The keys of documents of a store that are still to be written."""
        failed = (failure.document for failure in self._retries.failures)
        names = (
            *self._group,
            *self._queue,
            *((document.store, document.key) for document in failed),
        )
        return {
            key
            for name, key in names
            if name == store and self._on_its_way((store, key)) is not None
        }

    def find(self, store: str, conditions: Sequence[Condition]) -> list[str]:
        """The keys of documents that may fulfil these conditions; see ``Searchable.find``.

        Raises:
            NotSupported: the backend cannot search.
        """
        keys = self._searchable("find()").find(store, conditions)
        return list(dict.fromkeys([*keys, *self._coming(store)]))

    def find_by_sql(self, store: str, where: str, parameters: Sequence[Any]) -> list[str]:
        """The keys of documents for which this is true; see ``Searchable.find_by_sql``.

        Raises:
            NotSupported: the backend cannot search.
        """
        backend = self._searchable("find_by_sql()")
        coming = [self._on_its_way((store, key)) for key in self._coming(store)]
        self.write_many([document for document in coming if document is not None])
        return backend.find_by_sql(store, where, parameters)

    def _searchable(self, action: str) -> Searchable:
        if not isinstance(self._backend, Searchable):
            raise NotSupported(action)
        return self._backend

    def write(self, store: str, key: str, data: bytes) -> None:
        """Write one document now; see ``Backend.write``.

        It waits for the group that is being written only if that holds the same document.
        """
        self._ahead.pop((store, key), None)
        with self._measured(1):
            if not self._queue and not self._group and not self._retries:
                self._put(Document(store, key, data))
                return
            with self._overtaking({(store, key)}):
                self._put(Document(store, key, data))

    def write_many(self, documents: Sequence[Document]) -> list[Failure]:
        """Write these now; see ``Backend.write_many``. Where that fails, a pending text is still written."""
        latest = {(document.store, document.key): document for document in documents}
        names = set(latest)
        with self._measured(len(documents)) as failures, self._overtaking(names):
            failures.extend(self._put_many(documents))
            for failure in failures:
                name = (failure.document.store, failure.document.key)
                if latest[name] is failure.document:
                    names.discard(name)
        return failures

    def delete(self, store: str, key: str) -> None:
        """Remove one document, also if it is only on its way; see ``Backend.delete``."""
        name = (store, key)
        coming = self._on_its_way(name) is not None
        with self._overtaking({name}):
            try:
                self._backend.delete(store, key)
            except NotSaved:
                if not coming:
                    raise
            self.noted((Document(store, key, b""),))

    @contextmanager
    def _measured(self, documents: int) -> Iterator[list[Failure]]:
        """Within, so many are written; what fails is put into the list, or raised."""
        failures: list[Failure] = []
        if not documents:
            yield failures
            return
        start, failed = time.perf_counter(), documents
        try:
            yield failures
            failed = len(failures)
        finally:
            self._meters.saved(documents, failed, time.perf_counter() - start)

    def _on_its_way(self, name: Name) -> Document | None:
        pending = self._queue.get(name, self._group.get(name))
        if pending is None or pending.overtaken:
            return self._retries.get(name)
        return pending.document

    @contextmanager
    def _overtaking(self, names: set[Name]) -> Iterator[None]:
        """What is done within comes after all pending texts of these documents.

        ``names`` may shrink within, by what failed: its pending text is then written after all.
        """
        for name in names if self._ahead else ():
            self._ahead.pop(name, None)
        with nullcontext() if names.isdisjoint(self._group) else self._order:
            yield
            for name in names.intersection(self._group):
                self._group[name].overtaken = True
        for name in names.intersection(self._queue):
            self._queue.pop(name).settle(None)
        self._retries.settled(names)
        self._tell_flushes()


def _log_bug(reason: Reason) -> None:
    _log.failure("the background writer stopped; the next save or flush starts it again", reason)


def _ignore(_documents: Iterable[Document]) -> None:
    """Nobody has to know what is written."""
