"""Importing: first everything is looked at, then it is written, and each object is old or new."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cletus.errors import ImportRefused, NotTransferable
from cletus.storage import Field, Store
from cletus.storage.backends.memory import Memory
from cletus.storage.interfaces import Document, Failure
from cletus.storage.tools import import_ as importing
from cletus.storage.tools.dump_format import document_line, end_line
from cletus.storage.tools.import_ import Fate, Import, Taken
from tests.storage.rig import make_service

HEADER = b'{"format":"cletus.store","version":1}\n'


def file_of(*documents: Document) -> io.BytesIO:
    lines = [HEADER, *map(document_line, documents), end_line(len(documents))]
    return io.BytesIO(b"".join(lines))


def one(key: str, data: bytes = b"{}\n", store: str = "user") -> Document:
    return Document(store, key, data)


@pytest.fixture
def home() -> Memory:
    home = Memory()
    home.open()
    return home


@pytest.fixture
def classes() -> dict[str, Any]:
    members = {"service": make_service(), "version": 1, "score": Field(0, type=int)}
    return {"user": type("User", (Store,), members)}


def test_what_is_not_there_is_new(home: Memory) -> None:
    """And looking at it writes nothing."""
    work = Import(home, file_of(one("bob"), one("hall", store="room")), {})
    plan = work.plan()
    assert plan.fates == {"user": {Fate.NEW: 1}, "room": {Fate.NEW: 1}}
    assert home.stores() == []
    assert list(work.write()) == []
    assert home.read("room", "hall") == b"{}\n"


def test_another_document_of_the_key_refuses_the_file(home: Memory) -> None:
    """The first few are named; what is the same is no conflict."""
    home.write("user", "amy", b"{}\n")
    for number in range(12):
        home.write("user", f"k{number:02}", b"other")
    work = Import(home, file_of(one("amy"), *(one(f"k{number:02}") for number in range(12))), {})
    with pytest.raises(ImportRefused, match="--replace") as caught:
        work.plan()
    assert caught.value.count == 12
    assert caught.value.reasons[0] == "line 3: memory:user/k00"
    assert str(caught.value).endswith("memory:user/k09\n  and 2 more")


@pytest.mark.parametrize(
    ("taken", "fate", "text"), [("REPLACE", "REPLACED", b"{}\n"), ("SKIP", "SKIPPED", b"other")]
)
def test_it_may_be_replaced_or_skipped(home: Memory, taken: str, fate: str, text: bytes) -> None:
    """As the caller says."""
    home.write("user", "bob", b"other")
    work = Import(home, file_of(one("amy"), one("bob")), {}, Taken[taken])
    assert work.plan().fates == {"user": {Fate.NEW: 1, Fate[fate]: 1}}
    assert list(work.write()) == []
    assert home.read("user", "bob") == text
    assert home.read("user", "amy") == b"{}\n"


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (one("eve", b"no"), "line 2: user 'eve': Input data was truncated"),
        (one("eve", b'{"score":"x"}'), "line 2: user 'eve': score: expected int, found str"),
        (one("eve", b'{"_version":2}'), "line 2: user 'eve': it is of version 2, and this code"),
        (one("eve", b"[]", "gone"), "line 2: gone 'eve': it is an array"),
        (one("Eve"), "line 2: 'Eve' cannot be a key: objects are called 'eve'"),
        (one("../eve"), "line 2: '../eve' cannot be a key"),
        (one("eve", store="../x"), "line 2: '../x' cannot be a key"),
        (one("eve", store="a-b"), "line 2: 'a-b' is not the name of a store"),
        (one("amy"), "line 3: user 'amy' is in the file already"),
    ],
)
def test_every_line_is_checked_before_anything_is_written(
    home: Memory, classes: Any, document: Document, reason: str
) -> None:
    """As the code would read it, where the code has such a store."""
    work = Import(home, file_of(document, one("amy")), classes)
    with pytest.raises(ImportRefused) as caught:
        work.plan()
    assert caught.value.reasons[0].startswith(reason)
    assert caught.value.count == 1
    assert home.stores() == []


def test_documents_may_be_taken_as_they_are(home: Memory, classes: Any) -> None:
    """To restore what nobody can read; but nothing gets out of the home."""
    work = Import(home, file_of(one("Eve", b"no")), classes, unchecked=True)
    work.plan()
    assert list(work.write()) == []
    assert home.read("user", "Eve") == b"no"
    with pytest.raises(ImportRefused, match="cannot be the name of a file"):
        Import(home, file_of(one("../eve")), classes, unchecked=True).plan()


def test_after_a_failure_nothing_more_is_tried(
    home: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What follows would meet the same full disk."""
    groups: list[list[str]] = []

    def full(documents: Any) -> list[Failure]:
        groups.append([each.key for each in documents])
        return [Failure(documents[0], NotTransferable("full"))]

    monkeypatch.setattr(importing.Batch, "add", _one_by_one)
    home.write_many = full  # type: ignore[method-assign]  # a disk that is full
    failures = list(Import(home, file_of(one("amy"), one("bob"), one("eve")), {}).write())
    assert [failure.document.key for failure in failures] == ["amy"]
    assert groups == [["amy"]]


def _one_by_one(batch: Any, document: Document) -> Any:
    yield from batch.write()
    batch._group.append(document)


def test_a_file_that_changes_meanwhile_is_noticed(home: Memory) -> None:
    """What was looked at is not what would be written."""
    file = file_of(one("amy"), one("bob"))
    work = Import(home, file, {})
    work.plan()
    file.seek(len(HEADER))
    file.write(b"{{{{")
    with pytest.raises(NotTransferable, match="line 2"):
        list(work.write())


def test_a_killed_import_leaves_each_object_old_or_new(memory_folder: Path) -> None:
    """And the same command, once more, finishes it."""
    (memory_folder / "app.py").write_text("from cletus import Service\nservice = Service()\n")
    old, new = b'{\n  "old": 1\n}\n', b'{\n  "new": "%b"\n}\n' % (b"x" * 2000)
    folder = memory_folder / "store" / "user"
    folder.mkdir(parents=True)
    names = [f"k{number:04}" for number in range(4000)]
    for name in names[::2]:
        (folder / f"{name}.json").write_bytes(old)
    (memory_folder / "file").write_bytes(file_of(*(one(name, new) for name in names)).getvalue())
    command = [sys.executable, "-m", "cletus", "store", "import", "app", "file", "--replace"]
    last = folder / f"{names[-1]}.json"

    process = subprocess.Popen(command, cwd=memory_folder, stdout=subprocess.DEVNULL)
    _wait_until(lambda: (folder / f"{names[1]}.json").exists() or process.poll() is not None)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL

    assert not last.exists(), "it was killed too late: this showed nothing"
    assert {path.read_bytes() for path in folder.glob("*.json")} == {old, new}
    subprocess.run(command, cwd=memory_folder, check=True, capture_output=True)
    assert {path.read_bytes() for path in folder.glob("*")} == {new}
    assert len(list(folder.glob("*.json"))) == len(names)


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)
