"""The Lantern, running in memory."""

from __future__ import annotations

from pathlib import Path

import pytest
from argon2 import PasswordHasher

from cletus.contrib.users import hashing
from cletus.reload.loading import load
from cletus.testing import Person, reloaded, start_in_memory
from tests.reload.conftest import clean_imports

__all__ = ["clean_imports"]

ROOT = Path(__file__).parents[2]


class Lantern:
    """The talker, and people in it by name."""

    def __init__(self, service, clock):
        self.service, self.clock = service, clock

    def active(self, store):
        return self.service.session.current.stores[store].manager.active()

    def user(self, name):
        return self.active("user")[name]

    def person(self, name):
        """Somebody who makes an account, with nothing to read any more."""
        person = Person(self.service, self.clock)
        person.types(name, "y", "lantern light", "lantern light", "")
        self.clock.advance(0.1)
        person.new_text()
        return person

    def types(self, person, line):
        """What comes of a line, with what is saved soon being saved."""
        person.new_text()
        start = len(person.screen)
        person.types(line)
        for _ in range(3):
            self.clock.advance(0.05)
        person.new_text()
        return person.screen[start:]

    def reload(self, **edits):
        return reloaded(
            self.service, {f"example_service.{name}": edit for name, edit in edits.items()}
        )


@pytest.fixture
def lantern(monkeypatch):
    # What a hash costs is tested by itself.
    cheap = PasswordHasher(memory_cost=8, time_cost=1, parallelism=1)
    monkeypatch.setattr(hashing, "HASHER", cheap)
    service = load("example_service", ROOT)
    lantern = Lantern(service, start_in_memory(service))
    yield lantern
    service.stop()
    lantern.clock.advance(10)
