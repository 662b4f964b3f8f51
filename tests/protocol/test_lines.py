"""Line ends of every known client, limits, cuts anywhere, and HTTP requests."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cletus.protocol.lines import CutLine, LineBuffer, answer_to_http, is_request

LIMIT = 8

CASES: dict[str, tuple[bytes, list[bytes]]] = {
    "nothing": (b"", []),
    "no end yet": (b"abc", []),
    "CR LF": (b"abc\r\n", [b"abc"]),
    "LF": (b"abc\n", [b"abc"]),
    "CR NUL": (b"abc\r\0", [b"abc"]),
    "bare CR": (b"abc\r", [b"abc"]),
    "two by CR LF": (b"a\r\nb\r\n", [b"a", b"b"]),
    "two by CR NUL": (b"a\r\0b\r\0", [b"a", b"b"]),
    "two by bare CR": (b"a\rb\r", [b"a", b"b"]),
    "all mixed": (b"a\rb\nc\r\nd\r\0e\n", [b"a", b"b", b"c", b"d", b"e"]),
    "empty ones": (b"\n\n\r\r\0\r", [b"", b"", b"", b""]),
    "CR CR LF is two": (b"a\r\r\nb\n", [b"a", b"", b"b"]),
    "LF CR is one": (b"a\n\rb\n\r\n\r", [b"a", b"b", b""]),
    "LF CR LF is two": (b"a\n\r\nb\n", [b"a", b"", b"b"]),
    "CR LF CR LF is two": (b"a\r\n\r\nb\n", [b"a", b"", b"b"]),
    "CR LF CR is two": (b"a\r\n\rb\n", [b"a", b"", b"b"]),
    "CR NUL LF is two": (b"a\r\0\nb\n", [b"a", b"", b"b"]),
    "CR LF NUL keeps the NUL": (b"a\r\n\0b\n", [b"a", b"\0b"]),
    "a NUL elsewhere is data": (b"a\0b\n", [b"a\0b"]),
    "other line ends of Unicode are data": (b"a\x0b\x0c\x1c\x85b\n", [b"a\x0b\x0c\x1c\x85b"]),
    "exactly at the limit": (b"12345678\r\n", [b"12345678"]),
    "one over the limit": (b"123456789\r\n", [CutLine(b"12345678")]),
    "far over the limit": (b"1234567890" * 10 + b"\n", [CutLine(b"12345678")]),
    "the one after an overlong one": (b"123456789\nab\n", [CutLine(b"12345678"), b"ab"]),
    "the one before an overlong one": (b"ab\n123456789\n", [b"ab", CutLine(b"12345678")]),
}


def feed(chunks: Iterable[bytes], limit: int = LIMIT) -> list[tuple[type, bytes]]:
    buffer = LineBuffer(limit)
    return [(type(line), line) for chunk in chunks for line in buffer.receive(chunk)]


def typed(lines: list[bytes]) -> list[tuple[type, bytes]]:
    """The lines with their classes: a CutLine equals its bytes."""
    return [(type(line), line) for line in lines]


def singly(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


@pytest.mark.parametrize(("data", "expected"), CASES.values(), ids=CASES.keys())
class TestCases:
    def test_whole(self, data: bytes, expected: list[bytes]) -> None:
        assert feed([data]) == typed(expected)

    def test_byte_by_byte(self, data: bytes, expected: list[bytes]) -> None:
        assert feed(singly(data)) == typed(expected)

    def test_cut_in_two(self, data: bytes, expected: list[bytes]) -> None:
        for at in range(len(data)):
            assert feed([data[:at], data[at:]]) == typed(expected), at

    def test_with_a_tail(self, data: bytes, expected: list[bytes]) -> None:
        if data and data[-1] in b"\r\n\0":
            assert feed([data + b"tail\n"]) == typed([*expected, b"tail"])


def test_a_bare_cr_does_not_wait() -> None:
    """telnetlib3 sends nothing after its CR; the line must not wait for it."""
    buffer = LineBuffer(LIMIT)
    assert buffer.receive(b"abc\r") == [b"abc"]
    assert buffer.receive(b"\n") == []
    assert buffer.receive(b"\n") == [b""]


def test_without_a_limit_a_long_line_is_taken() -> None:
    """A line_max of 0 means no limit."""
    long = b"x" * 1_000_000
    assert feed([long, b"\n"], limit=0) == [(bytes, long)]


pieces = st.lists(st.sampled_from(b"\r\r\n\n\0ab\xff"), max_size=60).map(bytes)


@given(pieces, st.lists(st.integers(0, 60), max_size=6))
def test_the_lines_do_not_depend_on_the_cuts(data: bytes, cuts: Sequence[int]) -> None:
    at = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    chunks = [data[start:end] for start, end in itertools.pairwise(at)]
    assert feed(chunks, 3) == feed([data], 3) == feed(singly(data), 3)


@given(st.binary(max_size=300))
def test_nothing_is_lost_but_line_ends(data: bytes) -> None:
    """Without a limit, the lines are the data, apart from CR, LF and NUL."""
    ends = bytes.maketrans(b"", b"")
    lines = feed([data, b"\n"], limit=0)
    plain = b"".join(line for _, line in lines).translate(ends, b"\0")
    assert plain == data.translate(ends, b"\r\n\0")


@pytest.mark.parametrize("size", [1, 7, 65536])
def test_memory_is_bounded_in_an_endless_line(size: int) -> None:
    buffer = LineBuffer(LIMIT)
    for _ in range(200):
        assert buffer.receive(b"A" * size) == []
    assert sum(sys.getsizeof(getattr(buffer, name)) for name in LineBuffer.__slots__) < 500
    assert feed([b"A" * size] * 200 + [b"\n"]) == [(CutLine, b"A" * LIMIT)]


# -- HTTP ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "request_line"),
    [
        (b"GET / HTTP/1.1", True),
        (b"POST /x?y=z HTTP/1.0", True),
        (b"CONNECT a:443 HTTP/1.1", True),
        (b"GET lamp", False),
        (b"tell bob GET / HTTP/1.1 is a request", False),
        (b"get / HTTP/1.1", False),
    ],
)
def test_what_is_a_request(line: bytes, request_line: bool) -> None:
    assert is_request(line) is request_line


@pytest.mark.parametrize("page", ["", "http://[::1]:9080/"])
@pytest.mark.parametrize("accept", ["*/*", "application/json, TEXT/HTML;q=0.9", "text/html5"])
def test_an_answer_has_the_length_that_it_states(page: str, accept: str) -> None:
    request = f"GET / HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\n\r\n".encode()
    head, _, body = answer_to_http(request, page).partition(b"\r\n\r\n")
    assert b"Content-Length: %d" % len(body) in head
    assert page.encode() in body
    assert (b"Location: " in head) is (bool(page) and "HTML" in accept)
