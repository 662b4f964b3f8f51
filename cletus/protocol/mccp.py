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
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cletus.errors import InflationTooLarge, ProtocolError
from cletus.protocol.options import Option, Side
from cletus.protocol.telnet import subnegotiation

INFLATED_PIECE = 1024
"""Bytes that are inflated at once. Our choice, as ``connection.PIECE``."""

RATIO_MAX = 100
"""Inflated bytes for each byte received. Repetitive chat has ten; deflate cannot exceed 1,032."""

RATIO_FREE = 64 * 1024
"""Bytes that are inflated whatever their ratio: a person may well send ten equal lines."""

_SYNC = b"\0\0\xff\xff"  # with these bytes a flush ends, and the next block begins at a whole byte
_WINDOW_MAX = 32 * 1024  # how far back a stream may refer (RFC 1951, section 2)
_CHECKSUM = 4  # bytes at the end of a zlib stream (RFC 1950, section 2.2)

SINCE_MAX = 64 * 1024
"""Compressed bytes since the latest flush with which a stream can move to another process; with more, it
cannot until the next one. Our choice: programs flush after each line."""

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

    zlib cannot hand a stream that has begun to another process. But where a flush has ended, all that
    matters is the latest output, so that is kept, and what has come since.

    Attributes:
        unused: the bytes after the end of the stream; ``None`` until the stream has ended.
    """

    __slots__ = ("_begun", "_checksum", "_flushed", "_inflate", "_since", "_window", "unused")

    def __init__(self) -> None:
        self._begun = False
        self._inflate: Any = zlib.decompressobj()
        self.unused: bytes | None = None
        self._window = b""
        self._flushed: bytes | None = None  # the window at the latest flush; None before the first
        self._since = bytearray()
        self._checksum = 0  # its bytes that are still to come, of a stream that was taken over

    def snapshot(self) -> dict[str, Any] | None:
        """The state as plain data; ``None`` if the stream cannot move before the next flush."""
        if len(self._since) > SINCE_MAX or self._inflate.eof:
            return None
        return {"begun": self._begun, "flushed": self._flushed, "since": bytes(self._since)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue such a stream; for an inflater that has just been made."""
        self._begun, self._flushed = state["begun"], state["flushed"]
        self._since = bytearray(state["since"])
        if self._flushed is not None:
            self._window = self._flushed
            self._inflate = zlib.decompressobj(-zlib.MAX_WBITS, zdict=self._flushed)
            self._checksum = _CHECKSUM
        self._remember(self._inflate.decompress(state["since"]))

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
        if self._inflate.eof:
            self._end(data)
            return
        self._since += data[: SINCE_MAX + 1]
        while True:
            piece = self._piece(data)
            budget.take(len(piece))
            self._remember(piece)
            if piece:
                yield piece
            data = self._inflate.unconsumed_tail
            if self._inflate.eof:
                self._end(self._inflate.unused_data)
                return
            if not data and len(piece) < INFLATED_PIECE:
                break
        if self._since.endswith(_SYNC):
            self._flushed = self._window
            self._since.clear()

    def _remember(self, piece: bytes) -> None:
        self._window = (self._window + piece)[-_WINDOW_MAX:]

    def _end(self, rest: bytes) -> None:
        """The stream has ended. One that was taken over is read without zlib's frame: skip its end."""
        skipped = rest[: self._checksum]
        self._checksum -= len(skipped)
        if not self._checksum:
            self.unused = rest[len(skipped) :]

    def _piece(self, data: bytes) -> bytes:
        try:
            piece: bytes = self._inflate.decompress(data, INFLATED_PIECE)
        except zlib.error as error:
            raise ProtocolError(f"no zlib stream: {error}") from None
        return piece


def _may_begin_a_stream(data: bytes) -> bool:
    """Whether the first bytes may be those of a zlib stream (RFC 1950, section 2.2)."""
    deflates = data[0] & 0x0F == zlib.DEFLATED and data[0] >> 4 <= 7
    return deflates and (len(data) < 2 or int.from_bytes(data[:2], "big") % 31 == 0)
