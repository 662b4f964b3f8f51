"""The PROXY protocol: whole, byte by byte, with a tail, and hostile."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cletus.errors import ProtocolError
from cletus.protocol.proxy import Origin, ProxyHeader

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"

SSL = b"\x20\0\5\1\0\0\0\0"  # PP2_TYPE_SSL with PP2_CLIENT_SSL


def v2(body: bytes, command: int = 1, family: int = 0x11) -> bytes:
    return SIGNATURE + bytes((0x20 | command, family)) + len(body).to_bytes(2) + body


IPV4 = socket.inet_aton("203.0.113.9") + socket.inet_aton("10.0.0.1") + b"\x1f\x90\x00\x17"
IPV6 = socket.inet_pton(socket.AF_INET6, "2001:db8::1") * 2 + b"\x1f\x90\x00\x17"

CASES = [
    (b"PROXY TCP4 203.0.113.9 10.0.0.1 8080 23\r\n", Origin("203.0.113.9", 8080)),
    (b"PROXY TCP6 2001:db8::1 ::1 8080 23\r\n", Origin("2001:db8::1", 8080)),
    (b"PROXY UNKNOWN\r\n", Origin("", 0)),
    (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", Origin("", 0)),
    (v2(IPV4), Origin("203.0.113.9", 8080)),
    (v2(IPV6 + b"\x03\x00\x04abcd", family=0x21), Origin("2001:db8::1", 8080)),
    (v2(IPV4 + b"\x03\0\1x" + SSL), Origin("203.0.113.9", 8080, tls=True)),
    (v2(IPV4 + SSL[:3] + bytes(5)), Origin("203.0.113.9", 8080)),
    (v2(b"", command=0, family=0), Origin("", 0)),
    (v2(b"x" * 216, family=0x31), Origin("", 0)),  # from a Unix socket
]


@pytest.mark.parametrize(("header", "origin"), CASES)
@pytest.mark.parametrize("tail", [b"", b"hello\r\n", b"PROXY"])
def test_headers_whole_and_byte_by_byte(header: bytes, origin: Origin, tail: bytes) -> None:
    assert ProxyHeader().receive(header + tail) == (origin, tail)
    one = ProxyHeader()
    for byte in header[:-1]:
        assert one.receive(bytes((byte,))) is None
    assert one.receive(header[-1:] + tail) == (origin, tail)


@pytest.mark.parametrize(
    "header",
    [
        b"hello\r\n",
        b"\xff\xfd\x18",
        b"PROXY TCP4 1.2.3 10.0.0.1 1 2\r\n",
        b"PROXY TCP4\r\n",
        b"PROXY " + b"x" * 200,
        SIGNATURE + b"\x31\x11\0\0",
        SIGNATURE + b"\x22\x11\0\0",
        v2(b"short"),
    ],
)
def test_an_invalid_header_is_a_protocol_error(header: bytes) -> None:
    with pytest.raises(ProtocolError):
        ProxyHeader().receive(header)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    for start in (b"", b"PROXY ", SIGNATURE):
        try:
            ProxyHeader().receive(start + data)
        except ProtocolError:
            continue
