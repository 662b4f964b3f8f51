"""Who is told, and when, that what they changed is not saved yet."""

from __future__ import annotations

import pytest

from cletus.contrib.saving import NOT_SAVED, SAVED_NOW, save_for
from cletus.errors import StoreFull
from cletus.storage.backends.memory import Memory
from tests.contrib.application import app, cletus_target, clock, service

__all__ = ["app", "cletus_target", "clock", "service"]

pytestmark = pytest.mark.cletus(store_interval=0.02)

APPLICATION = """
    from cletus import Service
    from cletus.contrib.channels import BaseChannel
    from cletus.contrib.users import BaseUser, save_for
    from cletus.storage import Field, TempStoreMixin

    service = Service()

    class User(BaseUser):
        service = service

    class Channel(BaseChannel):
        service = service

    class Passing(TempStoreMixin, BaseUser):
        service = service
"""


class Person:
    """Remembers what is written to them."""

    def __init__(self):
        self.read = []

    def write(self, line):
        self.read.append(line)


@pytest.fixture
def disk(monkeypatch):
    """A disk that is full until it is emptied."""
    full = [True]
    write = Memory.write

    def refuse(self, store, key, data):
        if full:
            raise StoreFull(store, key, "No space left on device", action="save")
        write(self, store, key, data)

    monkeypatch.setattr(Memory, "write", refuse)
    return full


def test_the_person_is_told_once_and_again_when_all_is_saved(app, clock, disk, log):
    ann, bob = (app.store("user")(key) for key in ("ann", "bob"))
    person, outcomes = Person(), []
    for user in (ann, ann, bob):
        save_for(user, person).addCallback(outcomes.append)
        clock.advance(1)
    assert outcomes == [False] * 3
    assert len(log.take_failures()) == 3
    assert person.read == [NOT_SAVED] * 2
    disk.clear()
    clock.pump([1] * 60)
    assert person.read == [NOT_SAVED] * 2 + [SAVED_NOW]
    assert set(app.store("user").manager.saved()) == {"ann", "bob"}


def test_nobody_need_be_told_and_what_is_temporary_is_saved_nowhere(app, clock, disk, log):
    outcomes = []
    save_for(app.store("passing")("guest")).addCallback(outcomes.append)
    assert outcomes == [True]
    save_for(app.store("user")("ann")).addCallback(outcomes.append)
    clock.advance(1)
    assert outcomes == [True, False]
    assert log.take_failures()


def test_who_changes_a_channel_is_told_that_it_could_not_be_saved(app, clock, disk, log):
    owner = app.person()
    ann = app.store("user")("ann", name="Ann")
    ann.log_in(owner.client)
    app.store("channel").create("lamp", by=ann)
    clock.advance(1)
    assert owner.sees(NOT_SAVED)
    assert log.take_failures()
    disk.clear()
    clock.pump([1] * 60)
    assert owner.sees(SAVED_NOW)
    assert app.store("channel").manager.saved()["lamp"].owner == "ann"


def test_a_save_that_succeeds_says_nothing(app, clock):
    person, outcomes = Person(), []
    save_for(app.store("user")("ann"), person).addCallback(outcomes.append)
    clock.advance(1)
    assert (outcomes, person.read) == ([True], [])
