"""Where documents live: the small protocol between stores and their home.

A document is the JSON text of one store object, named by (store name, key). Stores know nothing of
files; a home knows nothing of fields. ``json_files.py`` is the home that ships; others register
their URL scheme through the entry point group ``cletus.stores``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from twisted.internet.defer import Deferred

from cletus.errors import StorageError

if TYPE_CHECKING:
    from cletus.storage.store import Store


@dataclass(frozen=True, slots=True)
class Document:
    """One object's text on its way to its home: the name of its ``store``, its ``key``, its ``data``."""

    store: str
    key: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Failure:
    """A ``document`` that could not be written, and the ``error``; its old version is intact."""

    document: Document
    error: StorageError


class Backend(Protocol):
    """A home for documents. All methods may block; which thread calls them is the caller's choice.

    Two threads may be in it at once, though not with the same document: ``Writer`` sees to that.

    Store names are lower-case class names and keys have passed ``keys.normalise``. One process owns
    a home between ``open`` and ``close``.
    """

    def open(self) -> None:
        """Take possession: create what is missing, lock, sweep what a crash left behind.

        Raises:
            StoreLocked: another process has it; the message names its pid.
            StoreUnusable: it cannot be created, read or written.
        """

    def close(self) -> None:
        """Let go of the lock. Closing twice is harmless."""

    def place(self, store: str, key: str) -> str:
        """Where this document is or would be, in words for people: a path, say."""

    def read(self, store: str, key: str) -> bytes:
        """The document as it was last written.

        Raises:
            NotSaved: there is none.
            StoreIOError: there is one, and it cannot be read.
        """

    def write(self, store: str, key: str, data: bytes) -> None:
        """Write one document; on return it is as safe as the home promises.

        Raises:
            StoreIOError: (``StoreFull``, ``StoreDenied`` are kinds of it) the old version is
                intact; only if its ``certain`` is false it may be the old or the new one.
            UnsafeName: the key cannot be a name in this home.
            StoreUnusable: the home is not open.
        """

    def write_many(self, documents: Sequence[Document]) -> list[Failure]:
        """Write these with shared flushes; what fails is returned and hinders no other."""

    def delete(self, store: str, key: str) -> None:
        """Remove one document for good.

        Raises:
            NotSaved: there is none.
            StoreIOError: it could not be removed.
            StoreUnusable: the home is not open.
        """

    def keys(self, store: str) -> list[str]:
        """The keys of every document of this store, in no particular order.

        What people put into the home by hand is listed, too: a name need not be a normalised key.

        Raises:
            StoreIOError: they cannot be listed.
        """


class Front(Backend, Protocol):
    """A home that also writes soon: ``cletus.storage.backends.writer.Writer``.

    What was submitted is seen by ``read`` and ``keys`` at once and overtaken by ``write`` and
    ``delete``, so that stores have one truth to talk to.
    """

    def submit(self, document: Document) -> Deferred[None]:
        """Write this with the next group; the Deferred fires when it is as safe as ``write``'s."""


class Home(Protocol):
    """The session of a service."""

    freezing: bool
    """True while a reload serialises the active objects."""

    @property
    def writer(self) -> Front:
        """Where documents go to and come from."""

    def register(self, store_cls: type[Store]) -> None:
        """A concrete store class has been defined, with its fields and manager.

        Raises:
            DuplicateStore: this generation of the code has another one of that name.
        """

    def find(self, name: str) -> type[Store] | None:
        """The store class of this lower-case name, in the generation that is being defined."""
