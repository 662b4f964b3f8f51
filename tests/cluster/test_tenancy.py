"""Who is the primary: claims in five answers, renewals, and the two ways to learn that it is over."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from cletus.cluster.bus import Lease, frames_for
from cletus.cluster.memory import MemoryBus, MemoryEngine
from cletus.cluster.tenancy import LOOK, LOOKS, RENEW, State, Tenancy
from cletus.errors import ServiceStopped
from cletus.testing import Log
from tests.cluster.conformance import Heard

LEASE = 6.0


class Process:
    """One that wants to be the primary.

    Attributes:
        epochs: those that it has had.
        fenced: how often it was told that another is the primary.
    """

    def __init__(self, engine: MemoryEngine) -> None:
        self.bus = MemoryBus(engine)
        self.bus.open()
        self.epochs: list[int] = []
        self.fenced = 0
        self.tenancy = Tenancy(
            self.bus, engine.clock, lease=LEASE, fenced=self._end, reclaimed=self.epochs.append
        )
        self.failures: list[Failure] = []
        self.tenancy.wait().addCallbacks(self.epochs.append, self.failures.append)

    def _end(self) -> None:
        self.fenced += 1


class House:
    """An engine and the time."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_000_000)
        self.engine = MemoryEngine(self.clock)

    def process(self) -> Process:
        return Process(self.engine)

    def advance(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.01)):
            self.clock.advance(0.01)


@pytest.fixture
def house(log: Log) -> House:
    return House()


def primary(house: House) -> Process:
    process = house.process()
    house.advance(1)
    assert process.tenancy.state is State.PRIMARY
    return process


def test_a_standby_claims_after_five_answers(house: House) -> None:
    """0.1 seconds apart, and not before."""
    process = house.process()
    house.advance(LOOK * (LOOKS - 1) - 0.02)
    assert process.tenancy.state is State.STANDBY
    house.advance(0.1)
    assert process.tenancy.state is State.PRIMARY
    assert process.epochs == [process.tenancy.epoch]


def test_answers_are_counted_and_not_time(house: House) -> None:
    """An engine that was away for long answers a standby once at first."""
    process = house.process()
    house.advance(0.15)
    house.engine.stop()
    house.advance(100)
    house.engine.start()
    house.advance(0.15)
    assert process.tenancy.state is State.STANDBY
    house.advance(0.3)
    assert process.tenancy.state is State.PRIMARY


def test_a_primary_stays_it(house: House) -> None:
    first, second = primary(house), house.process()
    house.advance(10 * LEASE)
    assert (first.tenancy.state, second.tenancy.state) == (State.PRIMARY, State.STANDBY)
    assert first.fenced == 0


def test_of_eight_one_is_the_primary(house: House) -> None:
    """And one after the other, each with a later epoch."""
    processes = [house.process() for _ in range(8)]
    epochs = []
    for _ in range(8):
        house.advance(LEASE + 1)
        (process,) = [each for each in processes if each.tenancy.state is State.PRIMARY]
        epochs += process.epochs
        process.tenancy.stop()
    assert len(epochs) == 8
    assert epochs == sorted(set(epochs))


def test_a_silent_primary_is_succeeded(house: House) -> None:
    """In its lease and the standby's five answers; when it is heard again it is told, once."""
    first, second = primary(house), house.process()
    house.advance(1)
    first.bus.cut()
    house.advance(LEASE - RENEW - 0.1)
    assert second.tenancy.state is State.STANDBY
    house.advance(RENEW + 0.7)
    assert second.tenancy.state is State.PRIMARY
    assert first.fenced == 0
    first.bus.mend()
    house.advance(0.1)
    assert first.fenced == 1
    assert first.tenancy.state is State.OVER
    house.advance(2 * LEASE)
    assert first.fenced == 1
    assert second.epochs[0] > first.epochs[0]


def test_a_primary_that_leaves_is_succeeded_at_once(house: House) -> None:
    first, second = primary(house), house.process()
    house.advance(1)
    released = []
    first.tenancy.release().addCallback(released.append)
    house.advance(0.2)
    assert released == [None]
    assert second.tenancy.state is State.PRIMARY
    assert first.fenced == 0


def test_a_primary_of_an_engine_that_forgot_stays_it(house: House) -> None:
    """It claims before a standby does, with a later epoch."""
    first, second = primary(house), house.process()
    house.advance(1)
    for _ in range(3):
        house.engine.forget()
        house.advance(2)
    assert (first.tenancy.state, second.tenancy.state) == (State.PRIMARY, State.STANDBY)
    assert first.fenced == 0
    assert len(first.epochs) == 4
    assert first.epochs == sorted(set(first.epochs))


def test_c5_a_primary_that_comes_back_after_another_has_claimed_is_fenced(house: House) -> None:
    """Also if the engine has forgotten all, and the other's epoch with it."""
    first, second = primary(house), house.process()
    house.advance(1)
    first.bus.cut()
    house.engine.forget()
    house.advance(1)
    assert second.tenancy.state is State.PRIMARY
    first.bus.mend()
    house.advance(0.5)
    assert first.fenced == 1
    assert second.fenced == 0


def test_an_old_copy_of_the_engine_is_claimed_anew(house: House) -> None:
    """It has the epoch before; the primary of that is long gone."""
    first = primary(house)
    copy = house.engine.snapshot()
    first.tenancy.stop()
    second = house.process()
    house.advance(LEASE + 1)
    assert second.tenancy.state is State.PRIMARY
    house.engine.restore(copy)
    house.advance(LEASE + 1)
    assert second.fenced == 0
    assert len(second.epochs) == 2
    assert second.epochs[1] > second.epochs[0] > first.epochs[0]


def test_an_answer_to_a_turn_tells_as_well(house: House) -> None:
    """``check()`` says whether the turn was taken."""
    first = primary(house)
    heard = Heard(first.bus, frames_for("g"))
    checked: list[bool] = []

    def turn(process: Process) -> None:
        answer = process.bus.turn(process.tenancy.epoch, {"g": b"1"})
        answer.addCallback(process.tenancy.check).addCallback(checked.append)
        house.advance(0.02)

    turn(first)
    house.engine.forget()
    turn(first)
    turn(first)
    assert checked == [True, False, True]
    second = house.process()
    first.bus.cut()
    house.advance(LEASE + 1)
    assert second.tenancy.state is State.PRIMARY
    first.bus.mend()
    turn(first)
    assert checked[-1] is False
    assert first.fenced == 1
    house.advance(1)
    assert heard.data == [b"1"] * 2


def test_a_standby_that_is_stopped_claims_nothing(house: House) -> None:
    """Also if its claim was on its way: it gives back what it got."""
    process = house.process()
    house.engine.delay = 0.2
    house.advance(1.35)
    process.tenancy.stop()
    house.advance(5)
    assert process.epochs == []
    assert process.failures[0].check(ServiceStopped)
    other = house.bus = MemoryBus(house.engine)
    other.open()
    answers: list[Lease] = []
    other.lease(30).addCallback(answers.append)
    house.advance(1)
    assert answers[0] is not Lease.HELD


def test_a_bus_that_is_closed_ends_it_quietly(house: House, log: Log) -> None:
    for process in (primary(house), house.process()):
        process.bus.close()
        house.advance(10)
    assert not log.take_failures()
