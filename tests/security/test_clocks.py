"""Elapsed time goes by a monotonic clock; ``tests/contrib/users/test_bans.py`` has bans."""

from __future__ import annotations

import time
from typing import Any

import pytest
from twisted.internet.base import ReactorBase

from cletus.reactor.clock import ServiceClock, use_monotonic_clock


class WallClock:
    """Stands for the clocks of the system: the wall clock can be set, time passes in both."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wall, self.passed = 1.7e9, 5000.0
        monkeypatch.setattr(time, "time", lambda: self.wall)
        monkeypatch.setattr(time, "monotonic", lambda: self.passed)

    def advance(self, seconds: float) -> None:
        self.wall += seconds
        self.passed += seconds


@pytest.mark.parametrize("step", [-3600, 3600])
def test_what_is_due_is_due_when_the_wall_clock_is_set(
    monkeypatch: pytest.MonkeyPatch, step: float
) -> None:
    system, reactor, calls = WallClock(monkeypatch), _Reactor(), []
    early = reactor.callLater(1, calls.append, "scheduled before the switch")
    use_monotonic_clock(reactor)
    reactor.callLater(1, calls.append, "after it")
    system.wall += step
    reactor.runUntilCurrent()
    assert calls == []
    assert early.active()
    system.advance(1.001)
    reactor.runUntilCurrent()
    assert calls == ["scheduled before the switch", "after it"]


def test_dates_that_people_read_follow_the_wall_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    system, clock = WallClock(monkeypatch), ServiceClock()
    reactor: Any = _Reactor()
    use_monotonic_clock(reactor)
    clock.reactor = reactor
    system.wall += 3600
    assert clock.now() == clock.seconds() + 3600


class _Reactor(ReactorBase):
    """Twisted's timers, without anything that waits."""

    def seconds(self) -> float:
        return time.time()

    def installWaker(self) -> None:
        pass

    def uninstallHandler(self) -> None:
        pass

    def wakeUp(self) -> None:
        pass
