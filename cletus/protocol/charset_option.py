"""CHARSET (RFC 2066): which character set both sides speak from now on.

We offer UTF-8 first and ASCII second; nothing else, since a client that is asked to choose among
more chooses what its profile happens to hold. A client may ask instead, and gets the first of its
list that telnet can carry. While our own question is open, its question is refused, as RFC 2066
says for the server.
"""

from __future__ import annotations

from collections.abc import Callable

from cletus.protocol.charset import telnet_encoder
from cletus.protocol.options import Option, Side
from cletus.protocol.telnet import subnegotiation

REQUEST, ACCEPTED, REJECTED = 1, 2, 3

OFFER = b";UTF-8;US-ASCII"
"""No NUL for a separator: Mudlet ends the list there."""

_TTABLE = b"[TTABLE]"  # and a version byte may come before the list; we have no tables
_NAMES_MAX = 32


class CharsetOption(Option):
    """The agreement about the character set.

    Args:
        agreed: called with Python's name of it; with an empty one when the peer takes none of ours.
    """

    code = 42
    accepts = frozenset(Side)

    __slots__ = ("_agreed", "_open")

    def __init__(self, agreed: Callable[[str], None]) -> None:
        self._agreed = agreed
        self._open = False

    def switched(self, side: Side, on: bool) -> bytes:
        """The peer lets us ask."""
        if side is not Side.LOCAL or not on:
            return b""
        self._open = True
        return subnegotiation(self.code, bytes((REQUEST,)) + OFFER)

    def received(self, payload: bytes) -> bytes:
        """An answer to our question, or a question of the peer's."""
        match payload[:1]:
            case b"\x01":
                return self._asked(payload[1:])
            case b"\x02" if self._open:
                self._open = False
                self._agreed(_codec(payload[1:]))
            case b"\x03" if self._open:
                self._open = False
                self._agreed("")
        return b""

    def _asked(self, names: bytes) -> bytes:
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
