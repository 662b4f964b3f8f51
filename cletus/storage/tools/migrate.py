"""Bring every document of an earlier version to the version of the code, and save it.

It does what loading and saving each object would do, by the application's own version functions. A
document of the newest version in which no field has an earlier name is not rewritten.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cletus.errors import CletusError, NotSaved
from cletus.storage import document
from cletus.storage.interfaces import Backend, Document, Failure
from cletus.storage.keys import as_it_is
from cletus.storage.saving import understand
from cletus.storage.store import Store
from cletus.storage.tools.batch import Batch
from cletus.storage.tools.browse import (
    Seen,
    StoredText,
    ignore_progress,
    location_of,
    stored_texts,
)
from cletus.storage.versions import is_outdated


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened to one document that is of an earlier version, or that cannot be used.

    Attributes:
        store: the name of the store.
        key: of the document, as the backend lists it.
        location: where it is, as shown to people: a path, for example.
        error: why it was left as it is; ``None`` if it was migrated.
    """

    store: str
    key: str
    location: str
    error: Exception | None = None


class Migration:
    """One migration of a whole backend.

    Args:
        backend: to write, it must be open.
        classes: of the stores to migrate; temporary stores are left out.
        write: whether to write, or only to try.
    """

    def __init__(self, backend: Backend, classes: Iterable[type[Store]], *, write: bool) -> None:
        self._backend = backend
        self._classes = {cls.schema.name: cls for cls in classes if not cls.schema.is_temporary}
        self._write = write

    def run(self, seen: Seen = ignore_progress) -> Iterator[Outcome]:
        """Migrate what needs it, in groups; a failure does not affect other documents.

        Raises:
            StoreIOError: a store cannot be listed.
        """
        batch = Batch(self._backend)
        for result in self._results(seen):
            if isinstance(result, Outcome):
                yield result
            elif self._write:
                yield from (self._written(*written) for written in batch.add(result))
            else:
                yield self._outcome(result.store, result.key)
        yield from (self._written(*written) for written in batch.write())

    def _results(self, seen: Seen) -> Iterator[Document | Outcome]:
        """What is to be written, and what cannot be used."""
        for text in stored_texts(self._backend, self._classes, seen):
            try:
                migrated = self._migrated(text)
                if migrated is not None:
                    yield migrated
            except NotSaved:
                continue  # the application's code deleted it just now
            except Exception as error:  # noqa: BLE001 - it runs the application's code
                yield self._outcome(text.store, text.key, error)

    def _written(self, written: Document, failure: Failure | None) -> Outcome:
        error = None if failure is None else failure.error
        return self._outcome(written.store, written.key, error)

    def _migrated(self, text: StoredText) -> Document | None:
        """The document as the code would save it, if it is of an earlier version."""
        as_it_is(text.key)
        if text.error is not None:
            raise text.error
        store_cls = self._classes[text.store]
        obj = store_cls.schema.detached(text.key)
        understand(obj, text.data, self._backend)
        data = document.decode(text.data, text.store, text.key)
        version = document.version_of(data, text.store, text.key, text.data)
        if not is_outdated(store_cls, data, version):
            return None
        return Document(text.store, text.key, obj.to_json().encode())

    def _outcome(self, store: str, key: str, error: Exception | None = None) -> Outcome:
        return Outcome(store, key, location_of(self._backend, store, key), error)


def in_words(error: Exception) -> str:
    """Why a document was left as it is."""
    return str(error) if isinstance(error, CletusError) else f"{type(error).__name__}: {error}"
