"""Verify that the code can use every saved document. Nothing is written, and no object is active.

Each document is read as ``Manager.saved()`` reads it: through the version functions, the earlier names
of fields, and the types that they state. ``cletus store verify`` and ``cletus check`` show the findings.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cletus.errors import (
    InvalidKey,
    NewerStore,
    NotSaved,
    StorageError,
    StoreIOError,
    UnreadableStore,
)
from cletus.storage import document
from cletus.storage.interfaces import Backend
from cletus.storage.json_text import line_of
from cletus.storage.keys import as_it_is
from cletus.storage.references import referred
from cletus.storage.saving import understand
from cletus.storage.tools.browse import (
    Seen,
    StoredText,
    ignore_progress,
    location_of,
    stored_texts,
    stores_in,
    unknown_documents,
)
from cletus.storage.versions import is_outdated

if TYPE_CHECKING:
    from cletus.storage.store import Store


class Severity(enum.Enum):
    """How bad a finding is."""

    ERROR = "error"
    """A document that the code cannot use."""
    WARNING = "warning"
    """The code can use everything, but somebody should look at it."""
    NOTE = "note"
    """Nothing needs to be done."""


class Category(enum.Enum):
    """What is wrong, or worth a look."""

    UNREADABLE = "unreadable"
    NEWER = "of a later version"
    MISNAMED = "misnamed"
    LOST = "would be lost"
    MISTYPED = "of another type than the default"
    DANGLING = "dangling reference"
    UNKNOWN = "unknown store"
    UNKNOWN_DOCUMENT = "unknown document"
    OUTDATED = "of an earlier version"

    @property
    def severity(self) -> Severity:
        """How bad that is."""
        return _SEVERITIES.get(self, Severity.WARNING)


_SEVERITIES = {
    Category.UNREADABLE: Severity.ERROR,
    Category.NEWER: Severity.ERROR,
    Category.MISNAMED: Severity.ERROR,
    Category.OUTDATED: Severity.NOTE,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of a verification.

    Attributes:
        category: what is wrong.
        store: the name of the store.
        key: of the document, as the backend lists it; empty if it is about the store as a whole.
        location: where it is, as shown to people: a path, for example.
        line: from 1; 0 where there is none.
        reason: what is wrong, without the location.
    """

    category: Category
    store: str
    key: str
    location: str
    reason: str
    line: int = 0

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return self.category.severity

    def __str__(self) -> str:
        where = f"{self.location}:{self.line}" if self.line else self.location
        return (
            f"{where}: {self.store} {self.key!r}: {self.reason}"
            if self.key
            else (f"{where}: {self.reason}")
        )


def verify(
    backend: Backend,
    classes: Mapping[str, type[Store]],
    stores: Iterable[str] | None = None,
    seen: Seen = ignore_progress,
) -> Iterator[Finding]:
    """Read every document of a backend and report what is wrong.

    Args:
        backend: it need not be open if it is ``Browsable``.
        classes: the store classes of the code by name: ``service.session.stores``. What their code
            reads while objects are filled comes from the backend of their own session.
        stores: only these, by name; by default all that the backend or the code has.
        seen: called with store and key when a document is done.

    Raises:
        StoreIOError: a store cannot be listed.
        StoreUnusable: the backend cannot be listed.
    """
    names = stores_in(backend, classes) if stores is None else stores
    verification = _Verification(backend, classes)
    for name in names:
        yield from verification.of_store(name, seen)


class _Verification:
    """One verification; it remembers which keys there are."""

    def __init__(self, backend: Backend, classes: Mapping[str, type[Store]]) -> None:
        self._backend = backend
        self._classes = classes
        self._keys: dict[str, frozenset[str]] = {}

    def of_store(self, name: str, seen: Seen) -> Iterator[Finding]:
        store_cls, unread = self._classes.get(name), ""
        if store_cls is None:
            unread = "the code has no such store; its documents are left as they are"
        elif store_cls.schema.is_temporary:
            store_cls, unread = None, "the store is temporary now; its documents are not read"
        for text in stored_texts(self._backend, [name], seen):
            if unread:  # told once, and only of a store with documents
                yield Finding(Category.UNKNOWN, name, "", name, unread)
                unread = ""
            yield from self._of_text(text, store_cls)
        for unknown in unknown_documents(self._backend, name):
            yield Finding(Category.UNKNOWN_DOCUMENT, name, "", unknown.location, unknown.reason)

    def _of_text(self, text: StoredText, store_cls: type[Store] | None) -> Iterator[Finding]:
        name, key = text.store, text.key
        try:
            as_it_is(key)
            if text.error is not None:
                raise text.error
            data = document.decode(text.data, name, key)
            version = document.version_of(data, name, key, text.data)
            if store_cls is not None:
                obj = store_cls.schema.detached(key)
                understand(obj, text.data, self._backend)
                yield from self._of_object(obj, text.data, data, version)
        except NotSaved:
            return  # the application's code deleted it just now
        except Exception as error:  # noqa: BLE001 - making an object runs the application's code
            yield self._unusable(name, key, error)

    def _of_object(
        self, obj: Store, raw: bytes, data: dict[str, Any], version: int
    ) -> Iterator[Finding]:
        name, key = type(obj).schema.name, obj.key
        location = self._backend.location(name, key)
        if version < obj.version:
            reason = f"it is of version {version}, the code is at {obj.version}"
            yield Finding(Category.OUTDATED, name, key, location, reason)
        elif is_outdated(type(obj), data, version):
            reason = "it has a field under an earlier name"
            yield Finding(Category.OUTDATED, name, key, location, reason)
        before = obj.upgrade(data, version)
        after = document.decode(obj.to_json(), name, key)
        for path in _lost(before, after):
            top = path.partition("[")[0]
            line = line_of(raw, top, path.removeprefix(top))
            reason = f"{path} would be lost: loading ignores it, and the next save drops it"
            yield Finding(Category.LOST, name, key, location, reason, line)
        for field, expected, actual in obj.schema.unexpected_types(obj):
            reason = f"{field} is a {actual.__name__}, its default a {expected.__name__}"
            yield Finding(Category.MISTYPED, name, key, location, reason, line_of(raw, field))
        for field, store, referred_key in referred(obj):
            if not self._is_there(store, referred_key):
                reason = f"{field} refers to {store} {referred_key!r}, which is not saved"
                yield Finding(Category.DANGLING, name, key, location, reason)

    def _is_there(self, store: str, key: str) -> bool:
        """Whether the object is saved, or need not be: it is active, or its store is temporary."""
        store_cls = self._classes.get(store)
        if store_cls is not None and (
            store_cls.schema.is_temporary or key in store_cls.manager.active()
        ):
            return True
        return key in self._keys_of(store)

    def _keys_of(self, store: str) -> frozenset[str]:
        if store not in self._keys:
            self._keys[store] = frozenset(self._backend.keys(store))
        return self._keys[store]

    def _unusable(self, name: str, key: str, error: Exception) -> Finding:
        category = Category.UNREADABLE
        if isinstance(error, InvalidKey):
            category = Category.MISNAMED
        elif isinstance(error, NewerStore):
            category = Category.NEWER
        line = error.line if isinstance(error, UnreadableStore) else 0
        location = location_of(self._backend, name, key)
        return Finding(category, name, key, location, _reason(error), line)


def _lost(before: Any, after: Any, path: str = "") -> Iterator[str]:
    """The paths of what a document has, and what it would not have any more after load and save.

    Of a type's unknown fields, for example, msgspec takes no notice.
    """
    if isinstance(before, dict) and isinstance(after, dict):
        for key, part in before.items():
            inside = f"{path}[{key!r}]" if path else key
            if key in after:
                yield from _lost(part, after[key], inside)
            else:
                yield inside
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, part in enumerate(before):
            yield from _lost(part, after[index], f"{path}[{index}]")


def _reason(error: Exception) -> str:
    if isinstance(error, (UnreadableStore, StoreIOError, InvalidKey)):
        return error.reason
    return str(error) if isinstance(error, StorageError) else f"{type(error).__name__}: {error}"
