"""Events: frozen values that tell what has happened."""

from __future__ import annotations

import dataclasses
import inspect

import pytest

from cletus import Service, events
from cletus.testing import Person

KINDS = [
    kind
    for _, kind in inspect.getmembers(events, inspect.isclass)
    if issubclass(kind, events.Event)
]


@pytest.mark.parametrize("kind", KINDS)
def test_an_event_is_frozen_small_and_says_what_it_is(kind: type[events.Event]) -> None:
    assert dataclasses.fields(kind)[0].name == "service"
    assert "__slots__" in vars(kind)
    assert kind.__doc__
    event = object.__new__(kind)
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.service = None  # type: ignore[misc]  # that is the point


@pytest.mark.parametrize("kind", [events.Connect, events.Receive, events.Disconnect])
def test_what_is_about_a_person_can_be_heard_of_all_at_once(kind: type[events.Event]) -> None:
    assert issubclass(kind, events.ClientEvent)


def test_the_user_of_an_event_is_whom_the_client_has_turned_out_to_be(
    service: Service, come: type[Person]
) -> None:
    alice = come(service)
    event = events.Receive(service, alice.client, "hello")
    assert (event.service, event.client, event.data, event.user) == (
        service,
        alice.client,
        "hello",
        None,
    )
    alice.client.user = "Alice"
    assert event.user == "Alice"


def test_a_veto_of_a_reload_has_a_reason(service: Service) -> None:
    first, second = events.PreReload(service), events.PreReload(service, ("app",))
    first.veto("not now")
    first.veto("nor later")
    assert first.vetoes == ["not now", "nor later"]
    assert second.vetoes == []
