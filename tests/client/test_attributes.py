"""Attributes that applications set on a service or a client, and those that are not theirs."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from cletus import Service
from cletus.client.attributes import ApplicationAttributes
from cletus.errors import OwnAttribute
from cletus.testing import Person


class Thing(ApplicationAttributes):
    colour = "red"

    def __init__(self) -> None:
        self.size = 1
        self._seal()


def test_attributes_set_by_its_own_init_are_not_the_applications() -> None:
    thing = Thing()
    thing.size = 2
    assert thing.attachments() == {}


def test_attributes_set_later_are_the_applications() -> None:
    thing = Thing()
    thing.user = "alice"  # type: ignore[attr-defined]  # what applications do
    thing.colour = "blue"
    assert thing.attachments() == {"user": "alice", "colour": "blue"}


def test_the_attributes_of_the_application_can_be_replaced() -> None:
    thing = Thing()
    thing.user = "alice"  # type: ignore[attr-defined]  # as above
    thing.colour = "blue"
    before = thing.attachments()
    thing.attach({"mood": "calm"})
    assert thing.attachments() == {"mood": "calm"}
    assert (thing.colour, thing.size) == ("red", 1)
    thing.attach(before)
    assert thing.attachments() == before


@pytest.mark.parametrize("name", ["clock", "session", "turn", "listen", "write_all"])
def test_what_the_service_works_with_is_not_to_be_replaced(service: Service, name: str) -> None:
    """A game that counts its rounds in ``service.turn`` fails at once."""
    before = getattr(service, name)
    with pytest.raises(OwnAttribute, match=rf"Service\.{name} is used by Cletus itself"):
        setattr(service, name, 1)
    assert getattr(service, name) == before


@pytest.mark.parametrize("name", ["id", "service", "prompt", "write"])
def test_what_a_client_works_with_is_not_to_be_replaced(
    service: Service, clock: Clock, name: str
) -> None:
    client = Person(service, clock).client
    with pytest.raises(OwnAttribute, match=rf"Client\.{name} "):
        setattr(client, name, "> ")
    client.room = "hall"  # type: ignore[attr-defined]  # what applications do
    assert client.attachments() == {"room": "hall"}


def test_a_test_may_put_something_in_the_place_of_a_method(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "save_all", lambda: ["nothing"])
    assert service.save_all() == ["nothing"]


def test_a_subclass_may_set_what_its_own_methods_are_called() -> None:
    class Game(Service):
        def round(self) -> int:
            return 1

    game = Game()
    game.round = 2  # type: ignore[method-assign,assignment]  # what is tested
    assert game.round == 2
