"""The stranger who holds most is closed when all of them hold too much."""

from __future__ import annotations

from cletus.meters import Counter
from cletus.reactor.held_memory import HeldMemory


class Stranger:
    def __init__(self, address: str) -> None:
        self.address = address
        self.is_aborted = False

    def abort(self) -> None:
        self.is_aborted = True


def test_the_largest_is_closed_and_the_others_stay() -> None:
    closed = Counter("closed", "")
    memory = HeldMemory(lambda: 100, closed)
    small, large, late = map(Stranger, "abc")
    memory.update(small, 30)
    memory.update(large, 60)
    memory.update(small, 40)
    assert not large.is_aborted
    memory.update(late, 1)
    assert (small.is_aborted, large.is_aborted, late.is_aborted) == (False, True, False)
    assert (memory.total, closed.value) == (41, 1)


def test_who_lets_go_is_not_counted() -> None:
    memory = HeldMemory(lambda: 100, Counter("closed", ""))
    strangers = [Stranger(str(number)) for number in range(10)]
    for stranger in strangers:
        memory.update(stranger, 90)
        memory.update(stranger, 0)
    assert memory.total == 0
    assert not any(stranger.is_aborted for stranger in strangers)


def test_0_means_no_limit() -> None:
    memory, stranger = HeldMemory(lambda: 0, Counter("closed", "")), Stranger("a")
    memory.update(stranger, 1 << 40)
    assert not stranger.is_aborted
