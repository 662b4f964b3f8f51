"""MCCP2 and MCCP3, the MUD Client Compression Protocol (options 86 and 87): zlib (RFC 1950).

MCCP2 compresses what we send, from the byte after ``IAC SB 86 IAC SE``. MCCP3 compresses what the
peer sends, from the byte after its ``IAC SB 87 IAC SE``, which may stand in the middle of what has
just arrived.

What is deflated is bounded by what we say. What is inflated is not bounded by what the peer says: a
few bytes can become a thousand times as many. So an ``Inflater`` hands out what it inflates in
pieces, and raises when it becomes too much.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator

from cletus.errors import InflationTooLarge, ProtocolError
from cletus.protocol.options import Option, Side
from cletus.protocol.telnet import subnegotiation

INFLATED_PIECE = 16 * 1024
RATIO_MAX = 100
"""Times as many bytes as came. Repetitive chat comes to ten, deflate itself ends at 1,032."""

RATIO_FREE = 64 * 1024
"""So much is inflated of any input, whatever its ratio: a person may well send ten equal lines."""

# 32 KiB for each connection instead of 256 (zlib.h, "deflateInit2": (1 << wbits+2) + (1 << level+9)).
_WINDOW, _MEMORY = 12, 5


class Mccp2(Option):
    """Compression of what we send.

    Args:
        compress: called with ``True`` when all that follows the returned bytes is to be compressed,
            with ``False`` when what follows is to be plain again.
    """

    code = 86
    accepts = frozenset({Side.LOCAL})

    __slots__ = ("_compress",)

    def __init__(self, compress: Callable[[bool], None]) -> None:
        self._compress = compress

    def switched(self, side: Side, on: bool) -> bytes:
        """The peer takes it, or has had enough."""
        self._compress(on)
        return subnegotiation(self.code) if on else b""


class Mccp3(Option):
    """Compression of what the peer sends. It says by an empty subnegotiation where it begins."""

    code = 87
    accepts = frozenset({Side.LOCAL})


class Deflater:
    """Compresses one connection's output."""

    __slots__ = ("_deflate",)

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(6, zlib.DEFLATED, _WINDOW, _MEMORY)

    def compress(self, data: bytes) -> bytes:
        """So that the peer can show all of it at once."""
        return self._deflate.compress(data) + self._deflate.flush(zlib.Z_SYNC_FLUSH)

    def finish(self) -> bytes:
        """The end of the stream, after which all is plain."""
        return self._deflate.flush(zlib.Z_FINISH)


class Budget:
    """What one read may become, in however many streams it came: a peer may end one and begin another.

    Args:
        came: bytes of the read.
        inflated_max: bytes that it may become; 0 means that ``RATIO_MAX`` alone is the limit.
    """

    __slots__ = ("_came", "_left", "_most")

    def __init__(self, came: int, inflated_max: int) -> None:
        most = max(RATIO_FREE, RATIO_MAX * came)
        self._came = came
        self._left = self._most = min(most, inflated_max) if inflated_max else most

    def take(self, size: int) -> None:
        """So many bytes have come of it.

        Raises:
            InflationTooLarge: that is more than it may become.
        """
        self._left -= size
        if self._left < 0:
            raise InflationTooLarge(self._came, self._most)


class Inflater:
    """Decompresses one connection's input.

    Attributes:
        rest: what came after the end of the stream, once it has ended, else ``None``.
    """

    __slots__ = ("_begun", "_inflate", "rest")

    def __init__(self) -> None:
        self._begun = False
        self._inflate = zlib.decompressobj()
        self.rest: bytes | None = None

    def inflate(self, data: bytes, budget: Budget) -> Iterator[bytes]:
        """What these bytes become, in pieces of at most ``INFLATED_PIECE`` bytes.

        Raises:
            InflationTooLarge: they become more than the budget of their read allows.
            ProtocolError: they are no zlib stream. If they do not even begin like one, the peer
                says that it compresses and does not (telnetlib3's fingerprint does so): they are
                the ``rest``.
        """
        if not self._begun and data:
            self._begun = True
            if not _may_begin_a_stream(data):
                self.rest = data
                return
        while True:
            piece = self._piece(data)
            budget.take(len(piece))
            if piece:
                yield piece
            data = self._inflate.unconsumed_tail
            if self._inflate.eof:
                self.rest = self._inflate.unused_data
                return
            if not data and len(piece) < INFLATED_PIECE:
                return

    def _piece(self, data: bytes) -> bytes:
        try:
            return self._inflate.decompress(data, INFLATED_PIECE)
        except zlib.error as error:
            raise ProtocolError(f"no zlib stream: {error}") from None


def _may_begin_a_stream(data: bytes) -> bool:
    """Whether the first bytes are those of a zlib stream (RFC 1950, section 2.2)."""
    deflates = data[0] & 0x0F == zlib.DEFLATED and data[0] >> 4 <= 7
    return deflates and (len(data) < 2 or int.from_bytes(data[:2], "big") % 31 == 0)
