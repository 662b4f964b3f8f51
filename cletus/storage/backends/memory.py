"""Documents in memory (``memory:``): a backend for tests, which ends with the process."""

from __future__ import annotations

from collections.abc import Sequence
from weakref import WeakValueDictionary

from cletus.errors import NotSaved, StorageError, StoreUnusable
from cletus.renamed import with_old_names
from cletus.settings.settings import Settings
from cletus.storage.backends.store_folder import check_name, check_names
from cletus.storage.interfaces import Document, Failure, UnknownDocument


@with_old_names
class Memory:
    """A dict of documents. It fulfils ``cletus.storage.interfaces.Backend``.

    What was written outlives ``close``: open the same object again and it is there, as a restart
    would find it. Names are refused where files would refuse them.
    """

    def __init__(self) -> None:
        self._stores: dict[str, dict[str, bytes]] = {}
        self._opened = False

    def open(self) -> None:
        """Take possession; it cannot fail."""
        self._opened = True

    def close(self) -> None:
        """Let go; what was written stays."""
        self._opened = False

    def leave(self) -> tuple[int, dict[str, dict[str, bytes]]]:
        """As ``Movable.leave``: the documents."""
        return -1, self._stores

    def adopt(self, descriptor: int, state: dict[str, dict[str, bytes]]) -> None:
        """As ``Movable.adopt``."""
        self._stores = state
        self._opened = True

    def sign(self) -> None:
        """As ``Movable.sign``; there is nothing to sign."""

    def location(self, store: str, key: str) -> str:
        """``memory:user/bob``."""
        return f"memory:{store}/{key}"

    def read(self, store: str, key: str) -> bytes:
        """The document as it was last written; see ``Backend.read``."""
        check_names(store, key)
        try:
            return self._stores[store][key]
        except KeyError:
            raise NotSaved(store, key) from None

    def write(self, store: str, key: str, data: bytes) -> None:
        """Write one document; it is as safe as the process."""
        check_names(store, key)
        self._open_stores().setdefault(store, {})[key] = bytes(data)

    def write_many(self, documents: Sequence[Document]) -> list[Failure]:
        """Write these; only names can be wrong."""
        failures = []
        for document in documents:
            try:
                self.write(document.store, document.key, document.data)
            except StorageError as error:
                failures.append(Failure(document, error))
        return failures

    def delete(self, store: str, key: str) -> None:
        """Remove one document; see ``Backend.delete``."""
        check_names(store, key)
        try:
            del self._open_stores()[store][key]
        except KeyError:
            raise NotSaved(store, key) from None

    def keys(self, store: str) -> list[str]:
        """The keys of every document of this store."""
        check_name(store, store, "")
        return list(self._stores.get(store, ()))

    def stores(self) -> list[str]:
        """The names of all stores that had a document; see ``Browsable.stores``."""
        return list(self._stores)

    def saved_at(self, store: str, key: str) -> float | None:
        """Always ``None``: times are not kept."""
        self.read(store, key)
        return None

    def unknown_documents(self, store: str) -> list[UnknownDocument]:
        """There is nothing but documents."""
        return []

    def _open_stores(self) -> dict[str, dict[str, bytes]]:
        if not self._opened:
            raise StoreUnusable("memory:", "it is not open")
        return self._stores


def from_url(url: str, settings: Settings) -> Memory:  # noqa: ARG001 - the form of every such opener
    """The backend for a URL (entry point group ``cletus.stores``).

    ``memory:`` is a new, empty one each time; ``memory:NAME`` is the one of that name for as long as
    anything holds it, so that a test can stop a service and start it again.
    """
    name = url.partition(":")[2]
    return _named.setdefault(name, Memory()) if name else Memory()


_named: WeakValueDictionary[str, Memory] = WeakValueDictionary()
