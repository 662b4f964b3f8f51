"""The parser: each case whole, byte by byte, cut in two, and with a tail."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cletus.protocol.telnet import (
    ControlFunction,
    Data,
    Event,
    Negotiation,
    Remainder,
    Signal,
    Subnegotiation,
    TelnetParser,
    Verb,
)

LIMIT = 16
HANDOVER = 87  # MCCP3

CASES: dict[str, tuple[bytes, list[Event]]] = {
    "nothing": (b"", []),
    "text": (b"hello\r\n", [Data(b"hello\r\n")]),
    "doubled IAC": (b"a\xff\xffb", [Data(b"a\xffb")]),
    "nothing but doubled IACs": (b"\xff\xff\xff\xff", [Data(b"\xff\xff")]),
    "three IACs and a command": (b"\xff\xff\xff\xf6", [Data(b"\xff"), ControlFunction(Signal.AYT)]),
    "AYT inside text": (b"a\xff\xf6b", [Data(b"a"), ControlFunction(Signal.AYT), Data(b"b")]),
    "every known command": (
        b"".join(bytes((255, signal)) for signal in Signal),
        [ControlFunction(signal) for signal in Signal],
    ),
    "Ctrl-Z of Debian's telnet": (b"\xff\xed", [ControlFunction(Signal.SUSP)]),
    "unknown commands": (b"".join(bytes((255, byte)) for byte in range(236)), []),
    "a stray SE": (b"a\xff\xf0b", [Data(b"ab")]),
    "WILL": (b"\xff\xfb\x18", [Negotiation(Verb.WILL, 24)]),
    "WONT": (b"\xff\xfc\x18", [Negotiation(Verb.WONT, 24)]),
    "DO": (b"\xff\xfd\x01", [Negotiation(Verb.DO, 1)]),
    "DONT": (b"\xff\xfe\x01", [Negotiation(Verb.DONT, 1)]),
    "option 255 is not doubled after a verb": (b"\xff\xfd\xff", [Negotiation(Verb.DO, 255)]),
    "subnegotiation": (
        b"\xff\xfa\x1f\x00\x50\x00\x18\xff\xf0",
        [Subnegotiation(31, b"\x00\x50\x00\x18")],
    ),
    "subnegotiation between text": (
        b"a\xff\xfa\x18\x00X\xff\xf0b",
        [Data(b"a"), Subnegotiation(24, b"\x00X"), Data(b"b")],
    ),
    "empty payload": (b"\xff\xfa\x56\xff\xf0", [Subnegotiation(86, b"")]),
    "no option": (b"\xff\xfa\xff\xf0a", [Data(b"a")]),
    "option 255 in a subnegotiation": (b"\xff\xfa\xff\xffx\xff\xf0", [Subnegotiation(255, b"x")]),
    "doubled IAC in a payload": (
        b"\xff\xfa\x1f\x00\xff\xff\x00\x18\xff\xf0",
        [Subnegotiation(31, b"\x00\xff\x00\x18")],
    ),
    "payload of doubled IACs": (
        b"\xff\xfa\x1f\xff\xff\xff\xff\xff\xf0",
        [Subnegotiation(31, b"\xff\xff")],
    ),
    "payload exactly at the limit": (
        b"\xff\xfa\x18" + b"x" * LIMIT + b"\xff\xf0",
        [Subnegotiation(24, b"x" * LIMIT)],
    ),
    "payload one over the limit": (b"\xff\xfa\x18" + b"x" * (LIMIT + 1) + b"\xff\xf0", []),
    "doubled IACs exactly at the limit": (
        b"\xff\xfa\x18" + b"\xff\xff" * LIMIT + b"\xff\xf0",
        [Subnegotiation(24, b"\xff" * LIMIT)],
    ),
    "doubled IACs one over the limit": (
        b"\xff\xfa\x18" + b"\xff\xff" * (LIMIT + 1) + b"\xff\xf0",
        [],
    ),
    "the one after an overlong one": (
        b"\xff\xfa\x18" + b"x" * 99 + b"\xff\xf0\xff\xfa\x18y\xff\xf0",
        [Subnegotiation(24, b"y")],
    ),
    "a payload broken off by a command": (
        b"\xff\xfa\x18abc\xff\xf6d",
        [ControlFunction(Signal.AYT), Data(b"d")],
    ),
    "a payload broken off by a verb": (
        b"\xff\xfa\x18abc\xff\xfb\x1fd",
        [Negotiation(Verb.WILL, 31), Data(b"d")],
    ),
    "a payload broken off by another subnegotiation": (
        b"\xff\xfa\x18abc\xff\xfa\x1fd\xff\xf0",
        [Subnegotiation(31, b"d")],
    ),
    "a payload broken off by an unknown command": (b"\xff\xfa\x18abc\xff\x01d", [Data(b"d")]),
    "the stream is handed over": (
        b"a\xff\xfa\x57\xff\xf0\xff\xf6x\xff",
        [Data(b"a"), Subnegotiation(87, b""), Remainder(b"\xff\xf6x\xff")],
    ),
    "handed over with nothing left": (
        b"\xff\xfa\x57\xff\xf0",
        [Subnegotiation(87, b""), Remainder(b"")],
    ),
    "not handed over by what is broken off": (
        b"\xff\xfa\x57\xff\xf6a",
        [ControlFunction(Signal.AYT), Data(b"a")],
    ),
}


def feed(chunks: Iterable[bytes], limit: int = LIMIT) -> list[Event]:
    """The events of these chunks, Data merged; after a Remainder the parser gets nothing more."""
    parser = TelnetParser(limit, frozenset({HANDOVER}))
    events: list[Event] = []
    for chunk in chunks:
        if events and isinstance(events[-1], Remainder):
            events[-1] = Remainder(events[-1].data + chunk)
            continue
        for event in parser.receive(chunk):
            if events and isinstance(event, Data) and isinstance(events[-1], Data):
                event = Data(events[-1].data + event.data)
                events.pop()
            events.append(event)
    return events


def singly(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


@pytest.mark.parametrize(("data", "expected"), CASES.values(), ids=CASES.keys())
class TestCases:
    def test_whole(self, data: bytes, expected: list[Event]) -> None:
        assert feed([data]) == expected

    def test_byte_by_byte(self, data: bytes, expected: list[Event]) -> None:
        assert feed(singly(data)) == expected

    def test_cut_in_two(self, data: bytes, expected: list[Event]) -> None:
        for at in range(len(data)):
            assert feed([data[:at], data[at:]]) == expected, at

    def test_with_a_tail(self, data: bytes, expected: list[Event]) -> None:
        """What follows a complete case is understood as if the case had not been there."""
        tail = [Data(b"tail"), Negotiation(Verb.DO, 3)]
        found = feed([data + b"tail\xff\xfd\x03"])
        if expected and isinstance(expected[-1], Remainder):
            assert found == [*expected[:-1], Remainder(expected[-1].data + b"tail\xff\xfd\x03")]
        elif expected and isinstance(expected[-1], Data):
            assert found == [*expected[:-1], Data(expected[-1].data + b"tail"), tail[1]]
        else:
            assert found == [*expected, *tail]


def test_without_a_limit_a_long_payload_is_taken() -> None:
    """A subnegotiation_max of 0 means no limit."""
    assert feed([b"\xff\xfa\x18" + b"x" * 100_000 + b"\xff\xf0"], limit=0) == [
        Subnegotiation(24, b"x" * 100_000)
    ]


def test_the_parser_goes_on_with_inflated_bytes_after_a_handover() -> None:
    """What follows the handover is inflated, and fed to the same parser."""
    parser = TelnetParser(LIMIT, frozenset({HANDOVER}))
    parser.receive(b"\xff\xfa\x57\xff\xf0squeezed")
    assert parser.receive(b"plain again") == [Data(b"plain again")]


def test_an_option_that_is_not_for_handover_leaves_the_stream_alone() -> None:
    assert TelnetParser(LIMIT).receive(b"\xff\xfa\x57\xff\xf0a") == [
        Subnegotiation(87, b""),
        Data(b"a"),
    ]


# Bytes that mean something are likelier here than in life.
meaningful = st.sampled_from([255, 255, 255, 250, 240, 251, 252, 253, 254, 246, 24, 87, 97, 13, 10])
streams = st.lists(meaningful | st.integers(0, 255), max_size=200).map(bytes)


@given(streams, st.lists(st.integers(0, 200), max_size=8))
def test_the_events_do_not_depend_on_the_cuts(data: bytes, cuts: Sequence[int]) -> None:
    """Any bytes, cut anywhere, give the events of the whole; and nothing raises."""
    at = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    pieces = [data[start:end] for start, end in itertools.pairwise(at)]
    assert feed(pieces) == feed([data]) == feed(singly(data))


@given(streams)
def test_no_event_is_larger_than_its_limit(data: bytes) -> None:
    for event in feed(singly(data), limit=4):
        assert not isinstance(event, Subnegotiation) or len(event.payload) <= 4


@pytest.mark.parametrize("filler", [b"x", b"\xff\xff"], ids=["bytes", "doubled IACs"])
@pytest.mark.parametrize("size", [1, 2, 1000, 65536])
def test_memory_is_bounded_in_an_endless_subnegotiation(filler: bytes, size: int) -> None:
    """However the payload is cut, no more than the limit is kept of it."""
    parser = TelnetParser(LIMIT)
    parser.receive(b"\xff\xfa\x18")
    chunk = (filler * size)[:size]
    for _ in range(max(100, 10_000 // size)):
        assert parser.receive(chunk) == []
    kept = sum(sys.getsizeof(getattr(parser, name)) for name in TelnetParser.__slots__)
    assert kept < 2000
