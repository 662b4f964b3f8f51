"""``cletus/storage/backends/postgresql.py``, with a real server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from cletus.errors import StorageError, StoreIOError, StoreLocked, StoreUnusable
from cletus.settings.settings import Settings
from cletus.storage.backends.postgresql import PostgreSQL, from_url
from cletus.storage.backends.sqlite import Sqlite
from cletus.storage.backends.urls import backend_for
from cletus.storage.interfaces import Browsable, Document, Movable, Searchable
from cletus.storage.tools.copy import copy
from tests.engines import Postgres
from tests.storage.conformance import BackendConformance


@pytest.fixture
def home(server: Postgres) -> Iterator[PostgreSQL]:
    home = PostgreSQL(server.emptied())
    home.open()
    yield home
    home.close()


class TestPostgreSQL(BackendConformance):
    """The tables keep the contract of all backends."""

    @pytest.fixture
    def home(self, server: Postgres) -> Iterator[PostgreSQL]:
        home = PostgreSQL(server.emptied())
        home.open()
        yield home
        home.close()


def test_it_is_browsable_and_searchable(home: PostgreSQL) -> None:
    assert isinstance(home, Browsable)
    assert isinstance(home, Searchable)
    assert isinstance(home, Movable)
    assert isinstance(backend_for(Settings(store=home.url)), PostgreSQL)


def test_before_the_first_open_there_is_nothing(server: Postgres) -> None:
    home = PostgreSQL(server.emptied())
    assert (home.stores(), home.keys("user")) == ([], [])
    home.close()


def test_another_service_is_told_which_has_it(home: PostgreSQL) -> None:
    with pytest.raises(StoreLocked) as caught:
        PostgreSQL(home.url).open()
    assert caught.value.pid == os.getpid()
    other = PostgreSQL(home.url)
    home.write("user", "bob", b"{}")
    assert other.read("user", "bob") == b"{}"
    other.close()


def test_other_tools_query_the_json(home: PostgreSQL) -> None:
    home.write_many([Document("user", f"u{n}", b'{"score": %d}' % n) for n in range(5)])
    home.write("user", "broken", b"{")
    home.write("user", "odd", b'"\\u0000"')
    with psycopg.connect(home.url) as connection:
        query = "SELECT key FROM cletus_documents WHERE (data ->> 'score')::int > 3"
        assert connection.execute(query).fetchall() == [("u4",)]


def test_a_server_that_was_away_is_found_again(home: PostgreSQL, server: Postgres) -> None:
    """While it is away saves fail and say so; what was acknowledged is there afterwards."""
    home.write("user", "bob", b"old")
    assert home.keys("user") == ["bob"]
    server.stop()
    with pytest.raises(StoreIOError, match="cannot save user 'bob'"):
        home.write("user", "bob", b"new")
    failures = home.write_many([Document("user", f"k{n}", b"{}") for n in range(3)])
    assert [failure.document.key for failure in failures] == ["k0", "k1", "k2"]
    with pytest.raises(StoreIOError, match="cannot read user 'bob'"):
        home.read("user", "bob")
    server.start()
    assert home.read("user", "bob") == b"old"
    home.write("user", "bob", b"new")
    assert home.read("user", "bob") == b"new"


def test_who_was_cut_off_does_not_write_after_another_took_over(home: PostgreSQL) -> None:
    """The fence: its connection is ended, another service opens the tables, and it comes back."""
    home.write("user", "bob", b"first")
    with psycopg.connect(home.url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cletus'"
        )
    second = PostgreSQL(home.url)
    second.open()
    with pytest.raises((StoreUnusable, StoreIOError)):
        home.write("user", "bob", b"stale")
    with pytest.raises(StoreUnusable, match="another service has taken it over"):
        home.write("user", "bob", b"stale")
    second.write("user", "bob", b"second")
    second.close()
    with pytest.raises(StoreUnusable, match="another service has taken it over"):
        home.write("user", "bob", b"stale")
    assert home.read("user", "bob") == b"second"


def test_the_fence_alone_holds(home: PostgreSQL) -> None:
    """Also where the lock did not: a later epoch is enough to be refused."""
    with psycopg.connect(home.url, autocommit=True) as connection:
        connection.execute("UPDATE cletus_owner SET epoch = epoch + 1")
    for write in (
        lambda: home.write("user", "bob", b"stale"),
        lambda: home.delete("user", "bob"),
    ):
        with pytest.raises(StoreUnusable, match="another service has taken it over"):
            write()
    [failure] = home.write_many([Document("user", "bob", b"stale")])
    assert isinstance(failure.error, StoreUnusable)
    assert home.keys("user") == []


def test_a_later_primary_takes_them_from_one_that_is_stopped(home: PostgreSQL) -> None:
    """Though that holds the lock, and is within a transaction: it never writes again, and the later one does."""
    home.close()
    first, second = PostgreSQL(home.url), PostgreSQL(home.url)
    first.claim(1000)
    first.write("user", "bob", b"old")
    assert first._writing is not None
    first._writing.execute("BEGIN")
    first._writing.execute("SELECT 1 FROM cletus_owner WHERE format = 1 AND epoch = 1000 FOR SHARE")
    second.claim(1001)
    second.write("user", "bob", b"new")
    for _ in range(2):
        with pytest.raises(StorageError):
            first.write("user", "bob", b"late")
        assert [
            failure.document.key for failure in first.write_many([Document("user", "ann", b"late")])
        ] == ["ann"]
    assert first.keys("user") == ["bob"]
    assert second.read("user", "bob") == b"new"
    second.write("user", "bob", b"newer")
    first.close()
    second.close()


def test_an_earlier_primary_is_refused(home: PostgreSQL) -> None:
    """It takes nothing from the one that has them; the same one may open them again."""
    home.close()
    second, first = PostgreSQL(home.url), PostgreSQL(home.url)
    second.claim(1001)
    with pytest.raises(
        StoreUnusable, match="a primary of epoch 1001 has it, which is later than 1000"
    ):
        first.claim(1000)
    second.write("user", "bob", b"{}")
    second.close()
    second.claim(1001)
    second.write("user", "bob", b"{}")
    second.close()


def test_without_a_cluster_the_epoch_rises_by_one(home: PostgreSQL) -> None:
    """So who goes back to one process has a later epoch, and is refused while a primary has them."""
    home.close()
    primary = PostgreSQL(home.url)
    primary.claim(1000)
    with pytest.raises(StoreLocked):
        home.open()
    primary.close()
    deadline = time.monotonic() + 10
    while True:  # the server notices soon that the connection was closed
        try:
            home.open()
            break
        except StoreLocked:
            assert time.monotonic() < deadline
    assert home.leave() == (-1, 1001)


def test_another_process_takes_them_over(home: PostgreSQL) -> None:
    """As in a restart: its first write after the end of the other one takes the lock."""
    home.write("user", "bob", b"old")
    successor = PostgreSQL(home.url)
    successor.adopt(*home.leave())
    successor.sign()
    successor.write("user", "bob", b"new")
    home.close()  # as by the end of the process
    until(lambda: successor.write("user", "bob", b"newer") is None and not successor._lacks_lock)
    with pytest.raises(StoreLocked):
        PostgreSQL(home.url).open()
    assert successor.read("user", "bob") == b"newer"
    successor.close()


def test_a_race_for_the_tables_has_one_winner(server: Postgres) -> None:
    """Eight open new tables at once."""
    url = server.emptied()
    homes = [PostgreSQL(url) for _ in range(8)]
    results: list[Any] = []

    def enter(home: PostgreSQL) -> None:
        try:
            home.open()
            results.append("in")
        except StoreLocked:
            results.append("locked")

    threads = [threading.Thread(target=enter, args=(home,)) for home in homes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["in", *["locked"] * 7]
    for home in homes:
        home.close()


def test_a_kill_leaves_each_group_old_or_new(server: Postgres) -> None:
    url = server.emptied()
    code = (
        "import sys; from cletus.storage.backends.postgresql import PostgreSQL\n"
        "from cletus.storage.interfaces import Document\n"
        "home = PostgreSQL(sys.argv[1]); home.open()\n"
        "for n in range(10**6):\n"
        "    home.write_many([Document('user', f'k{m}', b'%d' % n) for m in range(20)])\n"
        "    print(n, flush=True)"
    )
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", code, url], stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout is not None
            lines = [child.stdout.readline() for _ in range(20)]
            child.send_signal(signal.SIGKILL)
            lines += child.stdout.readlines()
        acknowledged = [int(line) for line in lines if line.endswith("\n")][-1]
        home = PostgreSQL(url)
        until(lambda home=home: opened(home))  # type: ignore[misc]  # the server notices the end of the child
        numbers = {int(home.read("user", f"k{n}")) for n in range(20)}
        home.close()
        assert len(numbers) == 1, "a group is one transaction"
        assert numbers.pop() >= acknowledged


def opened(home: PostgreSQL) -> bool:
    try:
        home.open()
    except StoreLocked:
        return False
    return True


def until(condition: Callable[[], bool]) -> None:
    waited = threading.Event()
    for _ in range(600):
        if condition():
            return
        waited.wait(0.05)
    pytest.fail("it never came true")


def test_documents_move_to_sqlite_and_back(home: PostgreSQL, tmp_path: Any) -> None:
    home.write_many([Document("user", f"u{n}", b"{}\xff" * n) for n in range(30)])
    target = Sqlite(tmp_path / "talker.db")
    target.open()
    contents = copy(home, target)
    for n in range(30):
        home.delete("user", f"u{n}")
    assert copy(target, home) == contents
    target.close()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://cletus@127.0.0.1:{port}/nowhere", 'database "nowhere" does not exist'),
        ("postgresql://cletus:secret@127.0.0.1:1/x", "refused"),
        ("postgresql://cletus@127.0.0.1:{port}/postgres?nonsense=1", "nonsense"),
    ],
)
def test_a_server_that_cannot_be_used(server: Postgres, url: str, words: str) -> None:
    """The service does not start, and says why, without the password."""
    with pytest.raises(StoreUnusable, match=words) as caught:
        PostgreSQL(url.format(port=server.port)).open()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("sync", "value"), [("full", "on"), ("rename", "off")])
def test_how_safe_a_save_is(server: Postgres, sync: Any, value: str) -> None:
    home = from_url(server.emptied(), Settings(store_sync=sync))
    home.open()
    assert home._writing is not None
    assert home._writing.execute("SHOW synchronous_commit").fetchone() == (value,)
    home.close()
