"""A view of a backend that never changes it: writes are kept in memory, and forgotten.

Commands import an application to learn its store classes. What that application saves meanwhile, for
example in the body of a module, must not reach the real store: the service may be running on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cletus.errors import NotSaved, NotSupported, StoreUnusable
from cletus.meters import Meters
from cletus.settings.settings import Settings
from cletus.storage.backends.memory import Memory
from cletus.storage.backends.retries import Clock
from cletus.storage.backends.urls import backend_for
from cletus.storage.backends.writer import InThread, Writer
from cletus.storage.interfaces import (
    Backend,
    Browsable,
    Condition,
    Document,
    Failure,
    Searchable,
)


class ReadOnlyBackend:
    """A backend in front of another. It fulfils ``cletus.storage.interfaces.Backend``.

    Args:
        backend: what is looked at. It is opened only if it cannot be read from otherwise.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._written = Memory()
        self._deleted: set[tuple[str, str]] = set()
        self._opened = False

    def open(self) -> None:
        """Be ready; see ``browse.looked_into``."""
        self._opened = True
        self._written.open()
        if not isinstance(self._backend, Browsable):
            self._backend.open()

    def close(self) -> None:
        """Forget everything that was written."""
        self._opened = False
        self._written = Memory()
        self._deleted.clear()
        if not isinstance(self._backend, Browsable):
            self._backend.close()

    def written(self) -> list[Document]:
        """What was written, as it was written last."""
        return [
            Document(store, key, self._written.read(store, key))
            for store in self._written.stores()
            for key in self._written.keys(store)
            if (store, key) not in self._deleted
        ]

    def location(self, store: str, key: str) -> str:
        """Where the document would be if it were written."""
        return self._backend.location(store, key)

    def read(self, store: str, key: str) -> bytes:
        """What was written here, else what is in the backend; see ``Backend.read``."""
        if (store, key) in self._deleted:
            raise NotSaved(store, key)
        try:
            return self._written.read(store, key)
        except NotSaved:
            return self._backend.read(store, key)

    def write(self, store: str, key: str, data: bytes) -> None:
        """Keep it in memory."""
        self._written.write(store, key, data)
        self._deleted.discard((store, key))

    def write_many(self, documents: Sequence[Document]) -> list[Failure]:
        """Keep them in memory."""
        self._deleted.difference_update((document.store, document.key) for document in documents)
        return self._written.write_many(documents)

    def delete(self, store: str, key: str) -> None:
        """Hide the document from now on; see ``Backend.delete``."""
        if not self._opened:
            raise StoreUnusable("that is looked at", "it is not open")
        self.read(store, key)
        self._deleted.add((store, key))

    def keys(self, store: str) -> list[str]:
        """The keys of what is in the backend and what was written here."""
        keys = {*self._backend.keys(store), *self._written.keys(store)}
        return [key for key in keys if (store, key) not in self._deleted]

    def read_many(self, store: str, keys: Sequence[str]) -> dict[str, bytes]:
        """What the backend has, and nothing that was written or deleted here."""
        if not isinstance(self._backend, Searchable):
            return {}
        changed = {
            *self._written.keys(store),
            *(key for name, key in self._deleted if name == store),
        }
        return self._backend.read_many(store, [key for key in keys if key not in changed])

    def find(self, store: str, conditions: Sequence[Condition]) -> list[str]:
        """What the backend finds, and all that was written here; see ``Searchable.find``."""
        if not isinstance(self._backend, Searchable):
            raise NotSupported("find()")
        keys = {*self._backend.find(store, conditions), *self._written.keys(store)}
        return [key for key in keys if (store, key) not in self._deleted]

    def find_by_sql(self, store: str, where: str, parameters: Sequence[Any]) -> list[str]:
        """What the backend finds: SQL does not see what was written here."""
        if not isinstance(self._backend, Searchable):
            raise NotSupported("find_by_sql()")
        keys = self._backend.find_by_sql(store, where, parameters)
        return [key for key in keys if (store, key) not in self._deleted]


def readable_backend(settings: Settings) -> Backend | None:
    """The backend that the settings name, if it can be read without opening it."""
    try:
        backend = backend_for(settings)
    except StoreUnusable:
        return None
    return backend if isinstance(backend, Browsable) else None


def read_only_backend(settings: Settings) -> ReadOnlyBackend:
    """A view of the backend that the settings name; an empty one if it must be opened to be read."""
    backend = readable_backend(settings)
    if backend is None:
        backend = Memory()
        backend.open()
    return ReadOnlyBackend(backend)


def open_read_only(settings: Settings, clock: Clock, in_thread: InThread, meters: Meters) -> Writer:
    """As ``open_writer``, but what is saved is kept in memory: another process has the store."""
    backend = read_only_backend(settings)
    backend.open()
    return Writer(backend, clock, in_thread, meters=meters)
