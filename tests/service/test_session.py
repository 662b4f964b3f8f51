"""The live state of a service: the generations in force and staged, and the backend."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import maybeDeferred
from twisted.internet.task import Clock

from cletus import Service
from cletus.errors import DuplicateStore, StoreUnusable
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


def test_while_a_generation_is_staged_stores_register_with_it(service: Service) -> None:
    home, session = service, service.session
    session.staged = Generation(1)

    class Room(Store):
        service = home

    assert session.find("room") is Room
    assert session.stores == {}
    assert session.generation == 0
    session.staged = None
    assert session.find("room") is None


def test_the_dictionary_of_stores_is_a_copy(service: Service) -> None:
    service.session.stores["room"] = Store
    assert service.session.stores == {}


def test_the_backend_is_opened_on_first_use() -> None:
    service = Service(store="memory:")
    assert not service.session.is_open
    writer = service.session.writer
    assert service.session.is_open
    assert service.session.writer is writer
    service.session.close()
    assert not service.session.is_open


def test_pending_documents_are_written_at_its_close(service: Service) -> None:
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


def test_a_closed_session_does_not_open_again() -> None:
    service = Service(store="memory:")
    service.session.close()
    with pytest.raises(StoreUnusable):
        _ = service.session.writer
    service.session.close()
    assert result_of(service.session.flushed()) is None


def test_another_backend_can_be_opened_in_place_of_the_usual_one() -> None:
    """The usual one is not opened then."""
    opened: list[str] = []

    def open_writer(name: str) -> Any:
        return lambda: opened.append(name) or Writer(Memory(), Clock(), maybeDeferred)

    session = Session(Application(), open_writer("usual"))
    session.open_with(open_writer("other"))
    assert session.writer is session.writer
    assert opened == ["other"]


# -- generations --------------------------------------------------------------------------------


class Room: ...


def test_a_store_is_known_by_its_lower_case_name() -> None:
    generation = Generation(3)
    generation.add_store(Room, imported=True)  # type: ignore[arg-type]  # only its name counts here
    assert (generation.number, generation.stores) == (3, {"room": Room})
    assert generation.imported_stores == {"room"}


def test_a_store_that_no_module_body_defines_is_remembered() -> None:
    """The next import does not define it again."""
    generation = Generation(0)
    generation.add_store(Room, imported=False)  # type: ignore[arg-type]  # as above
    assert generation.imported_stores == set()


@pytest.mark.parametrize("name", ["Room", "ROOM", "room"])
def test_two_stores_cannot_share_a_name(name: str) -> None:
    """In upper or lower case: they would share a folder. The message names both."""
    generation = Generation(0)
    generation.add_store(Room, imported=True)  # type: ignore[arg-type]  # as above
    other = type(name, (), {"__module__": "elsewhere"})
    with pytest.raises(DuplicateStore, match=rf"(?s){__name__}.Room.*elsewhere") as raised:
        generation.add_store(other, imported=True)
    assert raised.value.classes == (other, Room)
    assert generation.stores == {"room": Room}
