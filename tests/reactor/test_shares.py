"""The time of the reactor is divided by address, and by connection within an address."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from cletus.meters import Counter
from cletus.reactor.clock import ServiceClock
from cletus.reactor.shares import BURST, SLICE, TURN, Share, Shares, Slice

RATE = 0.25


class Reactor(Clock):
    """A clock whose time passes while work is done, as a real one's does."""

    def __init__(self) -> None:
        super().__init__()
        self.used = 0.0

    def meter(self) -> float:
        return self.used

    def turn(self) -> None:
        """Make the calls that are due now, and not those that they ask for: ``advance`` would never end."""
        for call in [call for call in self.calls if call.getTime() <= self.seconds()]:
            if call.active():
                self.calls.remove(call)
                call.called = 1
                call.func(*call.args, **call.kw)

    def run(self, seconds: float) -> None:
        """Let so much time pass, in turns that take a millisecond, or as long as what is done in them."""
        end = self.seconds() + seconds
        while self.seconds() < end:
            before = self.used
            self.turn()
            self.rightNow += max(0.001, self.used - before)


class Peer:
    """A connection that has an amount of work, in seconds; each step of it takes ``step``."""

    def __init__(
        self, stage: Stage, host: str, amount: float = 0.0, *, step: float = 0.0005
    ) -> None:
        self._reactor = stage.reactor
        self.left = amount
        self.used = 0.0
        self.turns: list[float] = []
        self._step = step
        self.share: Share = stage.shares.join(host, self._work)

    def _work(self, current: Slice) -> bool:
        self.turns.append(self._reactor.seconds())
        while self.left > 1e-9:
            self._reactor.used += self._step
            self.used += self._step
            self.left -= self._step
            if current.is_over:
                return self.left > 1e-9
        return False

    def send(self, amount: float) -> None:
        self.left += amount
        self.share.run()


class Stage:
    """Shares, and those who want them."""

    def __init__(self, rate: float = RATE) -> None:
        self.reactor = Reactor()
        self.rate = rate
        clock = ServiceClock()
        clock.reactor = self.reactor
        self.throttled = Counter("throttled", "")
        self.shares = Shares(clock, lambda: self.rate, self.throttled, self.reactor.meter)

    def flood(self, host: str, count: int, **arguments: float) -> list[Peer]:
        """So many connections of an address that have work for ever."""
        peers = [Peer(self, host, **arguments) for _ in range(count)]
        for peer in peers:
            peer.send(1e6)
        return peers


@pytest.fixture
def stage() -> Stage:
    return Stage()


def used(peers: list[Peer]) -> float:
    return sum(peer.used for peer in peers)


def test_a_little_work_is_done_at_once(stage: Stage) -> None:
    peer = Peer(stage, "a")
    peer.send(SLICE / 2)
    assert peer.left == pytest.approx(0)
    assert stage.reactor.getDelayedCalls() == []


def test_work_of_more_than_a_slice_goes_on_in_later_turns(stage: Stage) -> None:
    peer = Peer(stage, "a")
    peer.send(3 * SLICE)
    assert peer.used == pytest.approx(SLICE)
    stage.reactor.turn()
    assert peer.used == pytest.approx(2 * SLICE)
    stage.reactor.run(0.01)
    assert peer.left == pytest.approx(0)
    assert stage.throttled.value == 0


@pytest.mark.parametrize("count", [1, 18])
def test_the_connections_of_an_address_do_not_exceed_its_rate(stage: Stage, count: int) -> None:
    peers = stage.flood("a", count)
    stage.reactor.run(10)
    assert used(peers) == pytest.approx(10 * RATE + BURST, rel=0.1)
    assert stage.throttled.value > 0


def test_those_who_flood_from_one_address_get_equal_parts(stage: Stage) -> None:
    peers = [*stage.flood("a", 6), *stage.flood("a", 6, step=SLICE)]
    stage.reactor.run(20)
    mean = used(peers) / len(peers)
    assert all(peer.used == pytest.approx(mean, rel=0.3) for peer in peers)


def test_a_neighbour_who_uses_little_does_not_wait(stage: Stage) -> None:
    stage.flood("a", 18)
    neighbour = Peer(stage, "a", step=0.0001)
    stage.reactor.run(2)
    for _ in range(40):
        neighbour.send(0.0001)
        assert neighbour.left == pytest.approx(0), "it had to wait"
        stage.reactor.run(0.1)


def test_another_address_does_not_wait(stage: Stage) -> None:
    stage.flood("a", 100)
    stage.reactor.run(2)
    other = Peer(stage, "b")
    other.send(SLICE / 2)
    assert other.left == pytest.approx(0)


def test_one_turn_does_not_take_longer_than_its_limit_however_many_send(stage: Stage) -> None:
    before = stage.reactor.used
    for number in range(100):
        stage.flood(str(number), 2)
    assert stage.reactor.used - before <= TURN + SLICE
    for _ in range(20):
        before = stage.reactor.used
        stage.reactor.turn()
        assert stage.reactor.used - before <= TURN + SLICE


def test_addresses_are_served_in_turn(stage: Stage) -> None:
    many = [peer for number in range(30) for peer in stage.flood(str(number), 1)]
    stage.reactor.turn()
    for _ in range(8):
        stage.reactor.turn()
    counts = [len(peer.turns) for peer in many]
    assert max(counts) - min(counts) <= 2


def test_what_takes_longer_than_a_slice_is_paid_for(stage: Stage) -> None:
    """One step may take a tenth of a second; then nothing more is done until it is paid."""
    (peer,) = stage.flood("a", 1, step=0.1)
    stage.reactor.run(10)
    assert peer.used <= 10 * RATE + BURST + 0.2
    neighbour = Peer(stage, "a", step=0.0001)
    neighbour.send(0.0001)
    assert neighbour.left == pytest.approx(0)


def test_nobody_is_charged_for_the_applications_code(stage: Stage) -> None:
    def work(current: Slice) -> bool:
        current.excuse(lambda: setattr(stage.reactor, "used", stage.reactor.used + 0.05))
        return False

    share = stage.shares.join("a", work)
    for _ in range(100):
        share.run()
    assert stage.throttled.value == 0
    assert stage.reactor.used == pytest.approx(5)


def test_without_a_rate_nobody_waits_for_more_than_a_turn() -> None:
    stage = Stage(rate=0)
    (peer,) = stage.flood("a", 1)
    stage.reactor.run(1)
    assert peer.used > 0.9
    assert stage.throttled.value == 0


def test_connections_without_an_address_share_nothing(stage: Stage) -> None:
    peers = stage.flood("", 3)
    stage.reactor.run(10)
    assert used(peers) == pytest.approx(3 * (10 * RATE + BURST), rel=0.1)


def test_what_is_gone_is_not_worked_for(stage: Stage) -> None:
    (peer,) = stage.flood("a", 1)
    peer.share.leave()
    before = peer.used
    stage.reactor.run(1)
    assert peer.used == before
    assert stage.reactor.getDelayedCalls() == []


def test_coming_again_does_not_clear_a_debt(stage: Stage) -> None:
    total = 0.0
    for _ in range(100):
        (peer,) = stage.flood("a", 1)
        stage.reactor.run(0.05)
        peer.share.leave()
        total += peer.used
    assert total <= 100 * SLICE * 1.5 + 5 * RATE + BURST


def test_a_connection_behind_a_proxy_moves_to_its_own_address(stage: Stage) -> None:
    stage.flood("proxy", 3)
    stage.reactor.run(2)
    (peer,) = stage.flood("proxy", 1)
    peer.share.move("b")
    before = peer.used
    stage.reactor.run(1)
    assert peer.used - before == pytest.approx(RATE + BURST, rel=0.1)


def test_a_connection_within_tls_that_moves_is_counted_where_it_goes(stage: Stage) -> None:
    outer = stage.shares.join("proxy", lambda _: False)
    inner = stage.shares.join("proxy", lambda _: False, outer)
    inner.move("b")
    assert (outer.address.connections, inner.address.connections) == (1, 1)
    inner.leave()
    outer.leave()
    assert (outer.address.connections, inner.address.connections) == (0, 0)


def test_work_within_work_of_the_same_address_is_charged_once(stage: Stage) -> None:
    """TLS decrypts, and gives telnet what comes out."""
    inner = Peer(stage, "a")

    def work(current: Slice) -> bool:
        inner.send(0.0005)
        return False

    outer = stage.shares.join("a", work)
    for _ in range(int(BURST / 0.0005) - 2):
        outer.run()
        stage.reactor.turn()
    assert stage.throttled.value == 0
    assert inner.left == pytest.approx(0)


def test_work_that_is_asked_for_while_it_is_done_is_not_done_twice_at_a_time(stage: Stage) -> None:
    depth: list[int] = []

    def work(current: Slice) -> bool:
        depth.append(1)
        share.run()
        return False

    share = stage.shares.join("a", work)
    share.run()
    assert depth == [1]


def test_addresses_that_owe_nothing_are_forgotten(stage: Stage) -> None:
    for number in range(1000):
        peer = Peer(stage, str(number))
        peer.send(0.001)
        peer.share.leave()
        stage.reactor.run(1)
    assert len(stage.shares._addresses) <= 65


def test_work_that_fails_is_charged_as_well(stage: Stage) -> None:
    def work(current: Slice) -> bool:
        stage.reactor.used += 0.05
        raise ZeroDivisionError

    share = stage.shares.join("a", work)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            share.run()
        stage.reactor.turn()
    share.run()
    assert stage.throttled.value == 1


def test_a_clock_that_is_set_back_makes_nobody_wait(stage: Stage) -> None:
    stage.reactor.rightNow = 3600.0
    ann = Peer(stage, "192.0.2.1")
    ann.send(0.0005)
    stage.reactor.rightNow = 0.0
    ann.send(0.0005)
    assert ann.left <= 1e-9


def test_many_who_wait_with_little_work_are_all_served_in_the_next_turn(stage: Stage) -> None:
    """A hundred people behind one address type within a turn that was too long already."""
    stage.rate = 1000.0
    stage.flood("a", 1, step=TURN)[0].left = 0
    people = [Peer(stage, "a", step=0.00001) for _ in range(100)]
    for person in people:
        person.send(0.00001)
    assert sum(len(person.turns) for person in people) == 0
    stage.reactor.turn()
    assert [len(person.turns) for person in people] == [1] * 100
