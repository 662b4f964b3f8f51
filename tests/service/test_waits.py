"""``service.wait_for()``. Across a reload it is tested in tests/reload/test_conversations.py."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from cletus import Service, events
from cletus.errors import ServiceStateError, TimerError, WaitTimedOut
from cletus.testing import Person
from tests.conftest import result_of

Come = Callable[..., Person]


def waits(service: Service) -> int:
    return len(service.dispatcher.waits)


def test_it_fires_with_the_first_event_of_the_class_or_of_a_subclass(
    service: Service, come: Come
) -> None:
    wait = service.wait_for(events.ClientEvent)
    service.fire(events.PostStart(service))
    assert not wait.called
    alice = come(service)
    assert result_of(wait) == events.Connect(service, alice.client)
    assert waits(service) == 0


def test_it_fires_with_the_first_event_that_matches(service: Service, come: Come) -> None:
    wait = service.wait_for(events.Receive, match=lambda event: event.data == "yes")
    alice = come(service)
    alice.types("no")
    assert not wait.called
    alice.types("yes")
    alice.types("yes")
    assert result_of(wait).data == "yes"


def test_listeners_are_called_first(service: Service, come: Come) -> None:
    trail = []
    service.wait_for(events.Connect).addCallback(lambda _: trail.append("wait"))
    service.listen(events.Connect)(lambda _: trail.append("listener"))
    come(service)
    assert trail == ["listener", "wait"]


def test_messages_of_gmcp_are_heard(service: Service, come: Come) -> None:
    wait = service.wait_for(events.Gmcp, match=lambda event: event.package == "Char.Login")
    alice = come(service)
    for package in ("Core.Hello", "Char.Login"):
        service.connections.message_received(alice.client, package, {})
    assert result_of(wait).package == "Char.Login"


def test_code_that_goes_on_may_wait_for_the_next(service: Service, come: Come) -> None:
    heard = []

    async def two() -> None:
        heard.append((await service.wait_for(events.Receive)).data)
        heard.append((await service.wait_for(events.Receive)).data)

    done = Deferred.fromCoroutine(two())
    alice = come(service)
    alice.types("a")
    assert heard == ["a"]
    alice.types("b")
    assert heard == ["a", "b"]
    assert result_of(done) is None


def test_a_wait_may_end_another(service: Service, come: Come) -> None:
    """The event is offered to both, in the order in which they began."""
    first = service.wait_for(events.Connect)
    second = service.wait_for(events.Connect)
    first.addCallback(lambda _: second.cancel())
    come(service)
    with pytest.raises(CancelledError):
        result_of(second)
    assert waits(service) == 0


def test_what_match_raises_fails_that_wait_only(service: Service, come: Come) -> None:
    def broken(event: events.Connect) -> bool:
        raise ZeroDivisionError

    wait, other = service.wait_for(events.Connect, match=broken), service.wait_for(events.Connect)
    assert come(service).client.connected
    with pytest.raises(ZeroDivisionError):
        result_of(wait)
    assert other.called


@pytest.mark.parametrize(("timeout", "setting"), [(5, 3600.0), (None, 5.0)])
def test_it_fails_when_its_time_is_over(
    start: Callable[..., Service], clock: Clock, timeout: float | None, setting: float
) -> None:
    service = start(wait_timeout=setting)
    before = len(clock.getDelayedCalls())
    wait = service.wait_for(events.Connect, timeout=timeout)
    clock.advance(4.9)
    assert not wait.called
    clock.advance(0.1)
    with pytest.raises(WaitTimedOut, match="no Connect event within 5 seconds") as raised:
        result_of(wait)
    assert isinstance(raised.value, TimeoutError)
    assert (waits(service), len(clock.getDelayedCalls())) == (0, before)


@pytest.mark.parametrize("end", [lambda wait, come: wait.cancel(), lambda wait, come: come()])
def test_a_wait_that_ends_leaves_nothing_behind(
    service: Service, clock: Clock, come: Come, end: Callable[..., object]
) -> None:
    before = len(clock.getDelayedCalls())
    wait = service.wait_for(events.Connect, timeout=5)
    wait.addErrback(lambda _: None)
    assert (waits(service), len(clock.getDelayedCalls())) == (1, before + 1)
    end(wait, lambda: come(service))
    assert wait.called
    assert (waits(service), len(clock.getDelayedCalls())) == (0, before)


def test_a_timeout_of_0_is_no_limit(service: Service, clock: Clock, come: Come) -> None:
    wait = service.wait_for(events.Connect, timeout=0)
    clock.advance(1_000_000)
    assert not wait.called
    come(service)
    assert wait.called


@pytest.mark.parametrize("timeout", [-1, float("inf"), float("nan")])
def test_only_a_finite_time_can_be_waited(service: Service, timeout: float) -> None:
    with pytest.raises(TimerError):
        service.wait_for(events.Connect, timeout=timeout)


def test_before_the_start_no_time_can_be_waited() -> None:
    service = Service()
    with pytest.raises(ServiceStateError):
        service.wait_for(events.Connect, timeout=5)
    assert waits(service) == 0
