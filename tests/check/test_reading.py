"""A home that is only read keeps the contract of all homes, in memory, over what was saved before."""

from __future__ import annotations

import pytest

from cletus.check.reading import ReadOnly
from cletus.errors import NotSaved
from cletus.storage.json_files import JsonFiles
from tests.storage.conformance import BackendConformance


class TestOverNothing(BackendConformance):
    """As a home of its own."""

    #: It is never closed, since nothing is opened.
    test_a_closed_home_refuses_to_write = None

    @pytest.fixture
    def home(self) -> ReadOnly:
        return ReadOnly(None)


@pytest.fixture
def files(tmp_path):
    """A folder with two documents, and everything in it as it was."""
    home = JsonFiles(tmp_path / "store")
    home.open()
    home.write("room", "hall", b"hall")
    home.write("room", "cellar", b"cellar")
    home.close()
    return home


def everything(files):
    return {key: files.read("room", key) for key in files.keys("room")}


def test_what_was_saved_is_read(files):
    home = ReadOnly(files)
    assert sorted(home.keys("room")) == ["cellar", "hall"]
    assert home.read("room", "hall") == b"hall"
    assert home.place("room", "hall").endswith("store/room/hall.json")


def test_what_is_written_covers_it_and_does_not_change_it(files):
    home = ReadOnly(files)
    home.write("room", "hall", b"great hall")
    home.write("room", "attic", b"attic")
    assert home.read("room", "hall") == b"great hall"
    assert sorted(home.keys("room")) == ["attic", "cellar", "hall"]
    assert everything(files) == {"hall": b"hall", "cellar": b"cellar"}


def test_what_is_deleted_is_gone_for_its_readers_alone(files):
    home = ReadOnly(files)
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
