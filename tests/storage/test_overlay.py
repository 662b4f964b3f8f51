"""An overlay: one sees one's own writes, and nobody else ever does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cletus.errors import NotSaved
from cletus.storage.backend import Backend
from cletus.storage.memory import Memory
from cletus.storage.overlay import Overlay
from tests.storage.conformance import BackendConformance


class TestOverlay(BackendConformance):
    """It is a home like any other, to who writes to it."""

    @pytest.fixture
    def home(self) -> Iterator[Backend]:
        home = _Lasting(Memory())
        home.open()
        yield home
        home.close()


class _Lasting(Overlay):
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
    overlay = Overlay(home)
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
