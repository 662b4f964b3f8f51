from twisted.internet.task import Clock

from cletus.reload.watch.debounce import Debouncer


class Busy:
    def __init__(self) -> None:
        self.now = False

    def __call__(self) -> bool:
        return self.now


def quiet(longest: float = 5, seconds: float = 0.2):
    clock, calls, busy = Clock(), [], Busy()

    def call() -> None:
        calls.append(round(clock.seconds(), 3))
        one.settle()

    one = Debouncer(clock, seconds, longest, call, busy)
    return clock, one, calls, busy


def run(clock: Clock, seconds: float) -> None:
    clock.pump([0.05] * round(seconds / 0.05))


def test_calls_once_after_the_last_disturbance():
    """Each disturbance begins the quiet time anew."""
    clock, one, calls, _ = quiet()
    for _ in range(10):
        one.trigger()
        clock.advance(0.1)
    assert calls == []
    run(clock, 1)
    assert calls == [1.1]


def test_undisturbed_it_never_calls():
    clock, _, calls, _ = quiet()
    run(clock, 10)
    assert calls == []


def test_calls_all_the_same_after_the_longest_while():
    """What never rests does not hold it up for ever."""
    clock, one, calls, _ = quiet(longest=2)
    for _ in range(30):
        one.trigger()
        clock.advance(0.1)
    assert calls
    assert 2 <= calls[0] <= 2.1


def test_the_longest_while_begins_anew_after_a_rest():
    clock, one, calls, _ = quiet(longest=2)
    one.trigger()
    run(clock, 3)
    one.trigger()
    assert not one.is_overdue
    run(clock, 0.1)
    assert len(calls) == 1
    run(clock, 0.2)
    assert len(calls) == 2


def test_no_longest_while_means_never():
    clock, one, calls, _ = quiet(longest=0)
    for _ in range(1000):
        one.trigger()
        clock.advance(0.1)
    assert calls == []


def test_busy_is_not_quiet():
    """While somebody is still writing, the end of the quiet time does not count."""
    clock, one, calls, busy = quiet()
    busy.now = True
    one.trigger()
    run(clock, 1)
    assert calls == []
    busy.now = False
    run(clock, 0.25)
    assert len(calls) == 1


def test_busy_for_too_long_is_not_waited_for():
    clock, one, calls, busy = quiet(longest=2)
    busy.now = True
    one.trigger()
    run(clock, 3)
    assert len(calls) == 1
    assert 2 <= calls[0] <= 2.1


def test_who_was_called_may_ask_for_another_quiet_time_within_the_same_longest_while():
    """A reader that finds a file half written disturbs again; that does not move the end."""
    clock, calls = Clock(), []

    def call() -> None:
        calls.append(one.is_overdue)
        if not one.is_overdue:
            one.trigger()

    one = Debouncer(clock, 0.2, 1, call)
    one.trigger()
    run(clock, 5)
    assert calls[-1]
    assert 4 <= len(calls) <= 6


def test_cancelled_it_does_not_call():
    clock, one, calls, _ = quiet()
    one.trigger()
    assert one.is_waiting
    one.cancel()
    assert not one.is_waiting
    run(clock, 5)
    assert calls == []
    assert clock.getDelayedCalls() == []


def test_disturbed_while_it_rests_it_calls_again():
    """A disturbance that comes before ``rest()`` is not lost by it."""
    clock, calls = Clock(), []

    def call() -> None:
        calls.append(clock.seconds())
        if len(calls) == 1:
            one.trigger()
        one.settle()

    one = Debouncer(clock, 0.2, 1, call)
    one.trigger()
    run(clock, 3)
    assert len(calls) == 2


def test_no_time_at_all_is_the_next_turn():
    clock, one, calls, _ = quiet(seconds=0)
    one.trigger()
    clock.advance(0)
    assert calls == [0]
