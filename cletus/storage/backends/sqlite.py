"""Documents in one SQLite file (``sqlite:///path``): one machine, transactions, queries by other tools.

The table ``documents`` has a row for each document: ``store``, ``key``, ``data`` and ``saved_at``. ``data``
is the JSON text as it was saved, so every tool that reads SQLite can query it (``data ->> 'score'``). The
file is in WAL mode: others read while the service writes. With ``sync="full"`` a save that returned is
also there after a power cut; with ``"rename"`` a killed process loses nothing, a power cut may take the
last saves.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from cletus.errors import (
    NotSaved,
    StorageError,
    StoreDenied,
    StoreFull,
    StoreIOError,
    StoreUnusable,
)
from cletus.settings.settings import Settings, StoreSync
from cletus.storage.backends.folder_lock import FolderLock
from cletus.storage.backends.store_folder import check_name, check_names
from cletus.storage.backends.urls import sqlite_path
from cletus.storage.interfaces import Condition, Document, Failure, UnknownDocument

_FULL = {"SQLITE_FULL"}
_DENIED = {"SQLITE_READONLY", "SQLITE_PERM", "SQLITE_AUTH"}

_BUSY = 1.0
"""Seconds to wait for another program that writes to the file: nobody is served meanwhile."""

_FORMAT = 1
"""The ``user_version`` of the file."""

_TABLE = """
CREATE TABLE IF NOT EXISTS documents (
    store TEXT NOT NULL,
    key TEXT NOT NULL,
    data NOT NULL,
    saved_at REAL NOT NULL,
    PRIMARY KEY (store, key)
)
"""
_WRITE = "INSERT OR REPLACE INTO documents (store, key, data, saved_at) VALUES (?, ?, ?, ?)"


class Sqlite:
    """One file. It fulfils ``Backend``, ``Browsable`` and ``Searchable`` of ``cletus.storage.interfaces``.

    Several threads may call it at once: writes take turns, and each thread reads by a connection of its own.

    Args:
        path: the file; it and its folder are made by ``open`` if they are missing.
        sync: ``"full"`` or ``"rename"``, as the setting ``store_sync``.
    """

    def __init__(self, path: str | os.PathLike[str], *, sync: StoreSync = "full") -> None:
        self.path = os.path.abspath(path)
        self.sync = sync
        self._folder = (
            f"{self.path}-control"  # of the lock, and of what else belongs to a running service
        )
        self._lock = FolderLock(self._folder)
        self._turn = threading.Lock()
        self._writing: sqlite3.Connection | None = None
        self._own = threading.local()
        self._readers: list[sqlite3.Connection] = []
        self._file: tuple[int, int] = (0, 0)
        self._indexed: set[tuple[str, str]] = set()

    # -- opening and closing ----------------------------------------------------------------

    def open(self) -> None:
        """Make the file (0600) and its table, and lock it against other services.

        Raises:
            StoreLocked: another process has it.
            StoreUnusable: it cannot be made, read or written, or is not a file of this format.
        """
        if self._writing is not None:
            return
        try:
            os.makedirs(self._folder, 0o700, exist_ok=True)
            self._make_file()
            self._lock.take()
        except OSError as error:
            raise StoreUnusable(
                error.filename or self.path, error.strerror or str(error)
            ) from error
        try:
            self._writing = self._connect()
        except sqlite3.Error as error:
            self._lock.release()
            raise StoreUnusable(self.path, str(error)) from error
        except BaseException:
            self._lock.release()
            raise

    def leave(self) -> tuple[int, None]:
        """As ``Movable.leave``: the descriptor of the lock."""
        return self._lock.descriptor, None

    def adopt(self, descriptor: int, state: None) -> None:
        """As ``Movable.adopt``."""
        del state
        self._make_file()
        self._lock.adopt(descriptor)
        self._writing = self._connect()

    def sign(self) -> None:
        """As ``Movable.sign``."""
        self._lock.sign()

    def _make_file(self) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        fd = os.open(self.path, flags, 0o600)
        try:
            found = os.fstat(fd)
        finally:
            os.close(fd)
        if not stat.S_ISREG(found.st_mode):
            raise StoreUnusable(self.path, "it is not a plain file")
        if found.st_uid not in (0, os.geteuid()) and os.geteuid() != 0:
            raise StoreUnusable(self.path, f"it belongs to user {found.st_uid}")
        self._file = found.st_dev, found.st_ino

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=_BUSY, isolation_level=None, check_same_thread=False
        )
        try:
            [present] = connection.execute("PRAGMA user_version").fetchone()
            if present > _FORMAT:
                reason = f"its format is {present}, and this Cletus knows formats up to {_FORMAT}"
                raise StoreUnusable(self.path, reason)
            connection.execute("PRAGMA journal_mode=WAL")
            level = "FULL" if self.sync == "full" else "NORMAL"
            connection.execute(f"PRAGMA synchronous={level}")
            connection.execute(_TABLE)
            connection.execute(f"PRAGMA user_version={_FORMAT}")
        except BaseException:
            connection.close()
            raise
        return connection

    def close(self) -> None:
        """Close the file and release the lock. Closing twice is harmless."""
        with self._turn:
            writing, self._writing = self._writing, None
            readers, self._readers = self._readers, []
            self._own = threading.local()
            for connection in (*readers, writing):
                if connection is not None:
                    connection.close()
            self._lock.release()

    # -- reading ----------------------------------------------------------------------------

    def location(self, store: str, key: str) -> str:
        """``/srv/talker.db: user/bob``."""
        return f"{self.path}: {store}/{key}"

    def read(self, store: str, key: str) -> bytes:
        """The document as it was last written; see ``Backend.read``."""
        check_names(store, key)
        query = "SELECT data FROM documents WHERE store = ? AND key = ?"
        for (data,) in self._select(query, (store, key), store, key):
            return _bytes(data)
        raise NotSaved(store, key)

    def read_many(self, store: str, keys: Sequence[str]) -> dict[str, bytes]:
        """These documents by key; see ``Searchable.read_many``."""
        query = (
            "SELECT key, data FROM documents "
            "WHERE store = ? AND key IN (SELECT value FROM json_each(?))"
        )
        rows = self._select(query, (store, json.dumps(list(keys))), store)
        return {key: _bytes(data) for key, data in rows}

    def keys(self, store: str) -> list[str]:
        """The keys of every document of this store; see ``Backend.keys``."""
        check_name(store, store, "")
        query = "SELECT key FROM documents WHERE store = ?"
        return [key for (key,) in self._select(query, (store,), store)]

    def stores(self) -> list[str]:
        """The names of all stores that have a document; see ``Browsable.stores``."""
        try:
            return [name for (name,) in self._select("SELECT DISTINCT store FROM documents")]
        except StoreIOError as error:
            raise StoreUnusable(self.path, error.reason) from error

    def saved_at(self, store: str, key: str) -> float | None:
        """When this document was last written; see ``Browsable.saved_at``."""
        query = "SELECT saved_at FROM documents WHERE store = ? AND key = ?"
        for (seconds,) in self._select(query, (store, key), store, key):
            return float(seconds)
        raise NotSaved(store, key)

    def unknown_documents(self, store: str) -> list[UnknownDocument]:
        """There is nothing but documents."""
        return []

    def _select(
        self, query: str, values: Sequence[Any] = (), store: str = "", key: str = ""
    ) -> list[tuple[Any, ...]]:
        try:
            reader = self._reader()
            return [] if reader is None else reader.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise self._named(error, store, key, "read" if key else "list") from error

    def _reader(self) -> sqlite3.Connection | None:
        """This thread's connection; ``None`` if the file does not exist."""
        reader: sqlite3.Connection | None = getattr(self._own, "reader", None)
        if reader is None:
            if not os.path.exists(self.path):
                return None
            reader = sqlite3.connect(
                f"file:{_quoted(self.path)}?mode=ro",
                uri=True,
                timeout=_BUSY,
                isolation_level=None,
                check_same_thread=False,
            )
            self._readers.append(reader)
            if not reader.execute(
                "SELECT 1 FROM sqlite_master WHERE name = 'documents'"
            ).fetchone():
                return None
            self._own.reader = reader
        return reader

    # -- searching --------------------------------------------------------------------------

    def find(self, store: str, conditions: Sequence[Condition]) -> list[str]:
        """The keys of documents that may fulfil these conditions; see ``Searchable.find``."""
        check_name(store, store, "")
        wheres, values = ["store = ?"], [store]
        for condition in conditions:
            self._index(store, condition.indexed)
            where, more = _where(condition)
            wheres.append(where)
            values += more
        query = f"SELECT key FROM documents WHERE {' AND '.join(wheres)}"  # noqa: S608 - names are checked
        return [key for (key,) in self._select(query, values, store)]

    def find_by_sql(self, store: str, where: str, parameters: Sequence[Any]) -> list[str]:
        """The keys of documents for which this expression is true; see ``Searchable.find_by_sql``."""
        check_name(store, store, "")
        query = f"SELECT key FROM documents WHERE store = ? AND ({where})"  # noqa: S608 - the application's
        return [key for (key,) in self._select(query, (store, *parameters), store)]

    def _index(self, store: str, names: Sequence[str]) -> None:
        for name in names:
            if (store, name) in self._indexed or self._writing is None:
                continue
            index = f'"{store}.{name}"'
            expression = f"store, {_value(name)}"
            with self._written(store, "") as connection:
                connection.execute(
                    f"CREATE INDEX IF NOT EXISTS {index} ON documents ({expression})"
                )
            self._indexed.add((store, name))

    # -- writing ----------------------------------------------------------------------------

    def write(self, store: str, key: str, data: bytes) -> None:
        """Write one document; see ``Backend.write``."""
        check_names(store, key)
        with self._written(store, key) as connection:
            connection.execute(_WRITE, _row(store, key, data))

    def write_many(self, documents: Sequence[Document]) -> list[Failure]:
        """Write these in one transaction; see ``Backend.write_many``.

        If it fails as a whole, each is written by itself: one that cannot be hinders no other.
        """
        failures, rows = [], []
        for document in documents:
            try:
                check_names(document.store, document.key)
                rows.append(document)
            except StorageError as error:
                failures.append(Failure(document, error))
        try:
            with self._written("", "") as connection:
                values = [_row(each.store, each.key, each.data) for each in rows]
                connection.executemany(_WRITE, values)
        except (StoreFull, StoreIOError, StoreUnusable):
            failures += self._write_each(rows)
        return failures

    def _write_each(self, documents: Sequence[Document]) -> list[Failure]:
        failures = []
        for document in documents:
            try:
                self.write(document.store, document.key, document.data)
            except StorageError as error:
                failures.append(Failure(document, error))
        return failures

    def delete(self, store: str, key: str) -> None:
        """Remove one document permanently; see ``Backend.delete``."""
        check_names(store, key)
        with self._written(store, key, "delete") as connection:
            query = "DELETE FROM documents WHERE store = ? AND key = ?"
            count = connection.execute(query, (store, key)).rowcount
        if not count:
            raise NotSaved(store, key)

    @contextmanager
    def _written(self, store: str, key: str, action: str = "save") -> Iterator[sqlite3.Connection]:
        """A transaction, committed at the end; the old versions are there until it is."""
        with self._turn:
            connection = self._open_connection()
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            except BaseException as error:
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                if isinstance(error, (sqlite3.Error, OverflowError)):
                    raise self._named(error, store, key, action) from error
                raise

    def _open_connection(self) -> sqlite3.Connection:
        if self._writing is None:
            raise StoreUnusable(self.path, "it is not open")
        self._lock.keep()
        try:
            found = os.stat(self.path)
            if (found.st_dev, found.st_ino) == self._file:
                return self._writing
        except OSError:
            pass  # the file is gone
        reason = (
            "the file was moved or replaced while it was open: nothing is written before a restart"
        )
        raise StoreUnusable(self.path, reason)

    def _named(self, error: Exception, store: str, key: str, action: str) -> StoreIOError:
        name = str(getattr(error, "sqlite_errorname", ""))
        error_class = StoreIOError
        if name in _FULL:
            error_class = StoreFull
        elif any(name.startswith(denied) for denied in _DENIED):
            error_class = StoreDenied
        location = self.location(store, key) if key else self.path
        return error_class(store, key, str(error), action=action, location=location)


def _bytes(data: str | bytes) -> bytes:
    return data if isinstance(data, bytes) else data.encode()


def _row(store: str, key: str, data: bytes) -> tuple[Any, ...]:
    """As text where it is text, so that SQLite's functions for JSON take it."""
    value: str | bytes = bytes(data)
    if b"\0" not in data:
        with suppress(UnicodeDecodeError):
            value = bytes(data).decode()
    return store, key, value, time.time()


def _value(name: str) -> str:
    """The expression for the value of a field. A document that is not JSON does not have one."""
    return f"CASE WHEN json_valid(data) THEN json_extract(data, '$.\"{name}\"') END"


def _where(condition: Condition) -> tuple[str, list[Any]]:
    choices: list[str] = []
    values: list[Any] = []
    for name in condition.names:
        if condition.value is None:
            choices.append(f"{_value(name)} IS NULL")
        elif _is_comparable(condition.value):
            choices.append(f"{_value(name)} = ?")
            values.append(condition.value)
        else:
            choices.append(f"{_value(name)} IS NOT NULL")
    if condition.matches_missing:
        choices.append(" AND ".join(f"{_value(name)} IS NULL" for name in condition.names))
    if condition.version:
        choices.append(f"{_value('_version')} IS NOT ?")
        values.append(condition.version)
    return f"({' OR '.join(choices)})", values


def _is_comparable(value: Any) -> bool:
    """Whether SQLite has a value that equals this one.

    Not for containers, large numbers, and texts with U+0000, where its JSON ends, or half of a surrogate pair.
    """
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    if isinstance(value, str):
        return not re.search("[\0\ud800-\udfff]", value)
    return isinstance(value, float)


def _quoted(path: str) -> str:
    """A path in a URI of SQLite's."""
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def from_url(url: str, settings: Settings) -> Sqlite:
    """The backend for a URL such as ``sqlite:///srv/talker.db``."""
    return Sqlite(sqlite_path(url), sync=settings.store_sync)
