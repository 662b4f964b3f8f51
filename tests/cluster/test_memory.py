"""The bus in memory is a bus; and it can be made to lose, repeat, delay and forget."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.task import Clock

from cletus.cluster.bus import TELLS, Bus, frames_for
from cletus.cluster.memory import MemoryBus, MemoryEngine
from tests.cluster.conformance import BusConformance, Heard, Rig


class MemoryRig(Rig):
    """A ``MemoryEngine`` whose clock a test advances."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_000_000)
        self.engine = MemoryEngine(self.clock)

    def bus(self, *, backlog: int = 1024 * 1024 * 16) -> MemoryBus:
        bus = MemoryBus(self.engine, backlog=backlog)
        bus.open()
        return bus

    def until(self, condition: Callable[[], Any]) -> None:
        for _ in range(1000):
            if condition():
                return
            self.clock.advance(0.01)
        raise AssertionError("it does not come true")

    def sleep(self, seconds: float) -> None:
        for _ in range(round(seconds * 100)):
            self.clock.advance(0.01)

    def stop(self) -> None:
        self.engine.stop()

    def start(self) -> None:
        self.engine.start()

    def forget(self) -> None:
        self.engine.forget()
        self.engine.ahead = 0.0

    def run_ahead(self) -> None:
        self.engine.ahead = 3600.0


@pytest.fixture
def rig() -> MemoryRig:
    return MemoryRig()


class TestMemoryBus(BusConformance):
    """In memory."""


def told_and_heard(rig: MemoryRig) -> tuple[MemoryBus, MemoryBus, int, Heard]:
    primary, gateway = rig.bus(), rig.bus()
    epoch = rig.wait(primary.claim(30))
    return primary, gateway, epoch, Heard(gateway, frames_for("g"))


def test_a_command_whose_answer_was_lost_is_carried_out_once(rig: MemoryRig) -> None:
    primary, gateway, epoch, frames = told_and_heard(rig)
    told = Heard(primary, TELLS)
    for bus in (primary, gateway):
        bus.cut(loses_answers=True)
    turn, tell = primary.turn(epoch, {"g": b"1"}), gateway.tell(b"1")
    rig.sleep(1)
    assert not turn.called
    assert not tell.called
    for bus in (primary, gateway):
        bus.mend()
    assert rig.wait(turn) == epoch
    rig.wait(tell)
    rig.until(lambda: frames.entries and told.entries)
    rig.sleep(1)
    assert frames.data == told.data == [b"1"]


def test_a_claim_whose_answer_was_lost_has_its_epoch(rig: MemoryRig) -> None:
    ann, bob = rig.bus(), rig.bus()
    ann.cut(loses_answers=True)
    claim = ann.claim(30)
    rig.sleep(1)
    assert rig.wait(bob.claim(30)) == 0
    ann.mend()
    epoch = rig.wait(claim)
    assert epoch > 0
    assert rig.wait(ann.renew(epoch, 30)) == epoch


def test_a_claim_that_is_repeated_late_takes_nothing(rig: MemoryRig) -> None:
    """Another has claimed meanwhile; this one's answer is 0."""
    ann, bob = rig.bus(), rig.bus()
    ann.cut(loses_answers=True)
    claim = ann.claim(1)
    rig.sleep(2)
    epoch = rig.wait(bob.claim(1))
    rig.sleep(2)
    ann.mend()
    assert rig.wait(claim) == 0
    assert rig.wait(bob.renew(epoch, 30)) == epoch


def test_an_old_copy_is_read_from_the_beginning(rig: MemoryRig) -> None:
    """An entry may come twice, and one that the copy lacks is lost: the ledgers see to both."""
    primary, _, epoch, frames = told_and_heard(rig)
    rig.wait(primary.turn(epoch, {"g": b"1"}))
    copy = rig.engine.snapshot()
    rig.wait(primary.turn(epoch, {"g": b"2"}))
    rig.until(lambda: len(frames.entries) == 2)
    rig.stop()
    rig.engine.restore(copy)
    rig.start()
    assert rig.wait(primary.turn(epoch, {"g": b"3"})) == epoch
    rig.until(lambda: b"3" in frames.data)
    assert frames.data in ([b"1", b"2", b"3"], [b"1", b"2", b"1", b"3"])


def test_entries_are_dropped_repeated_and_delayed(rig: MemoryRig) -> None:
    primary, _, epoch, frames = told_and_heard(rig)
    rig.engine.delay = 2.0
    for data in (b"1", b"2", b"3"):
        primary.turn(epoch, {"g": data})
    rig.sleep(1.9)
    assert primary.waiting
    rig.sleep(0.2)
    assert not frames.entries
    rig.engine.drop(frames_for("g"))
    rig.engine.repeat(frames_for("g"))
    rig.until(lambda: frames.entries)
    assert frames.data == [b"1", b"2", b"2"]


def test_it_is_a_bus(rig: MemoryRig) -> None:
    """As mypy sees it."""
    bus: Bus = rig.bus()
    assert bus.waiting == 0
