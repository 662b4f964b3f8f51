"""Statistics of a backend: of each store the number, size and versions of its documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cletus.errors import CorruptStore, NotSaved, StoreIOError
from cletus.storage import document
from cletus.storage.interfaces import Backend
from cletus.storage.tools.browse import (
    Seen,
    StoredText,
    ignore_progress,
    saved_at,
    stored_texts,
)

if TYPE_CHECKING:
    from cletus.storage.store import Store


@dataclass(frozen=True, slots=True)
class Item:
    """One document, seen from outside.

    Attributes:
        key: as the backend lists it.
        size: in bytes.
        saved_at: when it was last written, in seconds since the epoch, or ``None`` if unknown.
        version: the version that it states, or ``None`` if it cannot be read.
    """

    key: str
    size: int
    saved_at: float | None
    version: int | None


@dataclass(slots=True)
class Summary:
    """One store, seen from outside.

    Attributes:
        store: its name.
        ours: the version of the class in the code; ``None`` if the code has no such store, or if
            that store is temporary.
        objects: how many documents.
        size: bytes of all of them.
        versions: how many documents are of each version.
        unreadable: how many are not JSON, or could not be read.
    """

    store: str
    ours: int | None = None
    objects: int = 0
    size: int = 0
    versions: Counter[int] = field(default_factory=Counter)
    unreadable: int = 0


def items(backend: Backend, store: str, seen: Seen = ignore_progress) -> Iterator[Item]:
    """The documents of a store, by key; a document deleted meanwhile is left out.

    Raises:
        StoreIOError: they cannot be listed.
    """
    for text in stored_texts(backend, [store], seen):
        try:
            yield _item(backend, text)
        except NotSaved:
            continue


def summary(
    backend: Backend,
    store: str,
    classes: Mapping[str, type[Store]],
    seen: Seen = ignore_progress,
) -> Summary:
    """The statistics of one store; every document of it is read.

    Args:
        backend: it need not be open if it is ``Browsable``.
        store: its name.
        classes: the store classes of the code, by name.
        seen: called with store and key when a document is done.

    Raises:
        StoreIOError: its documents cannot be listed.
    """
    cls = classes.get(store)
    result = Summary(store, None if cls is None or cls.schema.is_temporary else cls.version)
    for item in items(backend, store, seen):
        result.objects += 1
        result.size += item.size
        if item.version is None:
            result.unreadable += 1
        else:
            result.versions[item.version] += 1
    return result


def _item(backend: Backend, text: StoredText) -> Item:
    try:
        if text.error is not None:
            raise text.error
        time = saved_at(backend, text.store, text.key)
    except StoreIOError:
        return Item(text.key, 0, None, None)
    try:
        version = document.stated_version(text.data, text.store, text.key)
    except CorruptStore:
        version = None
    return Item(text.key, len(text.data), time, version)
