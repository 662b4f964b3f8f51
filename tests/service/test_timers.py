"""Timers: calls that are made later, once or repeatedly."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from cletus.errors import TimerError
from cletus.service.timers import Timer, Timers


def strike() -> None: ...


class Rung:
    """When a timer has rung."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.times: list[float] = []

    def __call__(self, timer: Timer) -> None:
        self.times.append(self.clock.seconds())


@pytest.fixture
def rung(clock: Clock) -> Rung:
    return Rung(clock)


def test_a_single_call_is_made_once(clock: Clock, rung: Rung) -> None:
    timer = Timer(5, None, strike)
    assert timer.remaining == 5
    timer.start(clock, rung)
    clock.pump([2, 2])
    assert timer.remaining == 1
    clock.pump([1, 100])
    assert rung.times == [5]
    assert not timer.active
    assert timer.remaining == 0


def test_a_repeated_call_keeps_its_phase(clock: Clock, rung: Rung) -> None:
    """It is counted from when it was due, not from when a busy reactor came to it."""
    Timer(10, 10, strike).start(clock, rung)
    clock.pump([13, 13, 4, 10])
    assert rung.times == [13, 26, 30, 40]


def test_calls_that_a_busy_reactor_missed_are_left_out(clock: Clock, rung: Rung) -> None:
    Timer(10, 10, strike).start(clock, rung)
    clock.pump([95, 5])
    assert rung.times == [95, 100]


def test_rounding_makes_no_call_twice(clock: Clock, rung: Rung) -> None:
    """The next time may be computed as the very instant of this call."""
    Timer(0.08738112213852006, 0.08738112213852006, strike).start(clock, rung)
    clock.pump([186.4713146436018, 2.2719091756015217])
    assert len(rung.times) == 2


@given(
    interval=st.floats(0.001, 1000),
    waits=st.lists(st.floats(0, 5000), min_size=1, max_size=20),
)
def test_it_never_rings_early_nor_twice_for_one_instant(
    interval: float, waits: list[float]
) -> None:
    """Whatever time passes between the turns of the reactor."""
    clock = Clock()
    rung = Rung(clock)
    timer = Timer(interval, interval, strike)
    timer.start(clock, rung)
    for wait in waits:
        before = len(rung.times)
        clock.advance(wait)
        assert len(rung.times) - before <= 1 + (wait == 0)
        assert 0 <= timer.remaining <= interval * 1.001
    assert len(rung.times) <= sum(waits) / interval + 1


def test_cancelled_before_or_after_its_start_it_is_not_made(clock: Clock, rung: Rung) -> None:
    early, late = Timer(5, None, strike), Timer(5, 5, strike)
    early.cancel()
    early.start(clock, rung)
    late.start(clock, rung)
    late.cancel()
    late.cancel()
    clock.advance(10)
    assert rung.times == []
    assert not early.active
    assert clock.getDelayedCalls() == []


def test_it_may_cancel_itself_while_it_rings(clock: Clock) -> None:
    rung: list[Timer] = []

    def ring(timer: Timer) -> None:
        rung.append(timer)
        timer.cancel()

    Timer(5, 5, strike).start(clock, ring)
    clock.pump([5, 5, 5])
    assert len(rung) == 1
    assert clock.getDelayedCalls() == []


def test_started_twice_it_runs_once(clock: Clock, rung: Rung) -> None:
    timer = Timer(5, None, strike)
    timer.start(clock, rung)
    clock.advance(3)
    timer.start(clock, rung)
    clock.pump([2, 3])
    assert rung.times == [5]


@pytest.mark.parametrize("delay", [-1, -0.001, math.inf, math.nan])
def test_a_delay_that_cannot_be(delay: float) -> None:
    with pytest.raises(TimerError) as raised:
        Timer(delay, None, strike)
    assert raised.value.seconds is delay


def test_an_interval_that_cannot_be() -> None:
    with pytest.raises(TimerError):
        Timer(0, 0, strike)


def test_it_says_what_it_calls_and_when() -> None:
    assert repr(Timer(5, None, strike)) == f"<Timer {__name__}.strike in 5 s>"
    assert repr(Timer(5, 0.5, strike)) == f"<Timer {__name__}.strike every 0.5 s>"


@pytest.mark.parametrize(
    ("make", "alike"),
    [
        (lambda: Timer(5, 5, strike), True),
        (lambda: Timer(5, 5, strike, (1,)), True),
        (lambda: Timer(6, 5, strike), False),
        (lambda: Timer(5, None, strike), False),
        (lambda: Timer(5, 5, Clock), False),
    ],
)
def test_two_are_alike_by_name_and_times(make: Callable[[], Timer], alike: bool) -> None:
    """Not by their arguments, which new code may well change."""
    assert Timer(5, 5, strike).is_like(make()) is alike


def test_those_that_are_over_do_not_pile_up(clock: Clock, rung: Rung) -> None:
    timers = Timers()
    for _ in range(1000):
        timer = Timer(1, None, strike)
        timers.add(timer)
        timer.start(clock, rung)
        clock.advance(1)
    assert len(rung.times) == 1000
    assert len(list(timers)) < 200
    timers.tidy()
    assert list(timers) == []


def test_all_are_cancelled_together(clock: Clock, rung: Rung) -> None:
    timers = Timers()
    kept = [Timer(n + 1, n + 1, strike) for n in range(3)]
    for timer in kept:
        timers.add(timer)
        timer.start(clock, rung)
    timers.cancel()
    clock.advance(10)
    assert rung.times == []
    assert list(timers) == []


def test_a_cancelled_timer_lets_go_of_its_arguments(clock: Clock, rung: Rung) -> None:
    """Those who have logged in, or left, have a timer that was cancelled; it kept their clients."""

    class Stranger:
        """Whom a timer would have sent away."""

    stranger = Stranger()
    gone = weakref.ref(stranger)
    timers = Timers()
    timer = Timer(100, None, strike, (stranger,), {"again": stranger})
    timers.add(timer)
    timer.start(clock, rung)
    del stranger
    timer.cancel()
    assert gone() is None
