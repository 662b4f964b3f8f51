"""What every bus must do; run against each of them.

Subclass ``BusConformance`` in a test module and give it a fixture ``rig``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import pytest
from twisted.internet.defer import Deferred

from cletus.cluster.bus import (
    ENTRY_MAX,
    REQUESTS,
    TELLS,
    Bus,
    Entry,
    Lease,
    answers_to,
    frames_for,
)
from cletus.errors import BusClosed, BusFull, EntryTooLarge


class Rig(Protocol):
    """An engine that is empty, and what a test does to it."""

    def bus(self, *, backlog: int = ...) -> Bus:
        """Another process's connection to the engine, opened; it is closed after the test."""

    def wait(self, answer: Deferred[Any]) -> Any:
        """The result; fails after some seconds."""
        results: list[Any] = []
        errors: list[Any] = []
        answer.addCallbacks(results.append, errors.append)
        self.until(lambda: results or errors)
        if errors:
            errors[0].raiseException()
        return results[0]

    def until(self, condition: Callable[[], Any]) -> None:
        """Wait until this is true; fails after some seconds."""

    def sleep(self, seconds: float) -> None:
        """Let time pass, for leases."""

    def stop(self) -> None:
        """The engine answers nobody, and remembers everything."""

    def start(self) -> None:
        """It answers again."""

    def forget(self) -> None:
        """The engine loses everything, and answers. Its clock is right from then on."""

    def run_ahead(self) -> None:
        """The clock of the engine, which is empty, is an hour ahead: that of ``in`` and ``out:g``."""


class Heard:
    """What was read from a stream."""

    def __init__(self, bus: Bus, stream: str) -> None:
        self.entries: list[Entry] = []
        self.end = bus.read(stream, self.entries.extend)

    @property
    def data(self) -> list[bytes]:
        return [entry.data for entry in self.entries]


class BusConformance:
    """The contract of ``cletus.cluster.bus.Bus``."""

    def test_one_of_two_claims_succeeds(self, rig: Rig) -> None:
        """The other is answered 0, until the lease is over."""
        ann, bob = rig.bus(), rig.bus()
        assert rig.wait(ann.lease(0.5)) is Lease.NONE
        epoch = rig.wait(ann.claim(0.5))
        assert epoch > 0
        assert rig.wait(bob.lease(30)) is Lease.HELD
        assert rig.wait(bob.claim(0.5)) == 0
        rig.sleep(0.6)
        assert rig.wait(bob.lease(30)) is Lease.NONE
        assert rig.wait(bob.claim(0.5)) > epoch

    @pytest.mark.parametrize("count", [2, 8])
    def test_of_several_that_race_one_has_each_epoch(self, rig: Rig, count: int) -> None:
        buses = [rig.bus() for _ in range(count)]
        epochs = []
        for _ in range(5):
            claims = [bus.claim(30) for bus in buses]
            won = [epoch for epoch in map(rig.wait, claims) if epoch]
            assert len(won) == 1
            epochs += won
            assert rig.wait(buses[0].release(won[0])) == won[0]
        assert epochs == sorted(set(epochs))

    def test_a_lease_that_is_renewed_is_held(self, rig: Rig) -> None:
        ann, bob = rig.bus(), rig.bus()
        epoch = rig.wait(ann.claim(0.4))
        for _ in range(3):
            rig.sleep(0.2)
            assert rig.wait(ann.renew(epoch, 0.4)) == epoch
        assert rig.wait(bob.lease(30)) is Lease.HELD

    def test_one_who_leaves_invites_the_next(self, rig: Rig) -> None:
        """The next claims at once."""
        ann, bob = rig.bus(), rig.bus()
        epoch = rig.wait(ann.claim(30))
        assert rig.wait(ann.release(epoch)) == epoch
        assert rig.wait(bob.lease(30)) is Lease.FREE
        assert rig.wait(bob.claim(30)) > epoch
        assert rig.wait(bob.lease(30)) is Lease.HELD

    def test_an_earlier_epoch_is_refused(self, rig: Rig) -> None:
        """Whatever it asks for has no effect, and the answer is the epoch in force."""
        ann, bob = rig.bus(), rig.bus()
        old = rig.wait(ann.claim(0.3))
        rig.wait(ann.checkpoint(old, {"user/ann": b"1"}))
        rig.wait(ann.set_code(old, b"code"))
        rig.wait(bob.tell(b"from a gateway"))
        rig.wait(bob.ack("g", b"ack", ""))
        rig.sleep(0.4)
        new = rig.wait(bob.claim(30))
        heard = Heard(bob, frames_for("g"))
        rig.wait(bob.announce("g", b""))
        for refused in (
            ann.turn(old, {"g": b"late"}),
            ann.renew(old, 30),
            ann.release(old),
            ann.lose(old, "g"),
            ann.checkpoint(old, {"user/ann": b"2"}, ["user/bob"]),
            ann.set_code(old, b"late"),
        ):
            assert rig.wait(refused) == new
        assert rig.wait(bob.lease(30)) is Lease.HELD
        assert rig.wait(bob.session()) == {"user/ann": b"1"}
        assert rig.wait(bob.code()) == b"code"
        assert [node.name for node in rig.wait(bob.nodes())] == ["g"]
        assert rig.wait(bob.turn(new, {"g": b"mine"})) == new
        rig.until(lambda: heard.data)
        assert heard.data == [b"mine"]

    def test_a_turn_reaches_all_its_gateways(self, rig: Rig) -> None:
        """In the order of the turns."""
        primary, gateway = rig.bus(), rig.bus()
        epoch = rig.wait(primary.claim(30))
        ann, bob = (Heard(gateway, frames_for(name)) for name in ("a", "b"))
        for number in range(3):
            primary.turn(epoch, {"a": b"a%d" % number, "b": b"b%d" % number})
        primary.turn(epoch, {"b": b"b3"})
        rig.until(lambda: len(bob.entries) == 4)
        rig.until(lambda: len(ann.entries) == 3)
        assert ann.data == [b"a0", b"a1", b"a2"]
        assert bob.data == [b"b0", b"b1", b"b2", b"b3"]

    def test_what_gateways_tell_comes_in_order(self, rig: Rig) -> None:
        """Any bytes; what was told before the claim does not come."""
        primary, gateway = rig.bus(), rig.bus()
        rig.wait(gateway.tell(b"to the one before"))
        rig.wait(primary.claim(30))
        heard = Heard(primary, TELLS)
        told = [b"", b"\0\xff\r\n", b"x" * 100_000, *(b"%d" % n for n in range(500))]
        for data in told:
            gateway.tell(data)
        rig.until(lambda: len(heard.entries) == len(told))
        assert heard.data == told
        assert gateway.waiting == 0

    def test_what_is_not_needed_again_is_removed(self, rig: Rig) -> None:
        """By a turn, by an ack; who reads later reads the rest."""
        primary, gateway = rig.bus(), rig.bus()
        epoch = rig.wait(primary.claim(30))
        told, frames = Heard(primary, TELLS), Heard(gateway, frames_for("g"))
        for data in (b"1", b"2", b"3"):
            gateway.tell(data)
            primary.turn(epoch, {"g": data})
        rig.until(lambda: len(told.entries) == len(frames.entries) == 3)
        rig.wait(primary.turn(epoch, {}, told.entries[1].cursor))
        rig.wait(gateway.ack("g", b"2 of 3", frames.entries[1].cursor))
        assert rig.wait(primary.acks()) == {"g": b"2 of 3"}
        other = rig.bus()
        told, frames = Heard(other, TELLS), Heard(other, frames_for("g"))
        rig.until(lambda: told.entries and frames.entries)
        assert told.data == frames.data == [b"3"]

    def test_a_lost_gateway_leaves_nothing(self, rig: Rig) -> None:
        primary, gateway = rig.bus(), rig.bus()
        epoch = rig.wait(primary.claim(30))
        rig.wait(primary.turn(epoch, {"g": b"1"}))
        rig.wait(gateway.announce("g", b"here"))
        rig.wait(gateway.ack("g", b"ack", ""))
        assert rig.wait(primary.lose(epoch, "g")) == epoch
        assert rig.wait(primary.acks()) == {}
        assert rig.wait(primary.nodes()) == []
        frames = Heard(gateway, frames_for("g"))
        rig.wait(primary.turn(epoch, {"g": b"2"}))
        rig.until(lambda: frames.entries)
        assert frames.data == [b"2"]

    def test_reading_ends_when_it_is_ended(self, rig: Rig) -> None:
        primary, gateway = rig.bus(), rig.bus()
        rig.wait(primary.claim(30))
        ended, going = Heard(primary, TELLS), Heard(primary, REQUESTS)
        rig.wait(gateway.tell(b"1"))
        rig.until(lambda: ended.entries)
        ended.end()
        rig.wait(gateway.tell(b"2"))
        rig.wait(gateway.post(REQUESTS, b"3"))
        rig.until(lambda: going.entries)
        assert ended.data == [b"1"]

    def test_a_reader_that_raises_keeps_the_others_from_nothing(self, rig: Rig, log: Any) -> None:
        """The error is logged; the reader gets what comes later."""
        bus, later = rig.bus(), []

        def receive(entries: Any) -> None:
            later.extend(entry.data for entry in entries)
            raise ValueError("a reader's mistake")

        rig.wait(bus.claim(30))
        bus.read(TELLS, receive)
        other = Heard(bus, REQUESTS)
        rig.wait(bus.tell(b"1"))
        rig.until(lambda: later)
        rig.wait(bus.post(REQUESTS, b"2"))
        rig.wait(bus.tell(b"3"))
        rig.until(lambda: len(later) == 2 and other.entries)
        assert ["mistake" in failure for failure in log.take_failures()] == [True, True]

    def test_a_request_gets_its_answer(self, rig: Rig) -> None:
        """A request before the claim does not come: it was for the primary before."""
        primary, asking = rig.bus(), rig.bus()
        rig.wait(asking.post(REQUESTS, b"old"))
        rig.wait(primary.claim(30))
        requests, answers = Heard(primary, REQUESTS), Heard(asking, answers_to("7f"))
        rig.wait(asking.post(REQUESTS, b"status 7f"))
        rig.until(lambda: requests.entries)
        rig.wait(primary.post(answers_to("7f"), b"all is well"))
        rig.until(lambda: answers.entries)
        assert (requests.data, answers.data) == ([b"status 7f"], [b"all is well"])

    def test_nodes_have_an_age(self, rig: Rig) -> None:
        bus = rig.bus()
        rig.wait(bus.announce("b", b"1"))
        rig.sleep(0.2)
        rig.wait(bus.announce("a", b"2"))
        rig.wait(bus.announce("c", b"3"))
        rig.wait(bus.leave("c"))
        first, second = rig.wait(bus.nodes())
        assert (first.name, first.data, second.name, second.data) == ("a", b"2", "b", b"1")
        assert 0.0 <= first.age < second.age < 10.0
        assert second.age >= 0.19

    def test_a_session_and_the_code_are_values(self, rig: Rig) -> None:
        """A claim keeps them."""
        bus = rig.bus()
        assert rig.wait(bus.session()) == {}
        assert rig.wait(bus.code()) == b""
        epoch = rig.wait(bus.claim(30))
        large = b"\xff" * (2 * ENTRY_MAX)
        rig.wait(bus.checkpoint(epoch, {"user/ann": b"1", "user/bob": b"2", "n": large}))
        rig.wait(bus.checkpoint(epoch, {"user/ann": b"3"}, ["user/bob", "user/nobody"]))
        rig.wait(bus.set_code(epoch, large))
        rig.wait(bus.release(epoch))
        other = rig.bus()
        assert rig.wait(other.claim(30)) > epoch
        assert rig.wait(other.session()) == {"user/ann": b"3", "n": large}
        assert rig.wait(other.code()) == large

    def test_commands_wait_while_the_engine_is_stopped(self, rig: Rig) -> None:
        """They are carried out in order, each once."""
        primary, gateway = rig.bus(), rig.bus()
        epoch = rig.wait(primary.claim(300))
        told, frames = Heard(primary, TELLS), Heard(gateway, frames_for("g"))
        rig.wait(gateway.tell(b"0"))
        rig.wait(primary.turn(epoch, {"g": b"0"}))
        rig.stop()
        for number in range(1, 50):
            gateway.tell(b"%d" % number)
            turn = primary.turn(epoch, {"g": b"%d" % number})
        assert gateway.waiting > 0
        rig.until(lambda: gateway.silence > 0.2)
        rig.start()
        assert rig.wait(turn) == epoch
        rig.until(lambda: len(told.entries) >= 50 and len(frames.entries) >= 50)
        assert told.data == frames.data == [b"%d" % number for number in range(50)]
        assert gateway.silence == 0.0
        assert primary.waiting == gateway.waiting == 0

    def test_an_engine_that_forgot_knows_no_epoch(self, rig: Rig) -> None:
        """What is fenced has no effect; the next epoch is higher than all before; reading goes on."""
        primary, gateway = rig.bus(), rig.bus()
        epoch = rig.wait(primary.claim(30))
        told, frames = Heard(primary, TELLS), Heard(gateway, frames_for("g"))
        for _ in range(3):
            rig.wait(gateway.tell(b"before"))
            rig.wait(primary.turn(epoch, {"g": b"before"}))
        rig.until(lambda: len(told.entries) == len(frames.entries) == 3)
        rig.forget()
        rig.sleep(
            0.01
        )  # an engine names entries by the millisecond: the same name would not be new
        assert rig.wait(primary.renew(epoch, 30)) == 0
        assert rig.wait(primary.turn(epoch, {"g": b"lost"})) == 0
        assert rig.wait(primary.lease(30)) is Lease.NONE
        again = rig.wait(primary.claim(30, after=epoch + 10**6))
        assert again > epoch + 10**6
        rig.wait(primary.turn(again, {"g": b"after"}))
        rig.wait(gateway.tell(b"after"))
        rig.until(lambda: b"after" in told.data and b"after" in frames.data)
        assert b"lost" not in frames.data

    def test_an_engine_whose_clock_was_set_back_keeps_what_nobody_has_read(self, rig: Rig) -> None:
        """What it is told to remove was read before it was emptied, and has later names than what came since."""
        rig.run_ahead()
        primary, gateway = rig.bus(), rig.bus()
        epoch = rig.wait(primary.claim(30))
        told, frames = Heard(primary, TELLS), Heard(gateway, frames_for("g"))
        rig.wait(gateway.tell(b"before"))
        rig.wait(primary.turn(epoch, {"g": b"before"}))
        rig.until(lambda: told.entries and frames.entries)
        rig.forget()
        again = rig.wait(primary.claim(30, after=epoch))
        assert again > epoch
        rig.wait(gateway.tell(b"after"))
        rig.wait(primary.turn(again, {"g": b"after"}, told.entries[0].cursor))
        rig.wait(gateway.ack("g", b"ack", frames.entries[0].cursor))
        rig.until(lambda: len(told.entries) == len(frames.entries) == 2)
        assert told.data == frames.data == [b"before", b"after"]

    def test_a_lease_that_lasts_far_too_long_is_none(self, rig: Rig) -> None:
        """It was given before the engine's clock was set back."""
        ann, bob = rig.bus(), rig.bus()
        epoch = rig.wait(ann.claim(3600))
        assert rig.wait(bob.lease(360)) is Lease.HELD
        assert rig.wait(bob.claim(360)) == 0
        assert rig.wait(bob.lease(359)) is Lease.NONE
        assert rig.wait(bob.claim(359)) > epoch

    def test_who_has_the_lease_may_claim_a_later_epoch(self, rig: Rig) -> None:
        """Nobody else may."""
        ann, bob = rig.bus(), rig.bus()
        epoch = rig.wait(ann.claim(30))
        assert rig.wait(bob.claim(30, after=epoch, held=epoch - 1)) == 0
        again = rig.wait(ann.claim(30, after=epoch + 10**6, held=epoch))
        assert again > epoch + 10**6
        assert rig.wait(bob.lease(30)) is Lease.HELD

    def test_c16_the_backlog_is_bounded(self, rig: Rig) -> None:
        """Past it a command is refused; a lease can be renewed all the while."""
        primary = rig.bus(backlog=1400)
        epoch = rig.wait(primary.claim(300))
        frames = Heard(primary, frames_for("g"))
        rig.stop()
        kept = [primary.turn(epoch, {"g": b"x" * 300}) for _ in range(3)]
        refused = (
            primary.turn(epoch, {"g": b"x" * 300}),
            primary.tell(b"x" * 300),
            primary.checkpoint(epoch, {"name": b"x" * 300}),
        )
        for command in refused:
            with pytest.raises(BusFull, match="cluster_backlog is 1,400") as caught:
                rig.wait(command)
            assert 1200 <= caught.value.waiting <= 1400
        renewed = primary.renew(epoch, 300)
        rig.start()
        assert [rig.wait(turn) for turn in kept] == [epoch] * 3
        assert rig.wait(renewed) == epoch
        rig.until(lambda: len(frames.entries) == 3)

    def test_an_entry_that_is_too_large_is_refused(self, rig: Rig) -> None:
        bus = rig.bus()
        epoch = rig.wait(bus.claim(30))
        large = b"x" * (ENTRY_MAX + 1)
        for refused in (bus.tell(large), bus.turn(epoch, {"a": b"", "g": large})):
            with pytest.raises(EntryTooLarge, match="larger than 1,048,576"):
                rig.wait(refused)

    def test_a_closed_bus_answers_so(self, rig: Rig) -> None:
        """Also what was under way; closing twice is harmless."""
        bus = rig.bus()
        rig.wait(bus.lease(30))
        rig.stop()
        under_way = bus.tell(b"1")
        closed = bus.close()
        with pytest.raises(BusClosed):
            rig.wait(under_way)
        rig.wait(closed)
        rig.wait(bus.close())
        with pytest.raises(BusClosed):
            rig.wait(bus.lease(30))
        rig.start()
