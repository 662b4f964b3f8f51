"""Documents in PostgreSQL (``postgresql://user@host/database``): for a database server that is there anyway.

The table ``cletus_documents`` has a row for each document: ``store``, ``key``, ``data`` (the JSON, for
queries), ``saved_at``, and ``bytes``, the text exactly as it was saved. ``data`` is NULL where the text is
not JSON, or has U+0000 in it, which jsonb does not take. One service owns the tables of a schema: it holds
an advisory lock, and each write checks that no other service has taken the place of one that was cut off
(the epoch in ``cletus_owner``).
"""

from __future__ import annotations

import os
import re
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg import errors, sql
from psycopg.types.json import Jsonb

from cletus.errors import (
    NotSaved,
    StorageError,
    StoreClaimed,
    StoreDenied,
    StoreFull,
    StoreIOError,
    StoreLocked,
    StoreUnusable,
    without_passwords,
)
from cletus.settings.settings import Settings, StoreSync
from cletus.storage.backends.store_folder import check_name, check_names
from cletus.storage.interfaces import Condition, Document, Failure, UnknownDocument

_FULL = (errors.DiskFull, errors.OutOfMemory)
_DENIED = (errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction)
_LOST = (psycopg.OperationalError, psycopg.InterfaceError)

#: Seconds to connect, for one statement, and until a server that does not answer is given up.
_CONNECT, _STATEMENT, _SILENT = 5, 10, 10

_SETUP = """
SELECT pg_advisory_xact_lock(hashtext('cletus.setup'));
CREATE TABLE IF NOT EXISTS cletus_documents (
    store text NOT NULL,
    key text NOT NULL,
    data jsonb,
    bytes bytea NOT NULL,
    saved_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (store, key)
);
CREATE TABLE IF NOT EXISTS cletus_owner (
    format integer PRIMARY KEY,
    epoch bigint NOT NULL,
    name text NOT NULL
);
CREATE OR REPLACE FUNCTION cletus_json(raw bytea) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    RETURN convert_from(raw, 'UTF8')::jsonb;
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END $$;
INSERT INTO cletus_owner VALUES (1, 0, '') ON CONFLICT DO NOTHING;
"""
_LOCK = "SELECT pg_try_advisory_lock(hashtext('cletus.owner'), 'cletus_owner'::regclass::oid::bigint::int)"
_CLAIM = """
UPDATE cletus_owner SET name = %(name)s,
epoch = CASE WHEN %(epoch)s::bigint = 0 THEN epoch + 1 ELSE %(epoch)s END
WHERE format = 1 AND (%(epoch)s = 0 OR epoch <= %(epoch)s) RETURNING epoch
"""
_END_OWNER = """
SELECT pg_terminate_backend(pid, 1000) FROM pg_locks
WHERE locktype = 'advisory' AND granted
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
AND classid::bigint = (hashtext('cletus.owner')::bigint & 4294967295)
AND objid = 'cletus_owner'::regclass::oid AND objsubid = 2 AND pid <> pg_backend_pid()
"""
_FENCE = "SELECT 1 FROM cletus_owner WHERE format = 1 AND epoch = %s FOR SHARE"
_WRITE = """
INSERT INTO cletus_documents (store, key, data, bytes)
VALUES (%(store)s, %(key)s, cletus_json(%(data)s), %(data)s)
ON CONFLICT (store, key) DO UPDATE SET data = excluded.data, bytes = excluded.bytes, saved_at = now()
"""


class PostgreSQL:
    """The tables of one schema. It fulfils ``Backend``, ``Browsable`` and ``Searchable``.

    Several threads may call it at once: writes take turns, and each thread reads by a connection of its own.

    Args:
        url: as libpq takes it; its user owns the tables, or may create them.
        sync: ``"full"``: a save that returned is on the server's disk; ``"rename"``: the server writes it
            soon (``synchronous_commit=off``).
    """

    def __init__(self, url: str, *, sync: StoreSync = "full") -> None:
        self.url = url
        self.sync = sync
        self._shown = without_passwords(url)
        self._turn = threading.RLock()
        self._writing: psycopg.Connection[Any] | None = None
        self._epoch = 0
        self._lacks_lock = (
            False  # the process that had the tables before has it, until it has ended
        )
        self._own = threading.local()
        self._readers: list[psycopg.Connection[Any]] = []
        self._indexed: set[str] = set()

    # -- opening and closing ----------------------------------------------------------------

    def open(self) -> None:
        """Create the tables if they are missing, and take possession of them.

        Raises:
            StoreLocked: another service has them.
            StoreUnusable: the server cannot be reached, or refuses.
        """
        self._open(0)

    def claim(self, epoch: int) -> None:
        """As ``Fenced.claim``."""
        self._open(epoch)

    def _open(self, epoch: int) -> None:
        with self._turn:
            if self._epoch:
                return
            try:
                connection = self._connect()
                try:
                    self._take(connection, epoch)
                except BaseException:
                    connection.close()
                    raise
            except psycopg.Error as error:
                raise StoreUnusable(self._shown, _reason(error)) from error
            self._writing = connection

    def _connect(self) -> psycopg.Connection[Any]:
        commit = "on" if self.sync == "full" else "off"
        options = f"-c statement_timeout={_STATEMENT * 1000} -c synchronous_commit={commit}"
        return psycopg.connect(
            self.url,
            autocommit=True,
            connect_timeout=_CONNECT,
            options=options,
            tcp_user_timeout=_SILENT * 1000,
            application_name="cletus",
        )

    def _take(self, connection: psycopg.Connection[Any], epoch: int) -> None:
        if connection.info.parameter_status("server_encoding") != "UTF8":
            raise StoreUnusable(self._shown, "the encoding of the database is not UTF8")
        with connection.transaction():
            connection.execute(_SETUP)
        if epoch:
            self._end_owner(connection, epoch)
        else:
            self._lock(connection)
        with connection.transaction():
            row = connection.execute(_CLAIM, {"name": _owner(), "epoch": epoch}).fetchone()
            if row is None:
                raise StoreUnusable(
                    self._shown, "its tables are of another format, or a later primary's"
                )
            self._epoch = row[0]
        if epoch:
            self._lacks_lock = connection.execute(_LOCK).fetchone() != (True,)

    def _end_owner(self, connection: psycopg.Connection[Any], epoch: int) -> None:
        """Cut off the primary before: if it is stopped within a transaction, that would hold up the claim."""
        row = connection.execute("SELECT epoch FROM cletus_owner WHERE format = 1").fetchone()
        if row is not None and row[0] > epoch:
            raise StoreClaimed(self._shown, row[0], epoch)
        connection.execute(_END_OWNER)

    def _lock(self, connection: psycopg.Connection[Any]) -> None:
        if connection.execute(_LOCK).fetchone() == (True,):
            return
        row = connection.execute("SELECT name FROM cletus_owner WHERE format = 1").fetchone()
        name = "" if row is None else str(row[0])
        here = name.partition(" on ")[2] == socket.gethostname()
        number = name.partition(" on ")[0].removeprefix("process ")
        raise StoreLocked(
            self._shown if here else f"{self._shown} ({name})",
            int(number) if here and number.isdigit() else 0,
        )

    def leave(self) -> tuple[int, int]:
        """As ``Movable.leave``: the epoch. The lock goes with the connection, and is taken again."""
        return -1, self._epoch

    def adopt(self, descriptor: int, state: int) -> None:
        """As ``Movable.adopt``."""
        del descriptor
        try:
            self._writing = self._connect()
        except psycopg.Error as error:
            raise StoreUnusable(self._shown, _reason(error)) from error
        self._epoch, self._lacks_lock = state, True

    def sign(self) -> None:
        """As ``Movable.sign``. The other process has the lock until it has ended."""
        with suppress(StoreIOError), self._written("", "") as connection:
            connection.execute("UPDATE cletus_owner SET name = %s WHERE format = 1", (_owner(),))

    def close(self) -> None:
        """Release the tables. Closing twice is harmless."""
        with self._turn:
            writing, self._writing = self._writing, None
            readers, self._readers = self._readers, []
            self._own = threading.local()
            self._epoch = 0
            for connection in (*readers, writing):
                if connection is not None:
                    connection.close()

    # -- reading ----------------------------------------------------------------------------

    def location(self, store: str, key: str) -> str:
        """``postgresql://ann@db/talker: user/bob``."""
        return f"{self._shown}: {store}/{key}"

    def read(self, store: str, key: str) -> bytes:
        """The document as it was last written; see ``Backend.read``."""
        check_names(store, key)
        query = "SELECT bytes FROM cletus_documents WHERE store = %s AND key = %s"
        for (data,) in self._select(query, (store, key), store, key):
            return bytes(data)
        raise NotSaved(store, key)

    def read_many(self, store: str, keys: Sequence[str]) -> dict[str, bytes]:
        """These documents by key; see ``Searchable.read_many``."""
        query = "SELECT key, bytes FROM cletus_documents WHERE store = %s AND key = ANY(%s)"
        return {key: bytes(data) for key, data in self._select(query, (store, list(keys)), store)}

    def keys(self, store: str) -> list[str]:
        """The keys of every document of this store; see ``Backend.keys``."""
        check_name(store, store, "")
        query = "SELECT key FROM cletus_documents WHERE store = %s"
        return [key for (key,) in self._select(query, (store,), store)]

    def stores(self) -> list[str]:
        """The names of all stores that have a document; see ``Browsable.stores``."""
        try:
            return [name for (name,) in self._select("SELECT DISTINCT store FROM cletus_documents")]
        except StoreIOError as error:
            raise StoreUnusable(self._shown, error.reason) from error

    def saved_at(self, store: str, key: str) -> float | None:
        """When this document was last written; see ``Browsable.saved_at``."""
        query = (
            "SELECT extract(epoch FROM saved_at)::float8 FROM cletus_documents "
            "WHERE store = %s AND key = %s"
        )
        for (seconds,) in self._select(query, (store, key), store, key):
            return float(seconds)
        raise NotSaved(store, key)

    def unknown_documents(self, store: str) -> list[UnknownDocument]:
        """There is nothing but documents."""
        return []

    def _select(
        self, query: Any, values: Sequence[Any] = (), store: str = "", key: str = ""
    ) -> list[tuple[Any, ...]]:
        try:
            try:
                return self._reader().execute(query, values or None).fetchall()
            except _LOST:
                self._forget_reader()  # the server was restarted, for example
                return self._reader().execute(query, values or None).fetchall()
        except errors.UndefinedTable:
            return []  # nothing has been saved here yet
        except psycopg.Error as error:
            raise self._named(error, store, key, "read" if key else "list") from error

    def _reader(self) -> psycopg.Connection[Any]:
        """This thread's connection."""
        reader: psycopg.Connection[Any] | None = getattr(self._own, "reader", None)
        if reader is None:
            reader = self._own.reader = self._connect()
            self._readers.append(reader)
        return reader

    def _forget_reader(self) -> None:
        reader: psycopg.Connection[Any] | None = getattr(self._own, "reader", None)
        if reader is not None:
            self._own.reader = None
            with suppress(ValueError):
                self._readers.remove(reader)
            reader.close()

    # -- searching --------------------------------------------------------------------------

    def find(self, store: str, conditions: Sequence[Condition]) -> list[str]:
        """The keys of documents that may fulfil these conditions; see ``Searchable.find``."""
        check_name(store, store, "")
        self._create_index("", "cletus_no_jsonb", sql.SQL("(store) WHERE data IS NULL"))
        wheres: list[sql.Composable] = [sql.SQL("data IS NOT NULL")]
        for condition in conditions:
            self._index(store, condition.indexed)
            wheres.append(_where(condition))
        # What jsonb does not take, such as the character U+0000, may fulfil them as well.
        query = sql.SQL(
            "SELECT key FROM cletus_documents WHERE store = {0} AND data IS NULL "
            "UNION ALL SELECT key FROM cletus_documents WHERE store = {0} AND {1}"
        ).format(store, sql.SQL(" AND ").join(wheres))
        return [key for (key,) in self._select(query, (), store)]

    def find_by_sql(self, store: str, where: str, parameters: Sequence[Any]) -> list[str]:
        """The keys of documents for which this expression is true; see ``Searchable.find_by_sql``."""
        check_name(store, store, "")
        query = f"SELECT key FROM cletus_documents WHERE store = %s AND ({where})"  # noqa: S608 - the application's
        return [key for (key,) in self._select(query, (store, *parameters), store)]

    def _index(self, store: str, names: Sequence[str]) -> None:
        """Hash indexes: they have no limit for the size of a value."""
        for name in names:
            values = sql.SQL("USING hash ((data -> {})) WHERE store = {} AND data IS NOT NULL")
            self._create_index(store, f"cletus_{store}_{name}"[:63], values.format(name, store))

    def _create_index(self, store: str, name: str, values: sql.Composable) -> None:
        if name in self._indexed or not self._epoch:
            return
        query = sql.SQL("CREATE INDEX IF NOT EXISTS {} ON cletus_documents {}")
        with self._written(store, "") as connection:
            connection.execute(query.format(sql.Identifier(name), values))
        self._indexed.add(name)

    # -- writing ----------------------------------------------------------------------------

    def write(self, store: str, key: str, data: bytes) -> None:
        """Write one document; see ``Backend.write``."""
        check_names(store, key)
        with self._written(store, key) as connection:
            connection.execute(_WRITE, {"store": store, "key": key, "data": bytes(data)})

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
        values = [{"store": row.store, "key": row.key, "data": bytes(row.data)} for row in rows]
        try:
            with self._written("", "") as connection, connection.cursor() as cursor:
                cursor.executemany(_WRITE, values)
        except StorageError:
            failures += self._write_each(rows)
        return failures

    def _write_each(self, documents: Sequence[Document]) -> list[Failure]:
        failures = []
        for number, document in enumerate(documents):
            try:
                self.write(document.store, document.key, document.data)
            except StorageError as error:
                failures.append(Failure(document, error))
                if isinstance(error.__cause__, _LOST):  # no server: each would wait for it again
                    failures += [Failure(document, error) for document in documents[number + 1 :]]
                    break
        return failures

    def delete(self, store: str, key: str) -> None:
        """Remove one document permanently; see ``Backend.delete``."""
        check_names(store, key)
        with self._written(store, key, "delete") as connection:
            query = "DELETE FROM cletus_documents WHERE store = %s AND key = %s"
            count = connection.execute(query, (store, key)).rowcount
        if not count:
            raise NotSaved(store, key)

    @contextmanager
    def _written(
        self, store: str, key: str, action: str = "save"
    ) -> Iterator[psycopg.Connection[Any]]:
        """A transaction under the fence, committed at the end."""
        with self._turn:
            is_certain = True
            try:
                connection = self._writer()
                with connection.transaction():
                    if connection.execute(_FENCE, (self._epoch,)).fetchone() is None:
                        raise StoreUnusable(self._shown, _TAKEN)
                    yield connection
                    is_certain = False  # from here on the server may have committed
            except psycopg.Error as error:
                lost = isinstance(error, _LOST)
                raise self._named(
                    error, store, key, action, certain=is_certain or not lost
                ) from error

    def _writer(self) -> psycopg.Connection[Any]:
        """The connection that holds the lock; made again if the server was away.

        Raises:
            StoreUnusable: it is not open; or another service has taken the place of this one.
        """
        if not self._epoch:
            raise StoreUnusable(self._shown, "it is not open")
        if self._writing is None or self._writing.closed:
            connection = self._connect()
            try:
                self._lock(connection)
            except StoreLocked as error:
                connection.close()
                raise StoreUnusable(self._shown, _TAKEN) from error
            except BaseException:
                connection.close()
                raise
            self._writing, self._lacks_lock = connection, False
        elif self._lacks_lock and self._writing.execute(_LOCK).fetchone() == (True,):
            self._lacks_lock = False
        return self._writing

    def _named(
        self, error: psycopg.Error, store: str, key: str, action: str, *, certain: bool = True
    ) -> StoreIOError:
        error_class = StoreIOError
        if isinstance(error, _FULL):
            error_class = StoreFull
        elif isinstance(error, _DENIED):
            error_class = StoreDenied
        location = self.location(store, key) if key else self._shown
        return error_class(
            store, key, _reason(error), action=action, location=location, certain=certain
        )


_TAKEN = "another service has taken it over while this one was cut off: nothing is written before a restart"


def _owner() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}"


def _reason(error: psycopg.Error) -> str:
    return without_passwords(" ".join(str(error).split())) or type(error).__name__


def _where(condition: Condition) -> sql.Composable:
    choices: list[sql.Composable] = []
    for name in condition.names:
        value = sql.SQL("data -> {}").format(name)
        if isinstance(
            condition.value, (list, dict)
        ):  # what is in it may equal what JSON tells apart
            choices.append(sql.SQL("{} IS NOT NULL").format(value))
        elif not _takes(condition.value):
            choices.append(sql.SQL("FALSE"))
        else:
            equal = [sql.Literal(Jsonb(value)) for value in _equals_of(condition.value)]
            choices.append(sql.SQL("{} IN ({})").format(value, sql.SQL(", ").join(equal)))
    if condition.matches_missing:
        missing = [sql.SQL("data -> {} IS NULL").format(name) for name in condition.names]
        choices.append(sql.SQL("({})").format(sql.SQL(" AND ").join(missing)))
    if condition.version:
        choices.append(
            sql.SQL("data -> '_version' IS DISTINCT FROM {}").format(Jsonb(condition.version))
        )
    return sql.SQL("({})").format(sql.SQL(" OR ").join(choices))


def _takes(value: Any) -> bool:
    """Whether jsonb has this value: not a text with U+0000 or half of a surrogate pair."""
    return not isinstance(value, str) or not re.search("[\0\ud800-\udfff]", value)


def _equals_of(value: Any) -> list[Any]:
    """What Python takes for equal to a value and PostgreSQL does not: ``True`` and 1, for example."""
    return [bool(value), int(value)] if value in (0, 1) else [value]


def from_url(url: str, settings: Settings) -> PostgreSQL:
    """The backend for a URL such as ``postgresql://talker@localhost/talker``."""
    return PostgreSQL(url, sync=settings.store_sync)
