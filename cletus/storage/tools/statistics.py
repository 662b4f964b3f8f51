"""What a home holds: of each store how many documents, how large, of which versions; of each, since when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cletus.errors import CorruptStore, NotSaved, StoreIOError
from cletus.storage import document
from cletus.storage.interfaces import Backend
from cletus.storage.tools.browse import saved_at

if TYPE_CHECKING:
    from cletus.storage.store import Store


@dataclass(frozen=True, slots=True)
class Item:
    """One document, seen from outside.

    Attributes:
        key: as the home lists it.
        size: in bytes.
        saved_at: when it was last written, in seconds since the epoch, or ``None`` if unknown.
        version: what it says it is of, or ``None`` if it cannot be read.
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
        ours: the version of the class in the code; ``None`` if the code has no such store, or none
            that is saved.
        objects: how many documents.
        size: bytes of all of them.
        versions: how many documents are of each version.
        unreadable: how many are no JSON, or could not be read.
    """

    store: str
    ours: int | None = None
    objects: int = 0
    size: int = 0
    versions: Counter[int] = field(default_factory=Counter)
    unreadable: int = 0


def items(home: Backend, store: str, keys: Iterable[str] | None = None) -> Iterator[Item]:
    """The documents of a store, by key; one that was deleted meanwhile is left out.

    Raises:
        StoreIOError: they cannot be listed.
    """
    for key in sorted(home.keys(store)) if keys is None else keys:
        try:
            raw = home.read(store, key)
            yield Item(key, len(raw), saved_at(home, store, key), _version(raw, store, key))
        except NotSaved:
            continue
        except StoreIOError:
            yield Item(key, 0, None, None)


def summary(
    home: Backend,
    store: str,
    classes: Mapping[str, type[Store]],
    seen: Callable[[str, str], object] = lambda _store, _key: None,
) -> Summary:
    """What there is to say of one store; every document of it is read.

    Args:
        home: where it is.
        store: its name.
        classes: the store classes of the code, by name.
        seen: called with store and key when a document is done.

    Raises:
        StoreIOError: its documents cannot be listed.
    """
    cls = classes.get(store)
    found = Summary(store, None if cls is None or cls.schema.is_temporary else cls.version)
    for item in items(home, store):
        found.objects += 1
        found.size += item.size
        if item.version is None:
            found.unreadable += 1
        else:
            found.versions[item.version] += 1
        seen(store, item.key)
    return found


def _version(raw: bytes, store: str, key: str) -> int | None:
    try:
        return document.version_said(raw, store, key)
    except CorruptStore:
        return None
