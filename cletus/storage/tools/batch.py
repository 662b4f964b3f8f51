"""Write many documents in groups of bounded size that share their flushes."""

from __future__ import annotations

from collections.abc import Iterator

from cletus.storage.interfaces import Backend, Document, Failure

DOCUMENTS_MAX = 1000
"""Documents in one group: with more, the shared flush is not cheaper for each."""

BYTES_MAX = 8 * 1024 * 1024
"""Bytes in one group, except for one larger document: a group is held in memory until it is written."""


class Batch:
    """Writes one group after the other.

    Args:
        backend: where they are written; it must be open.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._group: list[Document] = []
        self._size = 0

    def add(self, document: Document) -> Iterator[tuple[Document, Failure | None]]:
        """Write this with its group; yields what that has written, if the group is full now.

        Yields:
            each document of the group, and what went wrong with it, if anything.
        """
        full = len(self._group) >= DOCUMENTS_MAX or self._size + len(document.data) > BYTES_MAX
        done = self.write() if full else iter(())
        yield from done
        self._group.append(document)
        self._size += len(document.data)

    def write(self) -> Iterator[tuple[Document, Failure | None]]:
        """Write what has been gathered; yields as ``add`` does."""
        group, self._group, self._size = self._group, [], 0
        if group:
            failures = {
                id(failure.document): failure for failure in self._backend.write_many(group)
            }
            yield from ((document, failures.get(id(document))) for document in group)
