"""Errors of the application's code are logged with its name, and stop nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.task import Clock

from cletus import Service, events
from cletus.testing import Person
from tests.conftest import Log, result_of

Come = Callable[..., Person]


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3), AssertionError()])
@pytest.mark.parametrize("is_async", [False, True])
def test_a_listener_that_raises_stops_neither_the_others_nor_the_connection(
    service: Service, come: Come, log: Log, error: BaseException, is_async: bool
) -> None:
    """It is logged with its place, the client and the event; the person is told that it was."""

    def plain(event: events.Receive) -> None:
        raise error

    async def coroutine(event: events.Receive) -> None:
        raise error

    broken = coroutine if is_async else plain
    service.listen(events.Receive)(broken)

    @service.listen(events.Receive)
    def sound(event: events.Receive) -> None:
        event.client.write(f"heard {event.data}")

    alice = come(service)
    alice.types("a", "b")
    for line in ("a", "b"):
        assert f"heard {line}\n" in alice.screen
    assert alice.screen.count("It has been logged.") == 2
    assert alice.client.connected
    (logged, again) = log.take_failures()
    assert logged == again
    assert f"test_dispatch.{broken.__qualname__}" in logged
    assert "Receive" in logged
    assert repr(alice.client) in logged
    assert type(error).__name__ in logged


def test_the_person_need_not_be_told(start: Callable[..., Service], come: Come, log: Log) -> None:
    service = start(error_notice="")

    @service.listen(events.Receive)
    def receive(event: events.Receive) -> None:
        raise ValueError

    assert come(service).types("a") == ""
    assert len(log.take_failures()) == 1


def test_a_listener_may_change_what_the_person_is_told(
    service: Service, clock: Clock, come: Come, log: Log
) -> None:
    """For a timer, that is who has begun it; by default nobody is told of that."""

    def ring() -> None:
        raise KeyError("key")

    @service.listen(events.Receive)
    def receive(event: events.Receive) -> None:
        if event.data == "timer":
            service.call_later(1, ring)
        else:
            raise ValueError("text")

    alice, bob = come(service), come(service)
    bob.types("timer")
    clock.advance(1)
    assert bob.screen == ""

    @service.listen(events.CodeFailed)
    def failed(event: events.CodeFailed) -> None:
        event.notice[:] = [event.code.rpartition(".")[2], repr(event.error)]
        if event.client is bob.client:
            raise RuntimeError("this listener fails, too")

    alice.types("text", "timer")
    clock.advance(1)
    assert alice.screen == "receive of Receive\nValueError('text')\nring\nKeyError('key')\n"
    bob.types("text")
    assert bob.screen.endswith("It has been logged.\nreceive of Receive\nValueError('text')\n")
    assert len(log.take_failures()) == 5


def test_an_async_listener_that_raises_later_is_logged_as_well(
    service: Service, come: Come, log: Log
) -> None:
    work: Deferred[None] = Deferred()

    @service.listen(events.Receive)
    async def receive(event: events.Receive) -> None:
        await work

    alice = come(service)
    alice.types("a")
    assert log.failures == []
    work.errback(KeyError("key"))
    assert log.take_failures()[0].endswith("KeyError: 'key'")
    assert not alice.client.input.tasks


def test_the_password_that_somebody_typed_is_not_in_the_log(
    service: Service, come: Come, log: Log
) -> None:
    """The line is left out of what is logged of a mistake."""

    @service.listen(events.Receive)
    def receive(event: events.Receive) -> None:
        raise ValueError("no")

    come(service).types("opensesame")
    assert "opensesame" not in repr(log.take_failures())


def test_a_deferred_that_a_listener_returns_is_waited_for_and_its_failure_logged(
    service: Service, log: Log
) -> None:
    """As from Twisted's ``inlineCallbacks``."""
    work: Deferred[None] = Deferred()

    @service.listen(events.PreStop)
    @inlineCallbacks
    def prestop(event: events.PreStop) -> object:
        yield work

    fired = service.fire(events.PreStop(service))
    assert not fired.called
    work.errback(ValueError("no"))
    assert result_of(fired) is None
    assert len(log.take_failures()) == 1


def test_an_event_has_been_heard_when_all_its_listeners_have_ended(service: Service) -> None:
    works: list[Deferred[None]] = [Deferred(), Deferred()]
    for work in works:

        async def listen(event: events.PreStop, work: Deferred[None] = work) -> None:
            await work

        service.listen(events.PreStop)(listen)
    fired = service.fire(events.PreStop(service))
    works[0].callback(None)
    assert not fired.called
    works[1].callback(None)
    assert result_of(fired) is None


def test_listeners_are_called_in_the_order_of_registration_with_those_of_base_classes(
    service: Service, come: Come
) -> None:
    heard: list[str] = []
    service.listen(events.Receive)(lambda event: heard.append("receive"))
    service.listen(events.ClientEvent)(lambda event: heard.append("client event"))
    service.listen(events.Event)(lambda event: heard.append("event"))
    service.listen(events.Disconnect)(lambda event: heard.append("disconnect"))
    come(service).types("a")
    assert heard == ["client event", "event", "receive", "client event", "event"]


def test_a_listener_may_register_another_which_hears_of_the_next_event(
    service: Service, come: Come
) -> None:
    heard: list[str] = []

    @service.listen(events.Receive)
    def receive(event: events.Receive) -> None:
        service.listen(events.Receive)(lambda event: heard.append(event.data))

    come(service).types("a", "b")
    assert heard == ["b"]


def test_a_timer_that_raises_is_logged_and_rings_again(
    service: Service, clock: Clock, log: Log
) -> None:
    rung: list[float] = []

    @service.every(10)
    def ring() -> None:
        rung.append(clock.seconds())
        raise SystemExit

    clock.pump([10, 10])
    assert rung == [10, 20]
    assert len(log.take_failures()) == 2


def test_an_async_timer_is_left_out_while_it_is_still_at_work(
    service: Service, clock: Clock, log: Log
) -> None:
    works: list[Deferred[None]] = []

    @service.every(10)
    async def ring() -> None:
        works.append(Deferred())
        await works[-1]

    clock.pump([10, 10, 10])
    assert len(works) == 1
    works[0].errback(ValueError("no"))
    assert "ValueError: no" in log.take_failures()[0]
    clock.pump([10])
    assert len(works) == 2
    works[1].callback(None)


def test_a_call_that_is_due_once_is_forgotten(service: Service, clock: Clock) -> None:
    rung: list[tuple[object, ...]] = []
    timer = service.call_later(5, lambda *args: rung.append(args), 1, 2)
    clock.pump([4, 1, 10])
    assert rung == [(1, 2)]
    assert not timer.active
    assert list(service.session.current.timers) == []


def test_an_error_that_concerns_no_client_is_an_event_and_one_of_its_listeners_is_none(
    service: Service, log: Log, clock: Clock
) -> None:
    """So that what the code has left unfinished can be undone."""
    heard: list[tuple[str, type[BaseException]]] = []

    @service.listen(events.BackgroundFailed)
    def failed(event: events.BackgroundFailed) -> None:
        heard.append((event.code.partition(" ")[0], type(event.error)))
        raise KeyError("again")

    @service.listen(events.PreReload)
    def before(event: events.PreReload) -> None:
        raise ValueError

    @service.every(5)
    def ring() -> None:
        raise LookupError

    service.fire(events.PreReload(service))
    clock.advance(5)
    assert heard == [("Listener", ValueError), ("Timer", LookupError)]
    assert len(log.take_failures()) == 4
