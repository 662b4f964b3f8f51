"""What the messages of a WebSocket mean, by its subprotocol (mudstandards.org/websocket).

Inside, the web door speaks telnet with everybody. A codec turns the telnet stream into the messages
of a subprotocol and back; it holds no more than a command that is not complete yet.
"""

from __future__ import annotations

import re
from typing import Final

from cletus.protocol.telnet import IAC, subnegotiation

TEXT: Final = 1
BINARY: Final = 2
"""The opcodes of WebSocket frames (RFC 6455, section 5.2)."""

GMCP: Final = 201

Frames = list[tuple[int, bytes]]

_IAC = bytes((IAC,))
# A subnegotiation (RFC 855), a negotiation, or a command of two bytes, each of them whole.
_COMMAND = re.compile(
    rb"\xff(?:\xfa(?P<option>.)(?P<payload>(?:[^\xff]|\xff\xff)*)\xff\xf0|[\xfb-\xfe].|[^\xfa-\xff]|(?P<data>\xff))",
    re.DOTALL,
)


class TelnetCodec:
    """``telnet.mudstandards.org``: binary messages are the telnet stream."""

    name: str = "telnet.mudstandards.org"
    opening: bytes = b""

    def outgoing(self, data: bytes) -> Frames:
        """The frames of what telnet sends: opcode and payload of each."""
        return [(BINARY, data)]

    def incoming(self, *, text: bool, data: bytes) -> bytes:
        """What telnet is to receive for a message; nothing for text, which is the session's."""
        return b"" if text else data


class TerminalCodec:
    """``terminal.mudstandards.org``: text with ECMA-48 sequences, and nothing of telnet.

    Attributes:
        opening: what the peer is taken to have said at first, in telnet.
    """

    name: str = "terminal.mudstandards.org"
    opening: bytes = b""

    def __init__(self) -> None:
        self._partial = b""

    def outgoing(self, data: bytes) -> Frames:
        """The frames of what telnet sends. A command is kept until it is whole."""
        if not self._partial and _IAC not in data:
            return [(BINARY, data)] if data else []
        data, frames, text, position = self._partial + data, [], b"", 0
        self._partial = b""
        while (start := data.find(_IAC, position)) >= 0:
            text += data[position:start]
            match = _COMMAND.match(data, start)
            if match is None:
                self._partial, position = data[start:], len(data)
                break
            position = match.end()
            if match["data"]:
                text += _IAC
            message = self.message(match)
            if message:
                if text:
                    frames.append((BINARY, text))
                    text = b""
                frames.append((TEXT, message))
        text += data[position:]
        return [*frames, (BINARY, text)] if text else frames

    def message(self, match: re.Match[bytes]) -> bytes:
        """What becomes of a command of telnet: here nothing."""
        return b""

    def incoming(self, *, text: bool, data: bytes) -> bytes:
        """What telnet is to receive for a message: a line for each, whatever its type."""
        data = data.replace(_IAC, _IAC + _IAC)
        return data if data.endswith((b"\n", b"\r")) else data + b"\r\n"


class GmcpCodec(TerminalCodec):
    """``gmcp.mudstandards.org``: binary messages are text with ECMA-48, text messages are GMCP."""

    name = "gmcp.mudstandards.org"
    opening = b"\xff\xfd\xc9"  # IAC DO GMCP

    def message(self, match: re.Match[bytes]) -> bytes:
        """The payload of GMCP's subnegotiation, which is ``Package.Name {json}``."""
        if match["option"] != bytes((GMCP,)):
            return b""
        return match["payload"].replace(_IAC + _IAC, _IAC)

    def incoming(self, *, text: bool, data: bytes) -> bytes:
        """What telnet is to receive: GMCP for text, a line for anything else."""
        return subnegotiation(GMCP, data) if text else super().incoming(text=text, data=data)


Codec = TelnetCodec | TerminalCodec

#: By the name that a client offers.
CODECS: Final[dict[str, type[TelnetCodec] | type[TerminalCodec]]] = {
    codec.name: codec for codec in (TelnetCodec, GmcpCodec, TerminalCodec)
}
