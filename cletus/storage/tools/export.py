"""Export every document of a backend into one file, as it is stored (``dump_format`` defines it)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import BinaryIO

from cletus.errors import NotTransferable, StorageError, StoreIOError, UnsafeName
from cletus.storage.interfaces import Backend, Document
from cletus.storage.tools.browse import Seen, ignore_progress, stored_texts
from cletus.storage.tools.dump_format import Header, document_line, end_line, header_line

NAMED_MAX = 100
"""Documents that could not be exported and are remembered by name; all are counted."""


@dataclass(slots=True)
class Exported:
    """The result of an export.

    Attributes:
        count: documents in the file.
        missing: how many documents could not be read, and so are not in the file.
        errors: why, for the first of them.
    """

    count: int = 0
    missing: int = 0
    errors: list[StorageError] = field(default_factory=list)

    def leave_out(self, error: StorageError) -> None:
        """Count a document that is not in the file."""
        self.missing += 1
        if len(self.errors) < NAMED_MAX:
            self.errors.append(error)


def export(
    backend: Backend,
    stores: Iterable[str],
    file: BinaryIO,
    header: Header,
    seen: Seen = ignore_progress,
) -> Exported:
    """Write a file of all documents of these stores, one after the other.

    Each document is as it was saved at some moment while this runs; a document that is deleted
    meanwhile may be left out.

    Args:
        backend: it need not be open if it is ``Browsable``.
        stores: by name.
        file: it is written to, and neither flushed nor closed.
        header: the first line of the file.
        seen: called with store and key when a document is done.

    Raises:
        StoreIOError: a store cannot be listed.
        OSError: the file cannot be written.
    """
    exported = Exported()
    file.write(header_line(header))
    for text in stored_texts(backend, stores, seen):
        if isinstance(text.error, (StoreIOError, UnsafeName)):
            exported.leave_out(text.error)
            continue
        if text.error is not None:
            raise text.error
        try:
            file.write(document_line(Document(text.store, text.key, text.data)))
            exported.count += 1
        except NotTransferable as error:
            exported.leave_out(error)
    file.write(end_line(exported.count))
    return exported
