"""The clock of a service, before and after its start."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from cletus import Service
from cletus.errors import ServiceStateError


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
