"""Looking into a backend from outside: its stores, its documents, and what else is stored there.

Stores ask a backend only for what they know by name. Commands such as ``cletus store list`` show what
there is, while the service is running. A backend that allows that is ``Browsable``; of another one
only what ``Backend`` offers is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cletus.errors import NotSaved, StorageError
from cletus.storage.interfaces import Backend, Browsable, UnknownDocument

Seen = Callable[[str, str], object]
"""Called with store and key when a document is done."""


def ignore_progress(_store: str, _key: str) -> None:
    """The ``Seen`` of callers that show no progress."""


@dataclass(frozen=True, slots=True)
class StoredText:
    """One saved document as it was read.

    Attributes:
        store: the name of its store.
        key: as the backend lists it.
        data: its text; empty if there is an ``error``.
        error: why it cannot be read.
    """

    store: str
    key: str
    data: bytes = b""
    error: StorageError | None = None


def stored_texts(
    backend: Backend, stores: Iterable[str], seen: Seen = ignore_progress
) -> Iterator[StoredText]:
    """Every document of these stores, by key; a document deleted meanwhile is left out.

    Memory grows with the number of keys of one store, not with the size of the documents.

    Raises:
        StoreIOError: a store cannot be listed.
    """
    for store in stores:
        for key in sorted(backend.keys(store)):
            try:
                yield StoredText(store, key, backend.read(store, key))
            except NotSaved:
                continue
            except StorageError as error:
                yield StoredText(store, key, error=error)
            seen(store, key)


@contextmanager
def looked_into(backend: Backend) -> Iterator[Backend]:
    """The backend, ready to be read from; it is opened only if that is needed.

    Raises:
        StoreLocked: it has to be opened, and another process has it.
        StoreUnusable: it has to be opened, and cannot be.
    """
    if isinstance(backend, Browsable):
        yield backend
        return
    backend.open()
    try:
        yield backend
    finally:
        backend.close()


def stores_in(backend: Backend, known: Iterable[str]) -> list[str]:
    """The names of the stores that can be looked into, sorted: those in the backend and ``known``.

    Raises:
        StoreUnusable: they cannot be listed.
    """
    stored = backend.stores() if isinstance(backend, Browsable) else ()
    return sorted({*known, *stored})


def saved_at(backend: Backend, store: str, key: str) -> float | None:
    """When a document was last written, if the backend can tell; see ``Browsable.saved_at``."""
    return backend.saved_at(store, key) if isinstance(backend, Browsable) else None


def unknown_documents(backend: Backend, store: str) -> list[UnknownDocument]:
    """What is stored with a store's documents and is not a document, if the backend can tell."""
    return backend.unknown_documents(store) if isinstance(backend, Browsable) else []


def location_of(backend: Backend, store: str, key: str) -> str:
    """Where a document is; the name of the store if the key cannot be a name there at all."""
    try:
        return backend.location(store, key)
    except StorageError:
        return store
