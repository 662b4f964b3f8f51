"""Verifying: is every saved document what the code can use? Nothing is written and nothing active.

Each document is read the way ``Manager.saved()`` reads it: through the version functions, the names
that fields had, and the types that they state. ``cletus store verify`` and ``cletus check`` show what
is found.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator, Mapping
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
from cletus.storage.keys import as_it_is
from cletus.storage.references import referred
from cletus.storage.saving import understand
from cletus.storage.tools.browse import stores_in, strays_in
from cletus.storage.versions import is_outdated

if TYPE_CHECKING:
    from cletus.storage.store import Store


class Severity(enum.Enum):
    """How bad a finding is."""

    ERROR = "error"
    """A document that the code cannot use."""
    WARNING = "warning"
    """All can be used, but somebody should look at it."""
    NOTE = "note"
    """As it may well be."""


class Kind(enum.Enum):
    """What was found."""

    UNREADABLE = "unreadable"
    NEWER = "of a later version"
    MISNAMED = "misnamed"
    DANGLING = "dangling reference"
    UNKNOWN = "unknown store"
    STRAY = "stray"
    OUTDATED = "of an earlier version"

    @property
    def severity(self) -> Severity:
        """How bad that is."""
        return _SEVERITIES.get(self, Severity.WARNING)


_SEVERITIES = {
    Kind.UNREADABLE: Severity.ERROR,
    Kind.NEWER: Severity.ERROR,
    Kind.MISNAMED: Severity.ERROR,
    Kind.OUTDATED: Severity.NOTE,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is worth a word.

    Attributes:
        kind: what sort of thing.
        store: the name of the store.
        key: of the document, as the home lists it; empty where it is the store as a whole.
        place: where it is, in words for people: a path, say.
        line: from 1; 0 where there is none.
        reason: what is wrong, without the place.
    """

    kind: Kind
    store: str
    key: str
    place: str
    reason: str
    line: int = 0

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return self.kind.severity

    def __str__(self) -> str:
        where = f"{self.place}:{self.line}" if self.line else self.place
        return (
            f"{where}: {self.store} {self.key!r}: {self.reason}"
            if self.key
            else (f"{where}: {self.reason}")
        )


def verify(
    home: Backend,
    classes: Mapping[str, type[Store]],
    stores: Iterable[str] | None = None,
    seen: Callable[[str, str], object] = lambda _store, _key: None,
) -> Iterator[Finding]:
    """Read every document of a home and tell what is wrong.

    Memory grows with the number of keys, not with what is in the documents.

    Args:
        home: where the documents are. It need not be open if it is ``Browsable``.
        classes: the store classes of the code by name: ``service.session.stores``. What they read by
            themselves while they are filled comes from their own session's home.
        stores: only these, by name; by default all that the home or the code has.
        seen: called with store and key when a document is done.

    Raises:
        StoreIOError: a store cannot be listed.
        StoreUnusable: the home cannot be listed.
    """
    chosen = stores_in(home, classes) if stores is None else stores
    look = _Look(home, classes)
    for name in chosen:
        yield from look.at_store(name, seen)


class _Look:
    """One going-over; it remembers which keys there are."""

    def __init__(self, home: Backend, classes: Mapping[str, type[Store]]) -> None:
        self._home = home
        self._classes = classes
        self._keys: dict[str, frozenset[str]] = {}

    def at_store(self, name: str, seen: Callable[[str, str], object]) -> Iterator[Finding]:
        keys = self._home.keys(name)
        store_cls = self._classes.get(name)
        if store_cls is None and keys:
            yield self._whole(
                name, "the code has no such store; its documents are left as they are"
            )
        elif store_cls is not None and store_cls.schema.is_temporary and keys:
            yield self._whole(name, "the store is temporary now; its documents are not read")
            store_cls = None
        for key in sorted(keys):
            yield from self._at_document(name, key, store_cls)
            seen(name, key)
        for stray in strays_in(self._home, name):
            yield Finding(Kind.STRAY, name, "", stray.place, stray.reason)

    def _whole(self, name: str, reason: str) -> Finding:
        return Finding(Kind.UNKNOWN, name, "", name, reason)

    def _at_document(self, name: str, key: str, store_cls: type[Store] | None) -> Iterator[Finding]:
        try:
            as_it_is(key)
            raw = self._home.read(name, key)
            data = document.decode(raw, name, key)
            version = document.version_of(data, name, key, raw)
            if store_cls is not None:
                obj = store_cls.schema.detached(key)
                understand(obj, raw, self._home.place(name, key))
                yield from self._of_object(obj, data, version)
        except NotSaved:
            return  # deleted just now
        except Exception as error:  # noqa: BLE001 - making an object runs the application's code
            yield self._unusable(name, key, error)

    def _of_object(self, obj: Store, data: dict[str, Any], version: int) -> Iterator[Finding]:
        name, key = type(obj).schema.name, obj.key
        place = self._home.place(name, key)
        if version < obj.version:
            reason = f"it is of version {version}, the code is at {obj.version}"
            yield Finding(Kind.OUTDATED, name, key, place, reason)
        elif is_outdated(type(obj), data, version):
            reason = "it has a field under an earlier name"
            yield Finding(Kind.OUTDATED, name, key, place, reason)
        for field, store, other in referred(obj):
            if not self._is_there(store, other):
                reason = f"{field} refers to {store} {other!r}, which is not saved"
                yield Finding(Kind.DANGLING, name, key, place, reason)

    def _is_there(self, store: str, key: str) -> bool:
        """Whether what is referred to is saved, or need not be: it is active, or comes and goes."""
        store_cls = self._classes.get(store)
        if store_cls is not None and (
            store_cls.schema.is_temporary or key in store_cls.manager.active()
        ):
            return True
        return key in self._keys_of(store)

    def _keys_of(self, store: str) -> frozenset[str]:
        if store not in self._keys:
            self._keys[store] = frozenset(self._home.keys(store))
        return self._keys[store]

    def _unusable(self, name: str, key: str, error: Exception) -> Finding:
        kind = Kind.UNREADABLE
        if isinstance(error, InvalidKey):
            kind = Kind.MISNAMED
        elif isinstance(error, NewerStore):
            kind = Kind.NEWER
        line = error.line if isinstance(error, UnreadableStore) else 0
        return Finding(kind, name, key, self._place(name, key), _reason(error), line)

    def _place(self, name: str, key: str) -> str:
        try:
            return self._home.place(name, key)
        except StorageError:  # what is no name at all
            return name


def _reason(error: Exception) -> str:
    if isinstance(error, (UnreadableStore, StoreIOError, InvalidKey)):
        return error.reason
    return str(error) if isinstance(error, StorageError) else f"{type(error).__name__}: {error}"
