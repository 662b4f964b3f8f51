"""The way of objects to their documents and back, and what stands in it.

The rule that must not break: a document that cannot be used is never written over, unless that is
asked for by ``force``. So an object that has neither been loaded nor saved looks first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cletus.errors import (
    CorruptStore,
    FieldValueError,
    MigrationFailed,
    NewerStore,
    NotSavable,
    NotSaved,
    SerialiseFailed,
    StorageError,
    UnreadableStore,
)
from cletus.storage.document import line_of
from cletus.storage.interfaces import Document
from cletus.storage.schema import DocumentState

if TYPE_CHECKING:
    from cletus.storage.interfaces import Front
    from cletus.storage.store import Store


@dataclass(frozen=True, slots=True)
class Unsaved:
    """An object (``obj``) that could not be saved, and the ``error``; what was saved before is untouched."""

    obj: Any
    error: StorageError

    def __str__(self) -> str:
        return f"{self.obj!r} was not saved: {self.error}"


def save_all(objects: Iterable[Store]) -> list[Unsaved]:
    """Save these objects, of whichever stores, with shared flushes; on return they are durable.

    Returns:
        those that could not be saved, each with the reason. They hinder no other.
    """
    unsaved = []
    groups: dict[int, tuple[Front, list[tuple[Store, Document]]]] = {}
    for obj in objects:
        try:
            document = document_of(obj, force=False)
        except StorageError as error:
            unsaved.append(Unsaved(obj, error))
            continue
        except Exception as error:  # noqa: BLE001 - a field's serialise() is the application's code
            unsaved.append(Unsaved(obj, SerialiseFailed(type(obj).schema.name, obj.key, error)))
            continue
        front = obj.session.writer
        groups.setdefault(id(front), (front, []))[1].append((obj, document))
    for front, group in groups.values():
        unsaved += _write(front, group)
    return unsaved


def _write(front: Front, group: list[tuple[Store, Document]]) -> list[Unsaved]:
    failures = front.write_many([document for _, document in group])
    errors = {id(failure.document): failure.error for failure in failures}
    for obj, document in group:
        if id(document) not in errors:
            type(obj).schema.mark_clean(obj)
    return [Unsaved(obj, errors[id(doc)]) for obj, doc in group if id(doc) in errors]


def must_be_savable(obj: Store) -> None:
    """Raises ``NotSavable`` for an object of a temporary store."""
    if type(obj).schema.is_temporary:
        raise NotSavable(type(obj).__name__, obj.key)


def document_of(obj: Store, *, force: bool) -> Document:
    """What to write for this object.

    Raises:
        StorageError: what ``Store.save`` says, but for what only writing can find out.
    """
    must_be_savable(obj)
    data = obj.to_json().encode()
    schema = type(obj).schema
    if not force and schema.state_of(obj) is not DocumentState.CLEAN:
        _look_first(obj)
    return Document(schema.name, obj.key, data)


def _look_first(obj: Store) -> None:
    """Raises ``UnreadableStore`` if there is a document under the key that cannot be used."""
    try:
        type(obj).schema.detached(obj.key).load()
    except NotSaved:
        return
    except UnreadableStore as error:
        raise error.left_alone() from error.__cause__


def load(obj: Store) -> None:
    """Read the object's document.

    Raises:
        StorageError: what ``Store.load`` says.
    """
    schema = type(obj).schema
    must_be_savable(obj)
    try:
        front = obj.session.writer
        understand(obj, front.read(schema.name, obj.key), front.place(schema.name, obj.key))
    except NotSaved:
        raise
    except StorageError as error:
        schema.unreadable[obj.key] = error
        raise
    schema.mark_clean(obj)


def understand(obj: Store, raw: bytes, place: str) -> None:
    """Take a document's text; whatever is wrong with it is told with its place.

    Raises:
        CorruptStore: it cannot be parsed or converted.
        NewerStore: it was saved by a later version of the class.
    """
    store, key = type(obj).schema.name, obj.key
    try:
        obj.from_json(raw)
    except NewerStore as error:
        raise NewerStore(store, key, error.version, error.ours, path=place) from error
    except Exception as error:
        line = getattr(error, "line", 0)
        if isinstance(error, FieldValueError):
            line = line_of(raw, error.field)
        raise CorruptStore(store, key, _reason(error), path=place, line=line) from error


def _reason(error: Exception) -> str:
    """Without the object's name, which the error that has this reason tells."""
    if isinstance(error, MigrationFailed):
        return str(error)  # with the step
    return str(getattr(error, "reason", "")) or f"{type(error).__name__}: {error}"
