"""Somebody speaks HTTP to a port that speaks telnet: a browser, or one of those who scan the net."""

from __future__ import annotations

import re

_REQUEST = re.compile(rb"[A-Z]{3,8} \S{1,4096} HTTP/\d(?:\.\d)?")

REFUSAL = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n"
    b"Content-Length: 47\r\n\r\nThis port speaks telnet. Use a telnet client.\r\n"
)


def is_request(line: bytes) -> bool:
    """Whether this line is the first one of an HTTP request (RFC 9112, section 3)."""
    return _REQUEST.fullmatch(line) is not None
