"""The primary's end: silence, bounds, and when lines are handled."""

from __future__ import annotations

from cletus.cluster.frames import Gone, Line, New
from cletus.cluster.gateway_ledger import GatewayLedger
from cletus.cluster.primary_ledger import GATEWAY_LOST, Happened, PrimaryLedger

LEASE = 6.0


class Pair:
    """A primary and one gateway, without losses."""

    def __init__(self, *, backlog: int = 0, known: bool = True) -> None:
        self.gateway = GatewayLedger("a", 1)
        names = ["a"] if known else []
        self.primary = PrimaryLedger(1, names, lease=LEASE, backlog=backlog)

    def exchange(self) -> list[Happened]:
        happened = []
        for _ in range(4):
            for turn in self.primary.commit():
                if "a" in turn:
                    self.gateway.received(turn["a"])
            for entry in self.gateway.entries():
                happened += self.primary.received(entry)
        return happened


def test_a_gateway_that_is_silent_is_lost_with_its_people() -> None:
    pair = Pair()
    pair.gateway.opened(1, door="telnet", address="there", terminal={})
    pair.exchange()
    assert pair.primary.tick(LEASE, answers=True) == []
    (lost,) = pair.primary.tick(0.1, answers=True)
    assert lost.event == Gone(1, GATEWAY_LOST)
    assert pair.primary.links == {}


def test_while_the_engine_is_away_nobody_is_silent() -> None:
    pair = Pair()
    pair.gateway.opened(1, door="telnet", address="there", terminal={})
    pair.exchange()
    assert pair.primary.tick(100 * LEASE, answers=False) == []
    assert pair.primary.tick(LEASE, answers=True) == []


def test_a_lost_gateway_that_comes_back_brings_its_people_anew() -> None:
    pair = Pair()
    pair.gateway.opened(1, door="telnet", address="there", terminal={})
    pair.exchange()
    pair.primary.tick(LEASE + 1, answers=True)
    pair.gateway.line(1, "am I here?")
    happened = pair.exchange()
    assert [type(item.event) for item in happened] == [New, Line]
    assert happened[-1].again


def test_lines_wait_until_all_gateways_have_said_who_is_there() -> None:
    primary = PrimaryLedger(1, ["a", "b"], lease=LEASE, backlog=0)
    pair = Pair()
    pair.primary = primary
    pair.gateway.opened(1, door="telnet", address="there", terminal={})
    pair.gateway.line(1, "hello")
    assert [type(item.event) for item in pair.exchange()] == [New]
    other = GatewayLedger("b", 2)
    for entry in _first_hello(other, primary):
        assert [type(item.event) for item in primary.received(entry)] == [Line]


def _first_hello(gateway: GatewayLedger, primary: PrimaryLedger) -> list[bytes]:
    gateway.beat()
    (gap,) = gateway.entries()
    primary.received(gap)
    for turn in primary.commit():
        if "b" in turn:
            gateway.received(turn["b"])
    return gateway.entries()


def test_lines_do_not_wait_for_a_gateway_that_never_answers() -> None:
    pair = Pair()
    pair.primary = PrimaryLedger(1, ["a", "dead"], lease=LEASE, backlog=0)
    pair.gateway.opened(1, door="telnet", address="there", terminal={})
    pair.gateway.line(1, "hello")
    pair.exchange()
    pair.primary.tick(LEASE / 2, answers=True)
    pair.gateway.beat()
    pair.exchange()
    happened = pair.primary.tick(LEASE / 2, answers=True)
    assert [type(item.event) for item in happened] == [Line]


def test_without_a_known_gateway_lines_wait_for_two_beats() -> None:
    pair = Pair(known=False)
    pair.gateway.beat()
    pair.gateway.opened(1, door="telnet", address="there", terminal={})
    pair.exchange()
    pair.gateway.line(1, "hello")
    assert pair.exchange() == []
    assert [type(item.event) for item in pair.primary.tick(2.0, answers=True)] == [Line]


def test_past_the_backlog_all_gateways_are_lost() -> None:
    pair = Pair(backlog=1000)
    pair.gateway.opened(1, door="telnet", address="there", terminal={})
    pair.exchange()
    link = pair.primary.links["a"]
    for _ in range(20):
        link.write(1, bytes(100))
        pair.primary.commit()  # and nothing is confirmed
    assert pair.primary.kept > 1000
    (lost,) = pair.primary.tick(0.1, answers=False)
    assert lost.event == Gone(1, GATEWAY_LOST)
    assert pair.primary.kept == 0


def test_of_a_broadcast_all_of_a_gateway_are_in_one_part() -> None:
    pair = Pair()
    for conn in (1, 2, 3):
        pair.gateway.opened(conn, door="telnet", address="there", terminal={})
    pair.exchange()
    link = pair.primary.links["a"]
    data = b"the same object"
    for conn in (1, 2, 3):
        link.write(conn, data)
    (turn,) = pair.primary.commit()
    (frame,) = pair.gateway.received(turn["a"])
    assert len(frame.to) == 12  # type: ignore[union-attr]  # it is a Write
