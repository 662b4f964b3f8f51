"""``cletus/storage/backends/memory.py``."""

from __future__ import annotations

import gc

import pytest

from cletus.settings.settings import Settings
from cletus.storage.backends.memory import Memory, from_url
from tests.storage.conformance import BackendConformance


class TestMemory(BackendConformance):
    """The home for tests keeps the contract of all homes."""

    @pytest.fixture
    def home(self) -> Memory:
        home = Memory()
        home.open()
        return home


def test_each_url_is_a_home_of_its_own() -> None:
    """Two services in one process do not see each other's documents."""
    first, second = (from_url("memory:", Settings()) for _ in range(2))
    first.open()
    first.write("user", "bob", b"{}")
    assert second.keys("user") == []


def test_a_later_change_of_the_buffer_is_not_seen() -> None:
    """What was written is a copy."""
    home = Memory()
    home.open()
    buffer = bytearray(b"before")
    home.write("user", "bob", buffer)
    buffer[:] = b"after!"
    assert home.read("user", "bob") == b"before"


def test_a_url_with_a_name_is_the_home_of_that_name_while_anything_holds_it() -> None:
    """A service that is stopped and started again finds what it had saved."""
    first = from_url("memory:bench", Settings())
    first.open()
    first.write("user", "bob", b"{}")
    first.close()
    again = from_url("memory:bench", Settings())
    assert again is first
    again.open()
    assert again.keys("user") == ["bob"]
    assert from_url("memory:other", Settings()).keys("user") == []
    del first, again
    gc.collect()
    assert from_url("memory:bench", Settings()).keys("user") == []
