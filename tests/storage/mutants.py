"""Deliberately wrong homes: each test of a promise must catch the one that breaks it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from cletus.storage.backends.group_save import GroupSave
from cletus.storage.backends.json_files import JsonFiles
from cletus.storage.interfaces import Document, Failure
from tests.storage import doubles


class PlainWrite(JsonFiles):
    """Writes into the document itself."""

    def write(self, store: str, key: str, data: bytes) -> None:
        self._enter(store).close()
        with open(self.location(store, key), "wb") as file:
            file.write(data[: len(data) // 2])
            file.flush()
            file.write(data[len(data) // 2 :])

    def write_many(self, documents: Sequence[Document]) -> list[Failure]:
        for document in documents:
            self.write(document.store, document.key, document.data)
        return []


class NoSweep(JsonFiles):
    """Leaves temporary files where a crash left them."""

    def _sweep(self, path: str) -> None:
        pass


class RenamesFirst(JsonFiles):
    """Groups are renamed and then flushed."""

    def write_many(self, documents: Sequence[Document]) -> list[Failure]:
        group = GroupSave(self._enter, True)
        staged = group._stage_each(documents, flush=False)
        for one in staged:
            group._commit(one)
        with suppress(OSError):
            group._flush_contents(staged)
        group.close()
        return []


class NoLock(JsonFiles):
    """Any number of processes may have it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lock.take = lambda: None
        self._lock.keep = lambda: None


class NoProbe(JsonFiles):
    """Finds out at the first save that nothing can be saved."""

    def open(self) -> None:
        os.makedirs(self.folder, exist_ok=True)
        self._opened = True


class RawErrors(JsonFiles):
    """Raises what the operating system says."""

    def _named(self, error: OSError, *args: Any, **kwargs: Any) -> Any:
        return error


class ForgetsParent(JsonFiles):
    """Does not flush the name of a new store's folder."""

    def _make_folder(self, path: str) -> None:
        with suppress(FileExistsError):
            self._calls.mkdir(path, 0o700)


class OneByOne(JsonFiles):
    """Has no shared flushes."""

    def write_many(self, documents: Sequence[Document]) -> list[Failure]:
        for document in documents:
            self.write(document.store, document.key, document.data)
        return []


class Trusting(JsonFiles):
    """Believes that every key is the name of a file."""

    def location(self, store: str, key: str) -> str:
        return f"{self.folder}/{store}/{key}.json"

    def write(self, store: str, key: str, data: bytes) -> None:
        self._enter(store).close()
        with open(self.location(store, key), "wb") as file:
            file.write(data)


class LooksAtEachFile(JsonFiles):
    """Asks for the size of each file when it lists keys."""

    def keys(self, store: str) -> list[str]:
        return [key for key in super().keys(store) if self.read(store, key) is not None]


def lying(lie: Callable[[Any], Any]) -> Callable[..., JsonFiles]:
    """``JsonFiles`` over system calls that lie."""

    def make(*args: Any, calls: Any = None, **kwargs: Any) -> JsonFiles:
        return JsonFiles(*args, calls=lie(calls), **kwargs)

    make.__name__ = lie.__name__
    return make


NO_FILE_FLUSH = lying(doubles.NoFileFlush)
NO_FOLDER_FLUSH = lying(doubles.NoFolderFlush)
FLUSH_TRIED_AGAIN = lying(doubles.FlushTriedAgain)
LEAVES_TEMPORARIES = lying(doubles.LeavesTemporaries)
ONE_WRITE_ONLY = lying(doubles.OneWriteOnly)
MODE_BY_UMASK = lying(doubles.ModeByUmask)

BY_NAME = {
    "JsonFiles": JsonFiles,
    "PlainWrite": PlainWrite,
    "NoSweep": NoSweep,
    "RenamesFirst": RenamesFirst,
    "NO_FILE_FLUSH": NO_FILE_FLUSH,
    "NO_FOLDER_FLUSH": NO_FOLDER_FLUSH,
}
