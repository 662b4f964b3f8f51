"""``cletus/storage/backends/sqlite.py``."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cletus.errors import NotSaved, StoreIOError, StoreLocked, StoreUnusable
from cletus.settings.settings import Settings
from cletus.storage.backends.sqlite import Sqlite, from_url
from cletus.storage.backends.urls import sqlite_path
from cletus.storage.interfaces import Browsable, Document, Movable, Searchable
from tests.storage.conformance import BackendConformance


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Sqlite]:
    home = Sqlite(tmp_path / "talker.db")
    home.open()
    yield home
    home.close()


class TestSqlite(BackendConformance):
    """One file keeps the contract of all backends."""

    @pytest.fixture
    def home(self, tmp_path: Path) -> Iterator[Sqlite]:
        home = Sqlite(tmp_path / "talker.db")
        home.open()
        yield home
        home.close()


def test_it_is_browsable_and_searchable(home: Sqlite) -> None:
    assert isinstance(home, Browsable)
    assert isinstance(home, Searchable)
    assert isinstance(home, Movable)


def test_only_the_owner_reads_the_file(home: Sqlite, tmp_path: Path) -> None:
    home.write("user", "bob", b"{}")
    for name in ("talker.db", "talker.db-wal", "talker.db-control/.lock"):
        assert stat.S_IMODE(os.stat(tmp_path / name).st_mode) == 0o600


def test_a_second_process_is_told_which_has_it(home: Sqlite, tmp_path: Path) -> None:
    code = (
        "import sys; from cletus.storage.backends.sqlite import Sqlite\n"
        "try: Sqlite(sys.argv[1]).open()\n"
        "except Exception as error: print(type(error).__name__, error.pid)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "talker.db")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"StoreLocked {os.getpid()}\n"


def test_it_can_be_read_while_another_has_it(home: Sqlite, tmp_path: Path) -> None:
    """Tools look into the file of a running service, and see what was saved last."""
    home.write("user", "bob", b'{"score": 1}')
    other = Sqlite(tmp_path / "talker.db")
    assert other.read("user", "bob") == b'{"score": 1}'
    home.write("user", "bob", b'{"score": 2}')
    assert other.read("user", "bob") == b'{"score": 2}'
    assert (other.stores(), other.keys("user")) == (["user"], ["bob"])
    assert other.saved_at("user", "bob") == pytest.approx(os.stat(home.path).st_mtime, abs=60)
    with pytest.raises(StoreLocked):
        other.open()
    other.close()


def test_a_file_that_does_not_exist_is_empty_and_is_not_made_by_looking(tmp_path: Path) -> None:
    home = Sqlite(tmp_path / "none.db")
    assert (home.stores(), home.keys("user")) == ([], [])
    with pytest.raises(NotSaved):
        home.read("user", "bob")
    assert list(tmp_path.iterdir()) == []


def test_other_tools_query_the_json(home: Sqlite) -> None:
    home.write_many([Document("user", f"u{n}", b'{"score": %d}' % n) for n in range(5)])
    connection = sqlite3.connect(home.path)
    query = "SELECT key FROM documents WHERE store = 'user' AND data ->> 'score' > 3"
    assert connection.execute(query).fetchall() == [("u4",)]
    connection.close()


def test_what_is_not_utf_8_comes_back_as_it_was(home: Sqlite) -> None:
    for data in (b"\xff\xfe", b"a\0b", b"", "grün".encode()):
        home.write("user", "bob", data)
        assert home.read("user", "bob") == data


def test_another_format_is_refused(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "talker.db")
    connection.execute("PRAGMA user_version = 9")
    connection.close()
    with pytest.raises(
        StoreUnusable, match="its format is 9, and this Cletus knows formats up to 1"
    ):
        Sqlite(tmp_path / "talker.db").open()


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "talker.db").write_bytes(b"These are my notes.\n" * 100)
    with pytest.raises(StoreUnusable, match="file is not a database"):
        Sqlite(tmp_path / "talker.db").open()
    assert (tmp_path / "talker.db").read_bytes().startswith(b"These are my notes.")


def test_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real.db").touch()
    (tmp_path / "talker.db").symlink_to(tmp_path / "real.db")
    with pytest.raises(StoreUnusable, match=r"talker\.db"):
        Sqlite(tmp_path / "talker.db").open()


def test_a_file_that_was_replaced_is_not_written_to(home: Sqlite, tmp_path: Path) -> None:
    home.write("user", "bob", b"{}")
    os.rename(home.path, tmp_path / "moved.db")
    Path(home.path).touch()
    with pytest.raises(StoreUnusable, match="moved or replaced"):
        home.write("user", "bob", b"new")
    [failure] = home.write_many([Document("user", "bob", b"new")])
    assert isinstance(failure.error, StoreUnusable)


def test_another_program_that_writes_for_long_fails_a_save_and_loses_nothing(home: Sqlite) -> None:
    home.write("user", "bob", b"old")
    other = sqlite3.connect(home.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreIOError, match=r"locked; the version saved before is untouched"):
        home.write("user", "bob", b"new")
    assert home.read("user", "bob") == b"old"
    other.execute("ROLLBACK")
    other.close()
    home.write("user", "bob", b"new")
    assert home.read("user", "bob") == b"new"


def test_a_kill_leaves_each_document_old_or_new(tmp_path: Path) -> None:
    """A child writes groups until it is killed; each document that it acknowledged is there."""
    code = (
        "import sys; from cletus.storage.backends.sqlite import Sqlite\n"
        "from cletus.storage.interfaces import Document\n"
        "home = Sqlite(sys.argv[1]); home.open()\n"
        "for n in range(10**6):\n"
        "    home.write_many([Document('user', f'k{m}', b'%d' % n) for m in range(20)])\n"
        "    print(n, flush=True)"
    )
    path = tmp_path / "talker.db"
    for _ in range(5):
        command = [sys.executable, "-c", code, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            lines = [child.stdout.readline() for _ in range(30)]
            child.kill()
            lines += child.stdout.readlines()
        acknowledged = [int(line) for line in lines if line.endswith("\n")][-1]
        home = Sqlite(path)
        home.open()
        numbers = {int(home.read("user", f"k{n}")) for n in range(20)}
        home.close()
        assert len(numbers) == 1, "a group is one transaction"
        assert numbers.pop() >= acknowledged


def test_another_process_takes_it_over(home: Sqlite, tmp_path: Path) -> None:
    """As in a restart: the lock is held without a gap, and what was written is there."""
    home.write("user", "bob", b"old")
    descriptor, state = home.leave()
    successor = Sqlite(home.path)
    successor.adopt(os.dup(descriptor), state)
    successor.sign()
    successor.write("user", "bob", b"new")
    with pytest.raises(StoreLocked):
        Sqlite(home.path).open()
    assert home.read("user", "bob") == b"new"
    successor.close()


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:talker.db", "talker.db"),
        ("sqlite:///srv/talker.db", "/srv/talker.db"),
        ("sqlite:////srv/talker.db", "/srv/talker.db"),
        ("sqlite:///srv/my%20talker.db", "/srv/my talker.db"),
    ],
)
def test_urls(url: str, path: str) -> None:
    assert sqlite_path(url) == path


@pytest.mark.parametrize(
    "url", ["sqlite:", "sqlite://", "sqlite:///", "sqlite://host/x", "sqlite:x?y"]
)
def test_urls_that_make_no_sense(url: str) -> None:
    with pytest.raises(StoreUnusable, match=r"write sqlite:///path/to/file\.db"):
        from_url(url, Settings())


@pytest.mark.parametrize(("sync", "level"), [("full", 2), ("rename", 1)])
def test_how_safe_a_save_is(tmp_path: Path, sync: str, level: int) -> None:
    """``PRAGMA synchronous``: 2 is FULL, 1 is NORMAL."""
    home = from_url(f"sqlite://{tmp_path}/talker.db", Settings(store_sync=sync))  # type: ignore[arg-type]
    home.open()
    assert home._writing is not None
    assert home._writing.execute("PRAGMA synchronous").fetchone() == (level,)
    assert home._writing.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    home.close()
