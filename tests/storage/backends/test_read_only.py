"""An overlay: one sees one's own writes, and nobody else ever does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cletus.errors import NotSaved
from cletus.storage.backends.json_files import JsonFiles
from cletus.storage.backends.memory import Memory
from cletus.storage.backends.read_only import ReadOnlyBackend
from cletus.storage.interfaces import Backend
from tests.storage.conformance import BackendConformance


class TestOverlay(BackendConformance):
    """It is a home like any other, to who writes to it."""

    @pytest.fixture
    def home(self) -> Iterator[Backend]:
        home = _Lasting(Memory())
        home.open()
        yield home
        home.close()


class _Lasting(ReadOnlyBackend):
    """Does not forget when it is closed; the contract of a home wants that."""

    def close(self) -> None:
        self._opened = False
        self._written.close()


def test_nothing_reaches_the_home() -> None:
    """Neither what is written nor what is deleted; and closed, all is forgotten."""
    home = Memory()
    home.open()
    home.write("user", "bob", b"old")
    home.write("user", "amy", b"old")
    overlay = ReadOnlyBackend(home)
    overlay.open()
    overlay.write("user", "bob", b"new")
    overlay.delete("user", "amy")
    assert overlay.read("user", "bob") == b"new"
    assert overlay.keys("user") == ["bob"]
    with pytest.raises(NotSaved):
        overlay.read("user", "amy")
    assert (home.read("user", "bob"), home.read("user", "amy")) == (b"old", b"old")
    overlay.close()
    assert overlay.read("user", "bob") == b"old"


@pytest.fixture
def files(tmp_path: Path) -> JsonFiles:
    """A folder with two documents, and everything in it as it was."""
    home = JsonFiles(tmp_path / "store")
    home.open()
    home.write("room", "hall", b"hall")
    home.write("room", "cellar", b"cellar")
    home.close()
    return home


def over(files: JsonFiles) -> ReadOnlyBackend:
    overlay = ReadOnlyBackend(files)
    overlay.open()
    return overlay


def everything(files: JsonFiles) -> dict[str, bytes]:
    return {key: files.read("room", key) for key in files.keys("room")}


def test_what_was_saved_is_read(files: JsonFiles) -> None:
    home = over(files)
    assert sorted(home.keys("room")) == ["cellar", "hall"]
    assert home.read("room", "hall") == b"hall"
    assert home.location("room", "hall").endswith("store/room/hall.json")


def test_what_is_written_covers_it_and_does_not_change_it(files: JsonFiles) -> None:
    home = over(files)
    home.write("room", "hall", b"great hall")
    home.write("room", "attic", b"attic")
    assert home.read("room", "hall") == b"great hall"
    assert sorted(home.keys("room")) == ["attic", "cellar", "hall"]
    assert everything(files) == {"hall": b"hall", "cellar": b"cellar"}


def test_what_is_deleted_is_gone_for_its_readers_alone(files: JsonFiles) -> None:
    home = over(files)
    home.write("room", "hall", b"great hall")
    home.delete("room", "hall")
    with pytest.raises(NotSaved):
        home.read("room", "hall")
    with pytest.raises(NotSaved):
        home.delete("room", "hall")
    assert home.keys("room") == ["cellar"]
    assert everything(files) == {"hall": b"hall", "cellar": b"cellar"}
    home.write("room", "hall", b"new hall")
    assert home.read("room", "hall") == b"new hall"
    assert sorted(home.keys("room")) == ["cellar", "hall"]
