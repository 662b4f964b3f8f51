"""Looking into a home from outside: which stores it has, since when, and what else lies about in it.

Stores ask a home for what they know by name. Commands such as ``cletus store list`` want to see what
there is, beside the service that has it open. A home that can show it has the methods of
``Browsable``; of one that has not, as much is shown as ``Backend`` tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from cletus.storage.interfaces import Backend


@dataclass(frozen=True, slots=True)
class Stray:
    """What lies in a home and is no document.

    Attributes:
        place: where, in words for people: a path, say.
        reason: what it is, and what becomes of it.
    """

    place: str
    reason: str


@runtime_checkable
class Browsable(Protocol):
    """What a home has besides the methods of ``Backend`` so that it can be looked into.

    Its ``read``, ``keys`` and ``place`` work without ``open`` as well, and while another process has
    the home: each document is then seen as it was last written, whole.
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
            StoreIOError: it cannot be told.
        """

    def strays(self, store: str) -> list[Stray]:
        """What lies in the place of this store and is no document of it.

        Raises:
            StoreIOError: it cannot be told.
        """


@contextmanager
def looked_into(home: Backend) -> Iterator[Backend]:
    """The home, ready to be read from; it is opened only if that is needed.

    Raises:
        StoreLocked: it has to be opened, and another process has it.
        StoreUnusable: it has to be opened, and cannot be.
    """
    if isinstance(home, Browsable):
        yield home
        return
    home.open()
    try:
        yield home
    finally:
        home.close()


def stores_in(home: Backend, known: Iterable[str]) -> list[str]:
    """The names of the stores that can be looked into: those in the home and those known, sorted.

    Raises:
        StoreUnusable: they cannot be listed.
    """
    found = home.stores() if isinstance(home, Browsable) else ()
    return sorted({*known, *found})


def saved_at(home: Backend, store: str, key: str) -> float | None:
    """When a document was last written, if the home can tell; see ``Browsable.saved_at``."""
    return home.saved_at(store, key) if isinstance(home, Browsable) else None


def strays_in(home: Backend, store: str) -> list[Stray]:
    """What lies in the place of a store and is no document, if the home can tell."""
    return home.strays(store) if isinstance(home, Browsable) else []
