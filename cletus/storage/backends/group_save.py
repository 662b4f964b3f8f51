"""Saving a group of documents with shared flushes, in the order that a power cut cannot harm.

Write every temporary file, flush them all, rename each, flush each folder once. The flush of them
all is one syncfs(2): on a journaled ext4 that makes a group cost about as much as no durability at
all (section 5 of the reliability notes). Where syncfs is missing or reports an error (it cannot say
which file failed) every temporary file is written anew from memory and flushed by itself, in a
bounded number of threads: after a failed flush the kernel may report these pages as clean.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from cletus.errors import StorageError
from cletus.storage.backends.store_folder import StoreFolder, file_name
from cletus.storage.interfaces import Document

ALONE_UP_TO = 3
"""So many documents are flushed one by one: syncfs would wait for everybody else's data, too."""

THREADS = 16
"""Parallel flushes where syncfs is missing; twice as many gained 12 % (reliability notes, 5)."""

Failed = tuple[Document, OSError | StorageError, bool]
"""A document, why it failed, and whether its old version is certainly intact."""


@dataclass(slots=True)
class _Staged:
    document: Document
    folder: StoreFolder
    name: str
    temp: str


@dataclass(slots=True)
class GroupSave:
    """One group on its way to the disk. It is used once.

    Args:
        enter: gives the open folder of a store; raises ``OSError`` or ``StorageError``.
        full: flush (``store_sync`` ``"full"``) or leave that to the kernel (``"rename"``).

    ``failed`` tells afterwards what was not saved. What is not in it is saved.
    """

    enter: Callable[[str], StoreFolder]
    full: bool
    failed: list[Failed] = field(default_factory=list)
    _folders: dict[str, StoreFolder] = field(default_factory=dict)

    def save(self, documents: Sequence[Document]) -> None:
        """Save all; of two documents under one key the later one stays."""
        alone = self.full and len(documents) <= ALONE_UP_TO
        staged = self._stage_each(documents, flush=alone)
        if self.full and not alone:
            staged = self._flush_contents(staged)
        renamed = [item for item in staged if self._commit(item)]
        if self.full:
            self._flush_folders(renamed)

    def close(self) -> None:
        """Let go of the folders."""
        for folder in self._folders.values():
            folder.close()

    def _stage_each(self, documents: Sequence[Document], *, flush: bool) -> list[_Staged]:
        results = [self._stage(document, flush=flush) for document in documents]
        return [item for item in results if item is not None]

    def _stage(self, document: Document, *, flush: bool) -> _Staged | None:
        try:
            name = file_name(document.store, document.key)
            folder = self._folders.get(document.store)
            if folder is None:
                folder = self._folders[document.store] = self.enter(document.store)
            return _Staged(document, folder, name, folder.stage(document.data, flush=flush))
        except (OSError, StorageError) as error:
            self.failed.append((document, error, True))
            return None

    def _flush_contents(self, staged: list[_Staged]) -> list[_Staged]:
        """Flush every temporary file; those that are left are on the disk."""
        devices: dict[int, list[_Staged]] = {}
        for item in staged:
            devices.setdefault(item.folder.device(), []).append(item)
        flushed = []
        for group in devices.values():
            try:
                group[0].folder.flush_everything()
                flushed += group
            except OSError:
                flushed += self._stage_again(group)
        return flushed

    def _stage_again(self, staged: list[_Staged]) -> list[_Staged]:
        for item in staged:
            item.folder.discard(item.temp)
        documents = [item.document for item in staged]
        with ThreadPoolExecutor(min(THREADS, len(documents)), "cletus-flush") as pool:
            again = pool.map(partial(self._stage, flush=True), documents)
            return [item for item in again if item is not None]

    def _commit(self, item: _Staged) -> bool:
        try:
            item.folder.commit(item.temp, item.name)
        except OSError as error:
            self.failed.append((item.document, error, True))
            return False
        return True

    def _flush_folders(self, renamed: list[_Staged]) -> None:
        folders = {item.document.store: item.folder for item in renamed}
        for store, folder in folders.items():
            try:
                folder.flush()
            except OSError as error:
                self.failed += [
                    (item.document, error, False)
                    for item in renamed
                    if item.document.store == store
                ]
