"""The stranger who holds most is closed when all of them hold too much."""

from __future__ import annotations

from cletus.meters import Counter
from cletus.reactor.held_memory import HeldMemory


class Stranger:
    def __init__(self, address: str) -> None:
        self.address = address
        self.held = 0
        self.is_aborted = False

    def abort(self) -> None:
        self.is_aborted = True


def test_the_largest_is_closed_and_the_others_stay() -> None:
    closed = Counter("closed", "")
    memory = HeldMemory(lambda: 100, closed)
    small, large, late = map(Stranger, "abc")
    for stranger, size in (small, 30), (large, 60), (small, 40):
        stranger.held = size
        memory.update(stranger)
    assert not large.is_aborted
    late.held = 1
    memory.update(late)
    assert (small.is_aborted, large.is_aborted, late.is_aborted) == (False, True, False)
    assert (memory.total, closed.value) == (41, 1)


def test_who_lets_go_is_not_counted() -> None:
    memory = HeldMemory(lambda: 100, Counter("closed", ""))
    strangers = [Stranger(str(number)) for number in range(10)]
    for stranger in strangers:
        for stranger.held in (90, 0):
            memory.update(stranger)
    assert memory.total == 0
    assert not any(stranger.is_aborted for stranger in strangers)


def test_0_means_no_limit() -> None:
    memory, stranger = HeldMemory(lambda: 0, Counter("closed", "")), Stranger("a")
    stranger.held = 1 << 40
    memory.update(stranger)
    assert not stranger.is_aborted


def test_the_largest_is_measured_again_before_it_is_closed() -> None:
    """What waited for a peer may have gone out since, and nobody has said so."""
    memory = HeldMemory(lambda: 100, Counter("closed", ""))
    former, large, late = map(Stranger, "abc")
    for stranger, size in (former, 90), (large, 10):
        stranger.held = size
        memory.update(stranger)
    former.held, large.held, late.held = 5, 70, 60
    memory.update(large)
    assert (former.is_aborted, memory.total) == (False, 75)
    memory.update(late)
    assert (former.is_aborted, large.is_aborted, late.is_aborted) == (False, True, False)


def test_as_many_are_closed_as_it_takes() -> None:
    memory = HeldMemory(lambda: 100, Counter("closed", ""))
    strangers = [Stranger(str(number)) for number in range(4)]
    for stranger in strangers:
        stranger.held = 25
        memory.update(stranger)
    strangers[0].held = 80
    memory.update(strangers[0])
    assert [stranger.is_aborted for stranger in strangers] == [True, False, False, False]
