"""How objects are saved and loaded, and when saving is refused.

The rule that must not break: a document that cannot be read is never overwritten, except with
``force``. So before the first save of an object that was not loaded, the document under its key is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from cletus.errors import (
    CallTimedOut,
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
from cletus.storage.document import decode, encode
from cletus.storage.interfaces import Backend, BufferedBackend, Document, StoreObject
from cletus.storage.json_text import line_of
from cletus.storage.schema import DocumentState, Schema, schema_of
from cletus.storage.versions import extra_fields_of


@dataclass(frozen=True, slots=True)
class Unsaved:
    """An object (``obj``) that could not be saved, and the ``error``; what was saved before is untouched."""

    obj: Any
    error: StorageError

    def __str__(self) -> str:
        return f"{self.obj!r} was not saved: {self.error}"


def save_all(
    objects: Iterable[StoreObject],
    *,
    rescue: bool = False,
    is_saved: Callable[[Document], bool] = lambda _document: False,
) -> list[Unsaved]:
    """Save these objects, of whichever stores, with shared flushes; on return they are durable.

    Args:
        objects: the objects.
        rescue: whether an object with a field whose ``serialise`` raises is saved without it; what its
            document has for the field stays. The object is returned nevertheless.
        is_saved: whether a document need not be written, since it is the one that is saved.

    Returns:
        those that could not be saved, each with the reason. They hinder no other.
    """
    unsaved = []
    groups: dict[int, tuple[BufferedBackend, list[tuple[StoreObject, Document]]]] = {}
    for obj in objects:
        try:
            document = document_of(obj, force=False)
        except StorageError as error:
            unsaved.append(Unsaved(obj, error))
            continue
        except (Exception, CallTimedOut) as error:  # noqa: BLE001 - a field's serialise() is the application's code
            unsaved.append(Unsaved(obj, SerialiseFailed(schema_of(obj).name, obj.key, error)))
            if not rescue:
                continue
            try:
                document = _rescued(obj)
            except (Exception, CallTimedOut):  # noqa: BLE001, S112 - there is nothing that could be saved of it
                continue
        if is_saved(document):
            continue
        backend = _backend_of(obj)
        groups.setdefault(id(backend), (backend, []))[1].append((obj, document))
    for backend, group in groups.values():
        unsaved += _write(backend, group)
    return unsaved


def _rescued(obj: StoreObject) -> Document:
    """The document of an object, with what is saved for the fields that cannot be serialised."""
    schema = schema_of(obj)
    saved: dict[str, Any] = {}
    with suppress(NotSaved):
        saved = decode(read_saved(_backend_of(obj), schema, obj.key)[1], schema.name, obj.key)
    values: dict[str, Any] = {}
    for name, field in schema.fields.items():
        if getattr(field, "session", False):
            continue
        try:
            values[name] = field.serialise(obj, name)
        except (Exception, CallTimedOut):  # noqa: BLE001 - as in save_all
            if name in saved:
                values[name] = saved[name]
    values |= extra_fields_of(obj).get("_unknown", {})
    text = encode(obj, values, schema.typed, schema.version, schema.untyped)
    return Document(schema.name, obj.key, text.encode())


def _write(backend: BufferedBackend, group: list[tuple[StoreObject, Document]]) -> list[Unsaved]:
    failures = backend.write_many([document for _, document in group])
    errors = {id(failure.document): failure.error for failure in failures}
    for obj, document in group:
        if id(document) not in errors:
            schema_of(obj).mark_clean(obj)
    return [Unsaved(obj, errors[id(doc)]) for obj, doc in group if id(doc) in errors]


def _backend_of(obj: StoreObject) -> BufferedBackend:
    store_cls: Any = type(obj)
    backend: BufferedBackend = store_cls.session.writer
    return backend


def must_be_savable(obj: StoreObject) -> Schema:
    """The object's schema. Raises ``NotSavable`` if its store is temporary."""
    schema = schema_of(obj)
    if schema.is_temporary:
        raise NotSavable(type(obj).__name__, obj.key)
    return schema


def document_of(obj: StoreObject, *, force: bool) -> Document:
    """The document to write for this object.

    Raises:
        StorageError: as ``Store.save``, except for errors of the backend.
    """
    schema = must_be_savable(obj)
    data = obj.to_json().encode()
    if not force and schema.state_of(obj) is not DocumentState.CLEAN:
        _look_first(obj)
    schema.warn_of_types(obj)
    return Document(schema.name, obj.key, data)


def _look_first(obj: StoreObject) -> None:
    """Raises ``UnreadableStore`` if there is a document under the key that cannot be used."""
    try:
        schema_of(obj).detached(obj.key).load()
    except NotSaved:
        return
    except UnreadableStore as error:
        raise error.left_alone() from error.__cause__


def load(obj: StoreObject) -> None:
    """Read the object's document.

    Raises:
        StorageError: what ``Store.load`` says.
    """
    schema = must_be_savable(obj)
    try:
        backend = _backend_of(obj)
        name, raw = read_saved(backend, schema, obj.key)
        understand(obj, raw, backend, name)
    except NotSaved:
        raise
    except StorageError as error:
        schema.unreadable[obj.key] = error
        raise
    schema.mark_clean(obj)
    schema.warn_of_types(obj)


def read_saved(backend: Backend, schema: Schema, key: str) -> tuple[str, bytes]:
    """The text that is saved under a key, and the name of the store under which it is.

    Raises:
        NotSaved: neither under the present name of the store nor under an earlier one.
        StoreIOError: it cannot be read.
    """
    for name in schema.names:
        try:
            return name, backend.read(name, key)
        except NotSaved:
            continue
    raise NotSaved(schema.name, key)


def understand(obj: StoreObject, raw: bytes, backend: Backend, saved_as: str = "") -> None:
    """Fill an object from the text of its document; errors name the location of the document.

    Args:
        obj: the object.
        raw: the text.
        backend: has the document.
        saved_as: the name of the store under which it is, if that is an earlier one.

    Raises:
        CorruptStore: it cannot be parsed or converted.
        NewerStore: it was saved by a later version of the class.
    """
    store, key = schema_of(obj).name, obj.key
    try:
        obj.from_json(raw)
    except NewerStore as error:
        location = backend.location(saved_as or store, key)
        raise NewerStore(store, key, error.version, error.ours, path=location) from error
    except Exception as error:
        line = getattr(error, "line", 0)
        if isinstance(error, FieldValueError):
            line = _line_of_field(obj, raw, error)
        location = backend.location(saved_as or store, key)
        raise CorruptStore(store, key, _reason(error), path=location, line=line) from error


def _line_of_field(obj: StoreObject, raw: bytes, error: FieldValueError) -> int:
    """The line of a field's mistake; the file may have the field under an earlier name."""
    field = schema_of(obj).fields.get(error.field)
    names = (error.field, *getattr(field, "renamed_from", ()))
    return next((line for name in names if (line := line_of(raw, name, error.path))), 0)


def _reason(error: Exception) -> str:
    """The reason alone: the error that is raised with it names the object."""
    if isinstance(error, MigrationFailed):
        return str(error)  # with the step
    return str(getattr(error, "reason", "")) or f"{type(error).__name__}: {error}"
