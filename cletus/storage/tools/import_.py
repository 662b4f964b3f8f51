"""Import the documents of a file into a backend: all are checked before the first is written.

What is in the backend under the same key and is the same, byte for byte, is left alone. So an import that
was cut off is simply run again.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from cletus.errors import (
    CletusError,
    CorruptStore,
    ImportRefused,
    NotSaved,
    NotTransferable,
    StorageError,
    UnreadableStore,
)
from cletus.storage.document import stated_version
from cletus.storage.interfaces import Backend, Document, Failure
from cletus.storage.keys import as_it_is
from cletus.storage.saving import understand
from cletus.storage.tools.batch import Batch
from cletus.storage.tools.dump_format import Entry, entries

if TYPE_CHECKING:
    from cletus.storage.store import Store

NAMED_MAX = 10
"""Lines that are named when an import is refused; all are counted."""


class Taken(enum.Enum):
    """What to do with a document whose key is taken by another entry."""

    REFUSE = "refuse the whole file"
    REPLACE = "replace what is there"
    SKIP = "leave what is there"


class Fate(enum.Enum):
    """What happens to one document of the file."""

    NEW = "new"
    REPLACED = "replaced"
    SKIPPED = "skipped"
    SAME = "there already"


@dataclass(slots=True)
class Plan:
    """What an import would do.

    Attributes:
        fates: how many documents of each store have which fate.
    """

    fates: dict[str, Counter[Fate]] = field(default_factory=dict)

    def add(self, store: str, fate: Fate) -> None:
        """Count one document."""
        self.fates.setdefault(store, Counter())[fate] += 1

    def total(self, *fates: Fate) -> int:
        """How many have one of these fates."""
        return sum(counted[fate] for counted in self.fates.values() for fate in fates)


Seen = Callable[[int], object]
"""Called with the line that is done."""


class Import:
    """The import of one file.

    Memory grows with the number of documents in the file, not with what is in them.

    Args:
        backend: where to. For ``write`` it must be open.
        file: made by ``export``; it is read twice from its present position, so it must be seekable.
        classes: the store classes of the code, by name. Documents of these must be such as they can
            read; of others, they must be JSON.
        taken: what to do where a key is taken.
        unchecked: take documents as they are, also those that no code can read, and keys that no
            object can have.
    """

    def __init__(
        self,
        backend: Backend,
        file: BinaryIO,
        classes: Mapping[str, type[Store]],
        taken: Taken = Taken.REFUSE,
        *,
        unchecked: bool = False,
    ) -> None:
        self._backend = backend
        self._file = file
        self._start = file.tell()
        self._classes = classes
        self._taken = taken
        self._unchecked = unchecked

    def plan(self, seen: Seen = lambda _line: None) -> Plan:
        """Look at every line, and say what would be done. Nothing is written.

        Raises:
            ImportRefused: with the lines that are wrong, or the keys that are taken.
            NotTransferable: it is not a file of stored data, or was cut off.
            StoreIOError: what is in the backend cannot be read.
        """
        plan = Plan()
        wrong, conflicts = _Named(), _Named()
        names: set[tuple[str, str]] = set()
        for entry in self._entries():
            line = entry.line
            try:
                if isinstance(entry, NotTransferable):
                    raise entry
                saved = entry.document
                self._check(saved, names)
                fate = self._fate(saved)
                plan.add(saved.store, fate)
                if fate is Fate.REPLACED and self._taken is Taken.REFUSE:
                    conflicts.add(f"line {line}: {self._backend.location(saved.store, saved.key)}")
            except StorageError as error:
                wrong.add(_in_words(error, line))
            seen(line)
        wrong.refuse("")
        conflicts.refuse(
            "other documents have these keys (--replace writes over them, --skip leaves them)"
        )
        return plan

    def write(self, seen: Seen = lambda _line: None) -> Iterator[Failure]:
        """Write what the plan says, in groups. Each object is its old self or its new one at any time.

        After a group with a failure nothing more is tried: what follows would meet the same full disk.

        Yields:
            what could not be written.

        Raises:
            NotTransferable: the file has changed since it was looked at.
            StoreIOError: what is in the backend cannot be read.
        """
        batch = Batch(self._backend)
        for document in self._to_write(seen):
            failures = [failure for _, failure in batch.add(document) if failure is not None]
            yield from failures
            if failures:
                return
        yield from (failure for _, failure in batch.write() if failure is not None)

    def _entries(self) -> Iterator[Entry | NotTransferable]:
        self._file.seek(self._start)
        return entries(self._file)

    def _to_write(self, seen: Seen) -> Iterator[Document]:
        for entry in self._entries():
            if isinstance(entry, NotTransferable):
                raise entry
            fate = self._fate(entry.document)
            if fate is Fate.NEW or (fate is Fate.REPLACED and self._taken is Taken.REPLACE):
                yield entry.document
            seen(entry.line)

    def _fate(self, document: Document) -> Fate:
        try:
            there = self._backend.read(document.store, document.key)
        except NotSaved:
            return Fate.NEW
        if there == document.data:
            return Fate.SAME
        return Fate.SKIPPED if self._taken is Taken.SKIP else Fate.REPLACED

    def _check(self, document: Document, names: set[tuple[str, str]]) -> None:
        """Raises ``StorageError`` for a document that cannot be taken."""
        if (document.store, document.key) in names:
            raise NotTransferable(f"{document.store} {document.key!r} is in the file already")
        names.add((document.store, document.key))
        self._backend.location(document.store, document.key)  # raises UnsafeName
        if self._unchecked:
            return
        if as_it_is(document.store) != document.store or not document.store.isidentifier():
            raise NotTransferable(f"{document.store!r} is not the name of a store")
        as_it_is(document.key)
        store_cls = self._classes.get(document.store)
        if store_cls is None or store_cls.schema.is_temporary:
            stated_version(document.data, document.store, document.key)
            return
        try:
            understand(store_cls.schema.detached(document.key), document.data, self._backend)
        except CletusError:
            raise
        except Exception as error:  # making an object runs the application's code
            reason = f"{type(error).__name__}: {error}"
            raise CorruptStore(document.store, document.key, reason) from error


class _Named:
    """The first few reasons against an import, and how many there are."""

    def __init__(self) -> None:
        self._reasons: list[str] = []
        self._count = 0

    def add(self, reason: str) -> None:
        self._count += 1
        if len(self._reasons) < NAMED_MAX:
            self._reasons.append(reason)

    def refuse(self, todo: str) -> None:
        if self._count:
            raise ImportRefused(self._reasons, self._count, todo)


def _in_words(error: StorageError, line: int) -> str:
    if isinstance(error, UnreadableStore):  # its own line is one of a file that is not there yet
        return f"line {line}: {error.store} {error.key!r}: {error.reason}"
    if isinstance(error, NotTransferable):
        return f"line {line}: {error.reason}"
    return f"line {line}: {error}"
