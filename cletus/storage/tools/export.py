"""Exporting: every document of a home into one file, as it is stored (``transfer`` has the format)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import BinaryIO

from cletus.errors import NotSaved, NotTransferable, StorageError, StoreIOError, UnsafeName
from cletus.storage.interfaces import Backend, Document
from cletus.storage.tools.dump_format import Header, document_line, end_line, header_line

NAMED_MAX = 100
"""Documents that could not be exported and are remembered by name; all are counted."""


@dataclass(slots=True)
class Exported:
    """How it went.

    Attributes:
        count: documents in the file.
        missing: how many documents could not be read, and so are not in it.
        errors: why, for the first of them.
    """

    count: int = 0
    missing: int = 0
    errors: list[StorageError] = field(default_factory=list)


def export(
    home: Backend,
    stores: Iterable[str],
    file: BinaryIO,
    header: Header,
    seen: Callable[[str, str], object] = lambda _store, _key: None,
) -> Exported:
    """Write a file of all documents of these stores, one after the other.

    Memory grows with the number of keys in a store, not with what is in the documents. Each document
    is as it was saved at some moment while this runs; one that is deleted meanwhile may be left out.

    Args:
        home: where the documents are. It need not be open if it is ``Browsable``.
        stores: by name.
        file: it is written to, and neither flushed nor closed.
        header: what its first line says.
        seen: called with store and key when a document is done.

    Raises:
        StoreIOError: a store cannot be listed.
        OSError: the file cannot be written.
    """
    done = Exported()
    file.write(header_line(header))
    for store in stores:
        for key in sorted(home.keys(store)):
            try:
                file.write(document_line(Document(store, key, home.read(store, key))))
                done.count += 1
            except NotSaved:
                continue
            except (StoreIOError, NotTransferable, UnsafeName) as error:
                done.missing += 1
                if len(done.errors) < NAMED_MAX:
                    done.errors.append(error)
            seen(store, key)
    file.write(end_line(done.count))
    return done
