"""The clock of a service, before and after its start."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from twisted.internet.task import Clock

from cletus import Service
from cletus.errors import ServiceStateError
from cletus.reactor.clock import ServiceClock


def test_before_the_start_time_passes_and_nothing_can_be_done_later() -> None:
    clock = Service().clock
    assert clock.seconds() <= clock.seconds()
    with pytest.raises(ServiceStateError, match="not started"):
        clock.callLater(1, print)


def test_after_the_start_it_is_the_reactors() -> None:
    service, calls = Service(), []
    early = service.clock
    service.reactor = reactor = Clock()
    reactor.advance(5)
    assert early.seconds() == 5
    early.callLater(1, calls.append, "a")
    reactor.advance(1)
    assert calls == ["a"]


def test_a_call_that_is_due_waits_until_it_is_permitted() -> None:
    """In order, and who has cancelled it while it waited is not called."""
    clock, calls, waiting = ServiceClock(), [], []
    is_permitted = False

    def permit(go_on: Callable[[], None]) -> bool:
        if not is_permitted:
            waiting.append(go_on)
        return is_permitted

    clock.reactor, clock.permit = Clock(), permit
    due = [clock.callLater(number, calls.append, number) for number in (3, 1, 2)]
    assert due[0].getTime() == 3
    due[0].cancel()
    clock.call_unasked(1, calls.append, "unasked")
    clock.reactor.advance(5)
    assert calls == ["unasked"]
    assert [call.active() for call in due] == [False, True, True]
    due[1].cancel()
    is_permitted = True
    for go_on in waiting:
        go_on()
    assert calls == ["unasked", 2]
    assert not any(call.active() for call in due)
