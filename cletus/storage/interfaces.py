"""The interfaces between stores, the backend that keeps their documents, and the session.

A document is the JSON text of one store object, named by (store name, key). Stores know nothing of
files, and a backend knows nothing of fields. ``backends/json_files.py`` is the backend that ships;
others register their URL scheme through the entry point group ``cletus.stores``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from twisted.internet.defer import Deferred

from cletus.errors import StorageError


@dataclass(frozen=True, slots=True)
class Document:
    """The text of one object on its way to the backend: its ``store``, its ``key``, its ``data``."""

    store: str
    key: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Failure:
    """A ``document`` that could not be written, and the ``error``; its old version is intact."""

    document: Document
    error: StorageError


class Backend(Protocol):
    """Keeps documents. All methods may block; the caller chooses the thread.

    Two threads may call it at once, but never for the same document: ``Writer`` ensures that.

    Store names are class names in lower case, and keys have passed ``keys.normalise``. Between
    ``open`` and ``close`` the documents belong to one process.
    """

    def open(self) -> None:
        """Take possession: create what is missing, lock, remove what a crash left behind.

        Raises:
            StoreLocked: another process has it; the message names its pid.
            StoreUnusable: it cannot be created, read or written.
        """

    def close(self) -> None:
        """Release the lock. Closing twice is harmless."""

    def location(self, store: str, key: str) -> str:
        """Where this document is or would be, as shown to people: a path, for example."""

    def read(self, store: str, key: str) -> bytes:
        """The document as it was last written.

        Raises:
            NotSaved: there is none.
            StoreIOError: there is one, and it cannot be read.
        """

    def write(self, store: str, key: str, data: bytes) -> None:
        """Write one document; on return it is as safe as the backend promises.

        Raises:
            StoreIOError: (or its subclasses ``StoreFull``, ``StoreDenied``) the old version is
                intact; only if ``certain`` is false may it be either the old or the new one.
            UnsafeName: the key cannot be a name in this backend.
            StoreUnusable: the backend is not open.
        """

    def write_many(self, documents: Sequence[Document]) -> list[Failure]:
        """Write these with shared flushes; a failure is returned and does not affect the others."""

    def delete(self, store: str, key: str) -> None:
        """Remove one document permanently.

        Raises:
            NotSaved: there is none.
            StoreIOError: it could not be removed.
            StoreUnusable: the backend is not open.
        """

    def keys(self, store: str) -> list[str]:
        """The keys of every document of this store, in no particular order.

        Documents that people put there by hand are listed, too: a key need not be normalised.

        Raises:
            StoreIOError: they cannot be listed.
        """


class BufferedBackend(Backend, Protocol):
    """A backend that can also write in the background: ``cletus.storage.backends.writer.Writer``.

    ``read`` and ``keys`` see a submitted document at once, and ``write`` and ``delete`` overtake it,
    so stores always see the latest text.
    """

    def submit(self, document: Document) -> Deferred[None]:
        """Write this with the next group; the Deferred fires when it is as safe as after ``write``."""

    def read_ahead(self, store: str, keys: Sequence[str]) -> AbstractContextManager[None]:
        """Within, ``read`` of these documents need not ask the backend for each."""

    def find(self, store: str, conditions: Sequence[Condition]) -> list[str]:
        """See ``Searchable.find``; submitted documents are listed, too."""

    def find_by_sql(self, store: str, where: str, parameters: Sequence[Any]) -> list[str]:
        """See ``Searchable.find_by_sql``; submitted documents of the store are written first."""


@dataclass(frozen=True, slots=True)
class UnknownDocument:
    """Something in a backend that is not a document.

    Attributes:
        location: where it is, as shown to people: a path, for example.
        reason: what it is, and what happens to it.
    """

    location: str
    reason: str


@runtime_checkable
class Browsable(Protocol):
    """What a backend has beside the methods of ``Backend`` if tools can look into it.

    Its ``read``, ``keys`` and ``location`` work without ``open``, and while another process has
    opened it: each document is then seen as it was last written, whole.
    """

    def stores(self) -> list[str]:
        """The names of all stores that have, or had, a document here, in no particular order.

        Raises:
            StoreUnusable: they cannot be listed.
        """

    def saved_at(self, store: str, key: str) -> float | None:
        """When this document was last written, in seconds since the epoch; ``None`` if unknown.

        Raises:
            NotSaved: there is none.
            StoreIOError: the time cannot be read.
        """

    def unknown_documents(self, store: str) -> list[UnknownDocument]:
        """What is stored with the documents of this store and is not a document itself.

        Raises:
            StoreIOError: it cannot be listed.
        """


@dataclass(frozen=True, slots=True)
class Condition:
    """What a document has to have to be listed by ``Searchable.find``.

    Attributes:
        names: the names of a field, the present one first; a document has its value under one of them.
        value: in the form that it has in JSON.
        matches_missing: whether a document without the field fulfils it, since that is the default.
        version: of the store; documents of other versions fulfil it, whatever they say. 0: of none.
        is_indexed: whether an index is wanted.
    """

    names: tuple[str, ...]
    value: Any
    matches_missing: bool
    version: int
    is_indexed: bool

    @property
    def indexed(self) -> tuple[str, ...]:
        """The names that an index is wanted for."""
        if not self.is_indexed:
            return ()
        return (*self.names, "_version") if self.version else self.names


@runtime_checkable
class Searchable(Protocol):
    """What a backend has beside the methods of ``Backend`` if it can search its documents."""

    def read_many(self, store: str, keys: Sequence[str]) -> dict[str, bytes]:
        """These documents by key, as far as they are saved, by one request.

        Raises:
            StoreIOError: they cannot be read.
        """

    def find(self, store: str, conditions: Sequence[Condition]) -> list[str]:
        """The keys of all documents of this store that fulfil all conditions, and maybe of some others.

        The caller looks at each document itself. What is not JSON is left out.

        Raises:
            StoreIOError: they cannot be searched.
        """

    def find_by_sql(self, store: str, where: str, parameters: Sequence[Any]) -> list[str]:
        """The keys of the documents of this store for which an SQL expression is true.

        Raises:
            StoreIOError: the database refuses the expression.
        """


@runtime_checkable
class Movable(Protocol):
    """A backend that another process can take over while it is open; ``Backend`` does not ask for it."""

    def leave(self) -> tuple[int, Any]:
        """What another process needs: a descriptor, or -1; and a state that can be pickled."""

    def adopt(self, descriptor: int, state: Any) -> None:
        """In place of ``open``: go on with what ``leave`` has returned in another process.

        Raises:
            StoreUnusable: this is another store.
        """

    def sign(self) -> None:
        """This process is the only one that has it now."""


@runtime_checkable
class Fenced(Protocol):
    """A backend that a cluster's primary takes from the one before; ``Backend`` does not ask for it."""

    def claim(self, epoch: int) -> None:
        """In place of ``open``: from now on no primary of an earlier epoch can write.

        Args:
            epoch: of this primary. It is a later one's than all who have opened it without a cluster.

        Raises:
            StoreUnusable: it cannot be created, read or written; or a primary of a later epoch has it.
        """


class StoreObject(Protocol):
    """A store object as ``Store`` defines it, for the modules that ``Store`` is made of.

    It has no class attributes such as ``version``: applications write ``version = 2``, which type
    checkers do not accept where a protocol has a ``ClassVar``. See ``schema_of``.
    """

    key: str
    _unknown: Mapping[str, Any]
    _parked: Mapping[str, Any]

    def to_json(self, session: bool = False) -> str:
        """The text of its document."""

    def from_json(self, raw: str | bytes, session: bool = False) -> None:
        """Set the fields from such a text."""

    def load(self) -> Any:
        """Set the fields from the saved document."""


class StoreRegistry(Protocol):
    """The session of a service, as far as stores know it."""

    freezing: bool
    """True while a reload serialises the active objects."""

    @property
    def writer(self) -> BufferedBackend:
        """Where documents are read and written."""

    def register(self, store_cls: type[Any]) -> None:
        """A concrete store class has been defined, with its fields and manager.

        Raises:
            DuplicateStore: this generation of the code has another store of that name.
        """

    def find(self, name: str) -> type[Any] | None:
        """The store class of this lower-case name, in the generation that is being defined."""
