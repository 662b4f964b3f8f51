"""Migrating: every document of an earlier version is brought to the version of the code, and saved.

It is what loading and saving each object would do, by the application's own version functions. What is
of the newest version already, and has no field under an earlier name, is not written anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from cletus.errors import CletusError, NotSaved, StorageError
from cletus.storage import document
from cletus.storage.interfaces import Backend, Document, Failure
from cletus.storage.keys import as_it_is
from cletus.storage.saving import understand
from cletus.storage.store import Store
from cletus.storage.tools.batch import Batch
from cletus.storage.versions import is_outdated


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one document that is not of the newest version, or that cannot be used.

    Attributes:
        store: the name of the store.
        key: of the document, as the home lists it.
        place: where it is, in words for people: a path, say.
        error: why it was left as it is; ``None`` if it was brought up.
    """

    store: str
    key: str
    place: str
    error: Exception | None = None


class Migration:
    """One going-over. Memory grows with the number of keys of a store, not with its documents.

    Args:
        home: where the documents are. To write, it must be open.
        classes: of the stores to bring up; temporary ones are left out.
        write: whether to write, or only to try.
    """

    def __init__(self, home: Backend, classes: Iterable[type[Store]], *, write: bool) -> None:
        self._home = home
        self._classes = [cls for cls in classes if not cls.schema.is_temporary]
        self._write = write

    def run(
        self, seen: Callable[[str, str], object] = lambda _store, _key: None
    ) -> Iterator[Outcome]:
        """Bring up what needs it, in groups; what fails hinders no other.

        Args:
            seen: called with store and key when a document was looked at.

        Raises:
            StoreIOError: a store cannot be listed.
        """
        batch = Batch(self._home)
        for found in self._found(seen):
            if isinstance(found, Outcome):
                yield found
            elif self._write:
                yield from (self._written(*done) for done in batch.add(found))
            else:
                yield self._outcome(found.store, found.key)
        yield from (self._written(*done) for done in batch.write())

    def _found(self, seen: Callable[[str, str], object]) -> Iterator[Document | Outcome]:
        """What is to be written, and what cannot be used."""
        for store_cls in self._classes:
            name = store_cls.schema.name
            for key in sorted(self._home.keys(name)):
                try:
                    one = self._look_at(store_cls, key)
                    if one is not None:
                        yield one
                except NotSaved:
                    continue  # deleted just now
                except Exception as error:  # noqa: BLE001 - it runs the application's code
                    yield self._outcome(name, key, error)
                seen(name, key)

    def _written(self, one: Document, failure: Failure | None) -> Outcome:
        return self._outcome(one.store, one.key, None if failure is None else failure.error)

    def _look_at(self, store_cls: type[Store], key: str) -> Document | None:
        """The document as the code would save it, if it is not of the newest version."""
        as_it_is(key)
        name = store_cls.schema.name
        raw = self._home.read(name, key)
        obj = store_cls.schema.detached(key)
        understand(obj, raw, self._home.place(name, key))
        data = document.decode(raw, name, key)
        if not is_outdated(store_cls, data, document.version_of(data, name, key, raw)):
            return None
        return Document(name, key, obj.to_json().encode())

    def _outcome(self, store: str, key: str, error: Exception | None = None) -> Outcome:
        try:
            place = self._home.place(store, key)
        except StorageError:  # what is no name at all
            place = store
        return Outcome(store, key, place, error)


def in_words(error: Exception) -> str:
    """Why a document was left as it is."""
    return str(error) if isinstance(error, CletusError) else f"{type(error).__name__}: {error}"
