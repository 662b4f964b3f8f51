"""Exporting and importing, there and back: nothing is changed, lost or held in memory."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cletus.errors import StoreIOError
from cletus.storage import Store
from cletus.storage.backends.json_files import JsonFiles
from cletus.storage.backends.memory import Memory
from cletus.storage.interfaces import Backend, Document
from cletus.storage.tools.dump_format import FORMAT, VERSION, Header
from cletus.storage.tools.export import export
from cletus.storage.tools.import_ import Fate, Import
from cletus.storage.tools.migrate import Migration
from cletus.storage.tools.verify import verify
from tests.storage.rig import make_service

HEADER = Header(format=FORMAT, version=VERSION)
KEYS = st.text("abcxyzäß-_0", min_size=1, max_size=8)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
)


def laid_out(data: dict[str, Any], compact: bool) -> bytes:
    try:
        encoded = msgspec.json.encode(data)
    except UnicodeEncodeError:  # a lone surrogate; JSON can escape it
        return json.dumps(data).encode()
    return encoded if compact else msgspec.json.format(encoded, indent=2) + b"\n"


DOCUMENTS = st.builds(laid_out, st.dictionaries(st.text(), VALUES), st.booleans()) | st.binary()


def exported(home: Backend, stores: list[str]) -> io.BytesIO:
    file = io.BytesIO()
    export(home, stores, file, HEADER)
    file.seek(0)
    return file


@settings(max_examples=50, deadline=None)  # each moves many documents
@given(st.dictionaries(st.tuples(st.sampled_from(["user", "room"]), KEYS), DOCUMENTS))
def test_there_and_back(documents: dict[tuple[str, str], bytes]) -> None:
    """Whatever is stored, JSON or not, comes back byte for byte; and the same file is made of it."""
    home, other = Memory(), Memory()
    home.open()
    other.open()
    for (store, key), data in documents.items():
        home.write(store, key, data)
    file = exported(home, ["room", "user"])

    assert list(Import(other, file, {}, unchecked=True).write()) == []
    assert {(s, k): other.read(s, k) for s in other.stores() for k in other.keys(s)} == documents
    assert exported(other, ["room", "user"]).getvalue() == file.getvalue()


class Vanishing(Memory):
    """Somebody deletes one document and breaks another while they are read."""

    def read(self, store: str, key: str) -> bytes:
        if key == "gone":
            self.delete(store, key)
        if key == "broken":
            raise StoreIOError(store, key, "Input/output error", action="read")
        return super().read(store, key)


def test_what_cannot_be_read_is_left_out_and_told() -> None:
    """The rest is in the file; what was deleted meanwhile is no loss."""
    home = Vanishing()
    home.open()
    for key in ("amy", "broken", "gone"):
        home.write("user", key, b"{}\n")
    file = io.BytesIO()
    done = export(home, ["user"], file, HEADER)
    assert (done.count, done.missing) == (1, 1)
    assert "Input/output error" in str(done.errors[0])
    assert file.getvalue().endswith(b'"data":{}}\n{"end":1}\n')


COUNT = 10_000
TEXT = b'{\n  "padding": "%b"\n}\n' % (b"x" * 3000)


@pytest.fixture
def many(memory_folder: Path) -> Path:
    """A store of 10,000 objects, 30 MB."""
    home = JsonFiles(memory_folder / "store", sync="rename")
    home.open()
    home.write_many([Document("user", f"k{number}", TEXT) for number in range(COUNT)])
    home.close()
    return memory_folder


def peak(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_is_bounded(many: Path) -> None:
    """Of 30 MB in 10,000 objects, no more is in memory than the keys and one group."""
    service = make_service()

    def migrate(cls: Any, data: dict[str, Any], version: int) -> None:
        data["padding"] = data["padding"].upper()

    members = {"service": service, "version": 1, "migrate": classmethod(migrate)}
    user = type("User", (Store,), members)
    home, other = JsonFiles(many / "store"), JsonFiles(many / "other", sync="rename")
    other.open()

    def there() -> None:
        with open(many / "file", "wb") as file:
            export(home, ["user"], file, HEADER)

    def back() -> None:
        with open(many / "file", "rb") as file:
            work = Import(other, file, {"user": user})
            assert work.plan().total(Fate.NEW) == COUNT
            assert list(work.write()) == []

    def bring_up() -> None:
        assert sum(one.error is None for one in Migration(other, [user], write=True).run()) == COUNT

    def look() -> None:
        assert list(verify(other, {"user": user})) == []

    peaks = {work.__name__: peak(work) for work in (there, back, bring_up, look)}
    assert max(peaks.values()) < 20_000_000, peaks
    assert peaks["there"] < 4_000_000, peaks
    assert len(other.keys("user")) == COUNT
