"""The live state of a service: what is in force, what is being staged, and where it is saved."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import maybeDeferred
from twisted.internet.task import Clock

from cletus import Service
from cletus.errors import StoreUnusable
from cletus.service.application import Application
from cletus.service.session import Generation, Session
from cletus.storage import Field, Store, Writer
from cletus.storage.backends.memory import Memory
from tests.conftest import result_of


def test_stores_register_with_the_generation_in_force(service: Service) -> None:
    home = service

    class Room(Store):
        service = home

    session = home.session
    assert session.generation == 0
    assert session.stores == {"room": Room}
    assert session.find("ROOM") is Room
    assert session.find("hall") is None


def test_while_a_generation_is_staged_what_is_defined_goes_there(service: Service) -> None:
    home, session = service, service.session
    session.staged = Generation(1)

    class Room(Store):
        service = home

    assert session.find("room") is Room
    assert session.stores == {}
    assert session.generation == 0
    session.staged = None
    assert session.find("room") is None


def test_the_list_of_stores_is_the_callers_own(service: Service) -> None:
    service.session.stores["room"] = Store
    assert service.session.stores == {}


def test_the_home_of_documents_is_opened_on_first_use() -> None:
    service = Service(store="memory:")
    assert not service.session.is_open
    writer = service.session.writer
    assert service.session.is_open
    assert service.session.writer is writer
    service.session.close()
    assert not service.session.is_open


def test_what_is_pending_is_written_when_it_is_closed(service: Service) -> None:
    home = service

    class Room(Store):
        service = home
        name = Field("")

    backend: Any = home.session.writer._backend
    hall = Room("hall", name="The hall")
    soon = hall.save_soon()
    assert not soon.called
    home.session.close()
    assert b"The hall" in backend._stores["room"]["hall"]
    assert soon.called
    Room.manager.remove_active(hall)


def test_after_it_was_closed_it_is_not_opened_again() -> None:
    service = Service(store="memory:")
    service.session.close()
    with pytest.raises(StoreUnusable):
        _ = service.session.writer
    service.session.close()
    assert result_of(service.session.flushed()) is None


def test_another_home_can_be_opened_in_place_of_the_usual_one() -> None:
    """Nothing of the usual one is opened then."""
    opened: list[str] = []

    def open_writer(name: str) -> Any:
        return lambda: opened.append(name) or Writer(Memory(), Clock(), maybeDeferred)

    session = Session(Application(), open_writer("usual"))
    session.open_with(open_writer("other"))
    assert session.writer is session.writer
    assert opened == ["other"]
