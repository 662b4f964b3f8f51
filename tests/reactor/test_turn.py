"""Calls at the end of a reactor turn are made once."""

from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher

from cletus.reactor.turn import Turn


def test_a_call_asked_for_twice_in_a_turn_is_made_once():
    clock, calls = Clock(), []
    turn = Turn(clock.callLater)

    def call() -> None:
        calls.append(1)

    turn.at_end(call)
    turn.at_end(call)
    assert calls == []
    clock.advance(0)
    assert calls == [1]
    turn.at_end(call)
    clock.advance(0)
    assert calls == [1, 1]


def test_what_fails_at_the_end_of_a_turn_costs_nobody_else_their_output():
    clock, calls, logged = Clock(), [], []
    turn = Turn(clock.callLater)
    turn.at_end(lambda: 1 / 0)
    turn.flush(lambda: 1 / 0)
    turn.flush(lambda: calls.append(1))
    globalLogPublisher.addObserver(logged.append)
    try:
        clock.advance(0)
    finally:
        globalLogPublisher.removeObserver(logged.append)
    assert calls == [1]
    assert len(logged) == 2


def test_what_is_held_back_is_made_once_it_is_wanted_or_never():
    clock, calls, logged = Clock(), [], []
    turn = Turn(clock.callLater)
    turn.flush(lambda: calls.append("flushed first"))
    assert not turn.holds(calls.append, "not held")
    turn.hold()
    assert calls == ["flushed first"]
    assert turn.holds(calls.append, "a")
    turn.release(wanted=False)
    turn.hold()
    assert turn.holds(lambda: 1 / 0)
    assert turn.holds(calls.append, "b")
    globalLogPublisher.addObserver(logged.append)
    try:
        turn.release(wanted=True)
    finally:
        globalLogPublisher.removeObserver(logged.append)
    assert calls == ["flushed first", "b"]
    assert len(logged) == 1
    assert not turn.holds(calls.append, "c")


def test_what_comes_after_a_turn_comes_after_its_flushes_and_before_anything_is_held_back():
    clock, calls = Clock(), []
    turn = Turn(clock.callLater)
    turn.after = lambda: calls.append("after")
    turn.flush(lambda: calls.append("flush"))
    turn.at_end(lambda: calls.append("call"))
    clock.advance(0)
    assert calls == ["call", "flush", "after"]
    turn.flush(lambda: calls.append("flush"))
    turn.hold()
    assert calls[3:] == ["flush", "after"]
