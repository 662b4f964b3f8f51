"""The clients of a service: the table of them, what doors report, and how they are all closed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from cletus import Service, events
from cletus.testing import MemoryTransport, Person

Come = Callable[..., Person]


@pytest.fixture
def heard(service: Service) -> list[events.Event]:
    """All events of clients."""
    heard: list[events.Event] = []
    service.listen(events.ClientEvent)(heard.append)
    return heard


def test_a_connection_becomes_a_client_in_the_table(
    service: Service, heard: list[events.Event]
) -> None:
    client = service.connections.connected(MemoryTransport("here"), door="memory")
    assert (client.id, client.address, client.door) == (1, "here", "memory")
    assert client.service is service
    assert heard == [events.Connect(service, client)]
    assert list(service.connections.clients) == [client]
    assert list(service.metrics.connections.read()) == [((("door", "memory"),), 1)]


def test_the_size_of_a_window_is_an_event(
    service: Service, come: Come, heard: list[events.Event]
) -> None:
    client = come(service).client
    client.terminal.columns = 132
    service.connections.resized(client)
    assert heard[-1] == events.Resize(service, client, 132, 24)


def test_nothing_is_reported_of_a_client_that_is_closing(
    service: Service, come: Come, heard: list[events.Event]
) -> None:
    client = come(service).client
    client.close()
    service.connections.resized(client)
    service.connections.message_received(client, "Core.Hello", None)
    assert [type(event) for event in heard] == [events.Connect, events.Closing]


def test_a_client_who_leaves_is_out_of_the_table_before_listeners_hear_of_it(
    service: Service, come: Come
) -> None:
    tables: list[tuple[object, ...]] = []
    service.listen(events.Disconnect)(lambda event: tables.append(service.clients))
    come(service).hangs_up()
    assert tables == [()]


def test_all_are_told_and_closed_and_their_farewells_waited_for(
    service: Service, come: Come, clock: Clock
) -> None:
    works: list[Deferred[None]] = []

    @service.listen(events.Disconnect)
    async def disconnect(event: events.Disconnect) -> None:
        works.append(Deferred())
        await works[-1]

    people = [come(service), come(service)]
    closed = Deferred.fromCoroutine(service.connections.close_all())
    for person in people:
        assert person.screen == service.settings.stop_notice + "\n"
        person.hangs_up()
    assert not closed.called
    for work in works:
        work.callback(None)
    assert closed.called


def test_farewells_are_waited_for_no_longer_than_close_timeout(
    start: Callable[..., Service], come: Come, clock: Clock
) -> None:
    service = start(close_timeout=3.0)

    @service.listen(events.Disconnect)
    async def disconnect(event: events.Disconnect) -> None:
        await Deferred()

    person = come(service)
    closed = Deferred.fromCoroutine(service.connections.close_all())
    person.hangs_up()
    clock.advance(2.9)
    assert not closed.called
    clock.advance(0.2)
    assert closed.called


def test_whoever_comes_in_afterwards_is_told_and_closed(service: Service, come: Come) -> None:
    """The handshake of a door may have taken until then."""
    assert Deferred.fromCoroutine(service.connections.close_all()).called
    late = come(service)
    assert late.screen == service.settings.stop_notice + "\n"
    assert not late.client.connected


def test_ctrl_c_is_an_event(start: Callable[..., Service], clock: Clock) -> None:
    service, pressed = start(), list[events.Event]()
    service.listen(events.Interrupt)(pressed.append)
    client = service.connections.connected(MemoryTransport(), door="telnet")
    service.connections.interrupted(client)
    assert pressed == [events.Interrupt(service, client)]
