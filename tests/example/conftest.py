"""The Lantern, running in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from cletus.testing import MemoryDoor, StepClock, reloaded, staged

ROOT = Path(__file__).parents[2]


class Lantern:
    """The talker, and people in it by name."""

    def __init__(self, service, clock):
        self.service, self.clock = service, clock
        self.connect = MemoryDoor(service).connect

    def active(self, store):
        return self.service.session.current.stores[store].manager.active()

    def user(self, name):
        return self.active("user")[name]

    def person(self, name):
        """Somebody who makes an account, with nothing to read any more."""
        person = self.connect()
        person.says(name, "y", "lantern light", "lantern light", "")
        return person

    def types(self, person, line):
        """What comes of a line."""
        return person.says(line)

    def reload(self, **edits):
        return reloaded(
            self.service, {f"example_service.{name}": edit for name, edit in edits.items()}
        )


@pytest.fixture
def lantern():
    clock = StepClock()
    with staged("example_service", ROOT, clock) as service:
        yield Lantern(service, clock)
