"""CHARSET (RFC 2066): agree on the character set of both directions.

We offer UTF-8 first and ASCII second, and nothing else: with more to choose from, a client takes the
character set of its profile, whatever that is. A client may offer a list instead; the first of it that
telnet can carry is accepted. While our own offer is open, the client's is rejected, as RFC 2066 says
for the server.
"""

from __future__ import annotations

from collections.abc import Callable

from cletus.protocol.charset import telnet_encoder
from cletus.protocol.options import Option, Side
from cletus.protocol.telnet import subnegotiation

REQUEST, ACCEPTED, REJECTED = 1, 2, 3

OFFER = b";UTF-8;US-ASCII"
"""The separator is not NUL, where Mudlet ends the list."""

_TTABLE = b"[TTABLE]"  # may precede the list, with a version byte; we have no tables
_NAMES_MAX = 32


class CharsetOption(Option):
    """The agreement on a character set.

    Args:
        agreed: called with Python's name of it; with ``""`` when the peer takes none of ours.
    """

    code = 42
    accepts = frozenset(Side)

    __slots__ = ("_agreed", "_open")
    STATE = ("_open",)

    def __init__(self, agreed: Callable[[str], None]) -> None:
        self._agreed = agreed
        self._open = False

    def switched(self, side: Side, on: bool) -> bytes:
        """The peer is willing: offer."""
        if side is not Side.LOCAL or not on:
            return b""
        self._open = True
        return subnegotiation(self.code, bytes((REQUEST,)) + OFFER)

    def received(self, payload: bytes) -> bytes:
        """An answer to our offer, or an offer of the peer's."""
        match payload[:1]:
            case b"\x01":
                return self._offered(payload[1:])
            case b"\x02" if self._open:
                self._open = False
                self._agreed(_codec(payload[1:]))
            case b"\x03" if self._open:
                self._open = False
                self._agreed("")
        return b""

    def _offered(self, names: bytes) -> bytes:
        if names.startswith(_TTABLE):
            names = names[len(_TTABLE) + 1 :]
        if not self._open:
            for name in names[1:].split(names[:1], _NAMES_MAX)[:_NAMES_MAX] if names else ():
                codec = _codec(name)
                if codec:
                    self._agreed(codec)
                    return subnegotiation(self.code, bytes((ACCEPTED,)) + name)
        return subnegotiation(self.code, bytes((REJECTED,)))


def _codec(name: bytes) -> str:
    """Python's name of a character set that telnet can carry, or an empty string."""
    try:
        return telnet_encoder(name.decode("ascii")).charset
    except (LookupError, UnicodeDecodeError, ValueError):
        return ""
