"""The primary's end: silence, bounds, and when lines are handled."""

from __future__ import annotations

import pickle

import pytest

from cletus.cluster.frames import Close, Frame, Gone, Line, New, Write, pack
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


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_lost_gateway_that_comes_back_does_not_tell_lines_twice(is_restarted: bool) -> None:
    """It has not read that they were handled: what was on its way to it is not on the bus any more.

    Nor after a restart of the primary meanwhile.
    """
    pair = Pair()
    pair.gateway.opened(1, door="telnet", address="there", terminal={})
    pair.exchange()
    pair.gateway.line(1, "before")
    for entry in pair.gateway.entries():
        pair.primary.received(entry)
    pair.primary.links["a"].handled(1, 1)
    pair.primary.commit()  # it is lost
    pair.primary.tick(LEASE + 1, answers=True)
    assert pair.primary.take_lost() == [("a", True)]
    assert pair.primary.take_lost() == []
    if is_restarted:
        state = pickle.dumps(pair.primary.snapshot())
        pair.primary = PrimaryLedger(1, lease=LEASE, backlog=0)
        pair.primary.restore(pickle.loads(state))
    pair.gateway.line(1, "after")
    happened = pair.exchange()
    assert [getattr(item.event, "text", "") for item in happened] == ["", "after"]
    assert happened[0].event.connection.handled == 1
    assert pair.gateway.unhandled(1) == 1
    pair.primary.links["a"].handled(1, 2)
    pair.exchange()
    assert pair.gateway.unhandled(1) == 0


def test_what_a_primary_before_has_sent_to_a_silent_gateway_stays() -> None:
    """Its effects were shown elsewhere, and nobody else has it."""
    pair = Pair()
    pair.primary.tick(LEASE + 1, answers=True)
    assert pair.primary.take_lost() == [("a", False)]


def test_after_the_engine_has_forgotten_lines_wait_for_gateways_that_it_does_not_know_yet() -> None:
    """Who was quick would speak into a room where the others are not yet."""
    gateways = {name: GatewayLedger(name, 1) for name in "ab"}
    primary = PrimaryLedger(1, ["a"], lease=LEASE, backlog=0, patience=2.0, has_forgotten=True)

    def exchange() -> list[str]:
        happened: list[Happened] = []
        for _ in range(4):
            for turn in primary.commit():
                for name, entry in turn.items():
                    gateways[name].received(entry)
            for gateway in gateways.values():
                for entry in gateway.entries():
                    happened += primary.received(entry)
        return [type(item.event).__name__ for item in happened]

    for gateway in gateways.values():
        gateway.opened(1, door="telnet", address="there", terminal={})
        gateway.line(1, "hello")
    assert exchange() == ["New"]
    assert primary.tick(1.0, answers=True) == []
    gateways["b"].beat()
    assert exchange() == ["New"]
    assert [type(item.event) for item in primary.tick(1.0, answers=True)] == [Line, Line]
    assert primary.is_ready


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


def test_lines_to_the_same_connections_are_one_part() -> None:
    """So a gateway sends each of them one piece. Anything between keeps its place; a prompt stays apart."""
    pair = Pair()
    for conn in (1, 2):
        pair.gateway.opened(conn, door="telnet", address="there", terminal={})
    pair.exchange()
    link = pair.primary.links["a"]

    def to_both(data: bytes) -> None:
        for conn in (1, 2):
            link.write(conn, data)

    def sent() -> list[Frame]:
        (turn,) = pair.primary.commit()
        return pair.gateway.received(turn["a"])

    to_both(b"one\r\n")
    to_both(b"two\r\n")
    assert sent() == [Write(b"one\r\ntwo\r\n", pack([1, 2]))]
    to_both(b"one\r\n")
    link.write(1, b"only you\r\n")
    to_both(b"two\r\n")
    link.say(Close(2))
    to_both(b"three\r\n")
    texts = [frame.data for frame in sent() if isinstance(frame, Write)]
    assert texts == [b"one\r\n", b"only you\r\n", b"two\r\n", b"three\r\n"]
    to_both(b"one\r\n")
    to_both(b"name? \xff\xef")
    to_both(b"not ended")
    to_both(b"now\r\n")
    texts = [frame.data for frame in sent() if isinstance(frame, Write)]
    assert texts == [b"one\r\n", b"name? \xff\xef", b"not ended", b"now\r\n"]


def test_joined_texts_are_bounded() -> None:
    pair = Pair()
    pair.gateway.opened(1, door="telnet", address="there", terminal={})
    pair.exchange()
    link = pair.primary.links["a"]
    for number in range(4):
        link.write(1, b"%d" % number * 50_000 + b"\n")
    (turn,) = pair.primary.commit()
    frames = pair.gateway.received(turn["a"])
    assert [len(frame.data) for frame in frames if isinstance(frame, Write)] == [100_002, 100_002]


def test_a_turn_waits_for_a_gateway_that_has_not_answered_its_begin() -> None:
    """If its part alone waited and the primary was killed, its people would miss a line that counts as handled."""
    gateways = {name: GatewayLedger(name, 1) for name in "ab"}
    primary = PrimaryLedger(1, gateways, lease=LEASE, backlog=0)

    def exchange() -> set[str]:
        told = set()
        for turn in primary.commit():
            told |= turn.keys()
            for name, entry in turn.items():
                gateways[name].received(entry)
        for gateway in gateways.values():
            for entry in gateway.entries():
                primary.received(entry)
        return told

    for gateway in gateways.values():
        gateway.opened(1, door="telnet", address="there", terminal={})
    exchange()
    exchange()
    gateways["b"].line(1, "lost")
    list(gateways["b"].entries())  # on its way
    gateways["b"].line(1, "next")
    for entry in gateways["b"].entries():
        primary.received(entry)
    for link in primary.links.values():
        link.write(1, b"a line of the first\r\n")
    primary.links["a"].handled(1, 1)
    assert exchange() == {"b"}, "the begin alone"
    assert primary.kept > 0, "what waits counts"
    assert exchange() == {"a", "b"}
    assert primary.links["b"].is_greeted
