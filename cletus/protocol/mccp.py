"""MCCP2 and MCCP3, the MUD Client Compression Protocol (options 86 and 87): zlib (RFC 1950).

MCCP2 compresses what we send, from the byte after ``IAC SB 86 IAC SE``. MCCP3 compresses what the
peer sends, from the byte after its ``IAC SB 87 IAC SE``, which may stand in the middle of what has
just arrived.

Deflating needs no limit, since we know what we send. Inflating does: a few bytes of the peer can become
a thousand times as many. So an ``Inflater`` gives what it inflates in pieces, and raises when they
become too much.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator

from cletus.errors import InflationTooLarge, ProtocolError
from cletus.protocol.options import Option, Side
from cletus.protocol.telnet import subnegotiation

INFLATED_PIECE = 1024
"""Bytes that are inflated at once. Our choice, as ``connection.PIECE``."""

RATIO_MAX = 100
"""Inflated bytes for each byte received. Repetitive chat has ten; deflate cannot exceed 1,032."""

RATIO_FREE = 64 * 1024
"""Bytes that are inflated whatever their ratio: a person may well send ten equal lines."""

# 32 KiB for each connection instead of 256 (zlib.h, "deflateInit2": (1 << wbits+2) + (1 << level+9)).
_WINDOW, _MEMORY = 12, 5


class Mccp2(Option):
    """MCCP2: compression of what we send.

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
        """The peer wants compression, or does not any more."""
        self._compress(on)
        return subnegotiation(self.code) if on else b""


class Mccp3(Option):
    """MCCP3: compression of what the peer sends, which begins after its empty subnegotiation."""

    code = 87
    accepts = frozenset({Side.LOCAL})


class Deflater:
    """Compresses one connection's output."""

    __slots__ = ("_deflate",)

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(6, zlib.DEFLATED, _WINDOW, _MEMORY)

    def compress(self, data: bytes) -> bytes:
        """The compressed bytes, flushed, so that the peer can show all of the data at once."""
        return self._deflate.compress(data) + self._deflate.flush(zlib.Z_SYNC_FLUSH)

    def finish(self) -> bytes:
        """The end of the stream. What follows it is plain."""
        return self._deflate.flush(zlib.Z_FINISH)


class Budget:
    """How many bytes one chunk may inflate to, all streams in it together.

    Args:
        size: bytes of the chunk.
        inflated_max: the limit; 0 means that ``RATIO_MAX`` is the only limit.
    """

    __slots__ = ("_left", "_limit", "_size")

    def __init__(self, size: int, inflated_max: int) -> None:
        limit = max(RATIO_FREE, RATIO_MAX * size)
        self._size = size
        self._left = self._limit = min(limit, inflated_max) if inflated_max else limit

    def take(self, size: int) -> None:
        """Count so many inflated bytes.

        Raises:
            InflationTooLarge: they are too many.
        """
        self._left -= size
        if self._left < 0:
            raise InflationTooLarge(self._size, self._limit)


class Inflater:
    """Decompresses one connection's input.

    Attributes:
        unused: the bytes after the end of the stream; ``None`` until the stream has ended.
    """

    __slots__ = ("_begun", "_inflate", "unused")

    def __init__(self) -> None:
        self._begun = False
        self._inflate = zlib.decompressobj()
        self.unused: bytes | None = None

    @property
    def unread(self) -> int:
        """Bytes that ``inflate()`` has not come to yet."""
        return len(self._inflate.unconsumed_tail)

    def inflate(self, data: bytes, budget: Budget) -> Iterator[bytes]:
        """The inflated bytes, in pieces of at most ``INFLATED_PIECE`` bytes.

        If the first bytes do not even look like a zlib stream, the peer says that it compresses and
        does not (telnetlib3's fingerprint does so): the stream has ended, and they are ``unused``.

        Raises:
            InflationTooLarge: they become more than the budget allows.
            ProtocolError: they are not a zlib stream.
        """
        if not self._begun and data:
            self._begun = True
            if not _may_begin_a_stream(data):
                self.unused = data
                return
        while True:
            piece = self._piece(data)
            budget.take(len(piece))
            if piece:
                yield piece
            data = self._inflate.unconsumed_tail
            if self._inflate.eof:
                self.unused = self._inflate.unused_data
                return
            if not data and len(piece) < INFLATED_PIECE:
                return

    def _piece(self, data: bytes) -> bytes:
        try:
            return self._inflate.decompress(data, INFLATED_PIECE)
        except zlib.error as error:
            raise ProtocolError(f"no zlib stream: {error}") from None


def _may_begin_a_stream(data: bytes) -> bool:
    """Whether the first bytes may be those of a zlib stream (RFC 1950, section 2.2)."""
    deflates = data[0] & 0x0F == zlib.DEFLATED and data[0] >> 4 <= 7
    return deflates and (len(data) < 2 or int.from_bytes(data[:2], "big") % 31 == 0)
