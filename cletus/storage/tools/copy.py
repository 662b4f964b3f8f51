"""Copy every document from one backend to another, and see that all have arrived."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cletus.errors import NotTransferable
from cletus.storage.interfaces import Backend, Document, Failure
from cletus.storage.tools.batch import Batch
from cletus.storage.tools.browse import Seen, ignore_progress, stored_texts, stores_in
from cletus.text.plural import counted


@dataclass(frozen=True, slots=True)
class Contents:
    """All documents of a backend.

    Attributes:
        count: how many there are.
        digest: SHA-256 of their stores, keys and bytes, in hexadecimal.
    """

    count: int
    digest: str


def copy(source: Backend, target: Backend, seen: Seen = ignore_progress) -> Contents:
    """Copy all documents, byte for byte. Both backends are open, so nothing else writes to them.

    What the target has already, from a copy that was interrupted, stays.

    Args:
        source: it must be ``Browsable``.
        target: likewise.
        seen: called with store and key when a document is written.

    Returns:
        what was copied, and is in both now.

    Raises:
        NotTransferable: the target has other documents, or does not give back what was written to it.
        StorageError: a document cannot be read or written; what was copied so far stays in the target.
    """
    _see_that_nothing_is_lost(source, target)
    batch = Batch(target)
    for document in _documents(source):
        _see(batch.add(document), seen)
    _see(batch.write(), seen)
    contents, copied = contents_of(source), contents_of(target)
    if contents != copied:
        raise NotTransferable(
            f"the copy is not like the original: {counted(contents.count, 'document')} with the digest "
            f"{contents.digest}, and {counted(copied.count, 'document')} with {copied.digest} there"
        )
    return contents


def _see(written: Iterable[tuple[Document, Failure | None]], seen: Seen) -> None:
    for document, failure in written:
        if failure is not None:
            raise failure.error
        seen(document.store, document.key)


def contents_of(backend: Backend) -> Contents:
    """The number and digest of all documents.

    Raises:
        StorageError: a document cannot be read.
    """
    digest, count = hashlib.sha256(), 0
    for document in _documents(backend):
        count += 1
        for part in (document.store.encode(), document.key.encode(), document.data):
            digest.update(b"%d:" % len(part))
            digest.update(part)
    return Contents(count, digest.hexdigest())


def _documents(backend: Backend) -> Iterator[Document]:
    for text in stored_texts(backend, stores_in(backend, ())):
        if text.error is not None:
            raise text.error
        yield Document(text.store, text.key, text.data)


def _see_that_nothing_is_lost(source: Backend, target: Backend) -> None:
    originals = {name: set(source.keys(name)) for name in stores_in(source, ())}
    for document in _documents(target):
        name = f"{document.store} {document.key!r}"
        if document.key not in originals.get(document.store, ()):
            raise NotTransferable(f"the target has {name} already, which is not in the source")
        if source.read(document.store, document.key) != document.data:
            raise NotTransferable(f"the target has another {name} already: copy to an empty store")
