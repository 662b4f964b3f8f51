"""Saving many objects at once: one group of documents, and an account of what failed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cletus.errors import StorageError
from cletus.storage.backend import Document

if TYPE_CHECKING:
    from cletus.storage.home import Front


@dataclass(frozen=True, slots=True)
class Unsaved:
    """An object that could not be saved, and why; what was saved of it before is untouched."""

    obj: Any
    error: StorageError

    def __str__(self) -> str:
        return f"{self.obj!r} was not saved: {self.error}"


def save_all(objects: Iterable[Any]) -> list[Unsaved]:
    """Save these objects, of whichever stores, with shared flushes; on return they are durable.

    Returns:
        those that could not be saved, each with the reason. They hinder no other.
    """
    unsaved = []
    homes: dict[int, tuple[Front, list[Any], list[Document]]] = {}
    for obj in objects:
        try:
            document = obj._document(force=False)
        except StorageError as error:
            unsaved.append(Unsaved(obj, error))
            continue
        front = obj._front()
        _, members, documents = homes.setdefault(id(front), (front, [], []))
        members.append(obj)
        documents.append(document)
    for front, members, documents in homes.values():
        unsaved += _write(front, members, documents)
    return unsaved


def _write(front: Front, members: list[Any], documents: list[Document]) -> list[Unsaved]:
    failed = {id(failure.document): failure.error for failure in front.write_many(documents)}
    unsaved = []
    for obj, document in zip(members, documents, strict=True):
        error = failed.get(id(document))
        if error is None:
            obj._was_saved()
        else:
            unsaved.append(Unsaved(obj, error))
    return unsaved
