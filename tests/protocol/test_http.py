"""HTTP on a telnet port."""

from __future__ import annotations

import pytest

from cletus.protocol.lines import REFUSAL, is_request


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


def test_the_refusal_has_the_length_that_it_states() -> None:
    head, _, body = REFUSAL.partition(b"\r\n\r\n")
    assert b"Content-Length: %d" % len(body) in head
