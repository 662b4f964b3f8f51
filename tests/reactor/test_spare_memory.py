"""After many have left, memory is given back, once for all of them."""

from __future__ import annotations

import gc
import linecache
import weakref

import pytest
from twisted.internet.task import Clock

from cletus.reactor import spare_memory
from cletus.reactor.spare_memory import DELAY, INTERVAL, LEFT_MIN, SpareMemory, give_back


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    times: list[int] = []
    monkeypatch.setattr(spare_memory, "give_back", lambda: times.append(1))
    return times


def test_it_is_given_back_once_after_a_wave(times: list[int]) -> None:
    clock = Clock()
    memory = SpareMemory(clock)
    for _ in range(3 * LEFT_MIN):
        memory.left()
    clock.advance(DELAY)
    memory.left()
    clock.advance(DELAY)
    assert times == [], "somebody has just left"
    clock.advance(DELAY)
    assert times == [1]
    assert clock.getDelayedCalls() == []


def test_a_few_who_leave_cost_nothing(times: list[int]) -> None:
    clock = Clock()
    memory = SpareMemory(clock)
    for _ in range(LEFT_MIN - 1):
        memory.left()
    assert clock.getDelayedCalls() == []


def test_those_who_come_and_go_for_ever_cost_little(times: list[int]) -> None:
    clock = Clock()
    memory = SpareMemory(clock)
    for second in range(600):
        clock.advance(1)
        if second % 100 < 80:
            for _ in range(LEFT_MIN):
                memory.left()
    assert 4 <= len(times) <= 600 / INTERVAL + 1


def test_what_lies_in_cycles_is_freed() -> None:
    class Knot:
        """Refers to itself."""

    knot = Knot()
    knot.itself = knot  # type: ignore[attr-defined]  # a cycle
    gone = weakref.ref(knot)
    gc.disable()
    try:
        del knot
        give_back()
        assert gone() is None
    finally:
        gc.enable()


def test_lines_of_files_that_tracebacks_have_shown_are_forgotten() -> None:
    """They are thousands of small strings, which keep pieces of the heap. What cannot be read again stays."""
    generated = (4, None, ["line\n"], "<generated>")
    linecache.cache["<generated>"] = generated
    linecache.getlines(__file__)
    try:
        give_back()
        assert __file__ not in linecache.cache
        assert linecache.cache["<generated>"] == generated
    finally:
        del linecache.cache["<generated>"]
