"""``StepClock``: each call is made at the time that it is due."""

from __future__ import annotations

from cletus.testing import StepClock


def test_each_call_sees_the_time_that_it_was_due_at() -> None:
    clock = StepClock()
    seen: list[tuple[str, float]] = []
    clock.callLater(2, lambda: seen.append(("second", clock.seconds())))
    clock.callLater(1, lambda: seen.append(("first", clock.seconds())))
    clock.advance(10)
    assert seen == [("first", 1), ("second", 2)]
    assert clock.seconds() == 10


def test_a_repeated_call_is_made_as_often_as_it_is_due() -> None:
    """Twisted's own ``Clock`` would make it once."""
    clock = StepClock()
    rung: list[float] = []

    def ring() -> None:
        rung.append(clock.seconds())
        clock.callLater(60, ring)

    clock.callLater(60, ring)
    clock.advance(3600)
    assert rung == [60.0 * minute for minute in range(1, 61)]


def test_what_is_due_at_the_very_end_is_called_and_what_is_due_later_is_not() -> None:
    clock = StepClock()
    called: list[str] = []
    clock.callLater(0.1 + 0.2, called.append, "at the end")
    clock.callLater(0.31, called.append, "later")
    clock.advance(0.1 + 0.2)
    assert called == ["at the end"]


def test_no_time_passes_with_0_and_what_is_due_is_done_with_what_follows_from_it() -> None:
    clock = StepClock()
    called: list[str] = []
    clock.callLater(0, clock.callLater, 0, called.append, "the consequence")
    clock.advance(0)
    assert (called, clock.seconds()) == (["the consequence"], 0)


def test_pumping_is_advancing_several_times() -> None:
    clock = StepClock()
    clock.pump([1, 2, 3])
    assert clock.seconds() == 6
