"""The frame of what we say about an option: IAC SB option payload IAC SE (RFC 855)."""

from __future__ import annotations

from cletus.protocol.telnet import IAC, SB, SE

_IAC = b"\xff"
_END = bytes((IAC, SE))


def subnegotiation(option: int, payload: bytes = b"") -> bytes:
    """The frame with this payload in it, whose bytes 255 are doubled."""
    return bytes((IAC, SB, option)) + payload.replace(_IAC, _IAC + _IAC) + _END
