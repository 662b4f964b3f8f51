"""A home that is only read: what is written to it stays in memory, over what was saved before.

So an application that saves or loads objects while it is imported can be imported beside a running
service: nothing is locked and nothing written.
"""

from __future__ import annotations

from collections.abc import Sequence

from cletus.errors import NotSaved
from cletus.storage.backend import Backend, Document, Failure
from cletus.storage.memory import Memory


class ReadOnly:
    """It fulfils ``cletus.storage.backend.Backend``, which states the contract.

    Args:
        home: what is read; it is not opened, and must be such that it can be read all the same
            (``cletus.storage.browsing.Browsable``). ``None`` is an empty one.
    """

    def __init__(self, home: Backend | None) -> None:
        self._home = home
        self._written = Memory()
        self._written.open()
        self._deleted: set[tuple[str, str]] = set()

    def open(self) -> None:
        """Nothing is opened."""

    def close(self) -> None:
        """So there is nothing to close."""

    def place(self, store: str, key: str) -> str:
        """Where this document is or would be."""
        return (self._home or self._written).place(store, key)

    def read(self, store: str, key: str) -> bytes:
        """The document as it was last written, here or there."""
        try:
            return self._written.read(store, key)
        except NotSaved:
            if self._home is None or (store, key) in self._deleted:
                raise
        return self._home.read(store, key)

    def write(self, store: str, key: str, data: bytes) -> None:
        """Remember one document."""
        self._written.write(store, key, data)

    def write_many(self, documents: Sequence[Document]) -> list[Failure]:
        """Remember these."""
        return self._written.write_many(documents)

    def delete(self, store: str, key: str) -> None:
        """Remember that there is no such document. Raises ``NotSaved`` if there is none."""
        self.read(store, key)
        self._deleted.add((store, key))
        if key in self._written.keys(store):
            self._written.delete(store, key)

    def keys(self, store: str) -> list[str]:
        """The keys of every document of this store."""
        saved = [] if self._home is None else self._home.keys(store)
        left = (key for key in saved if (store, key) not in self._deleted)
        return list(dict.fromkeys((*left, *self._written.keys(store))))
