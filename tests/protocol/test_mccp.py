"""MCCP: what is inflated is bounded, however it was deflated."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cletus.errors import InflationTooLarge, ProtocolError
from cletus.protocol.mccp import INFLATED_PIECE, RATIO_FREE, Budget, Deflater, Inflater


def test_what_is_deflated_can_be_shown_at_once() -> None:
    deflater, inflater = Deflater(), zlib.decompressobj()
    for line in (b"hello\r\n", b"hello again\r\n"):
        assert inflater.decompress(deflater.compress(line)) == line
    inflater.decompress(deflater.finish())
    assert inflater.eof


@given(st.lists(st.binary(max_size=2000), max_size=8), st.integers(1, 50))
def test_what_was_deflated_comes_back_however_it_is_cut(texts: list[bytes], size: int) -> None:
    deflate = zlib.compressobj()
    data = b"".join(deflate.compress(text) + deflate.flush(zlib.Z_SYNC_FLUSH) for text in texts)
    inflater = Inflater()
    found = b""
    for start in range(0, len(data), size):
        found += b"".join(inflater.inflate(data[start : start + size], Budget(size, 0)))
    assert found == b"".join(texts)
    assert inflater.unused is None


def test_after_the_end_of_the_stream_all_is_plain() -> None:
    inflater = Inflater()
    assert list(inflater.inflate(zlib.compress(b"hello") + b"plain", Budget(9, 0))) == [b"hello"]
    assert inflater.unused == b"plain"


def test_a_bomb_is_given_up_in_time() -> None:
    """64 KiB would become 64 MiB; no piece is large, and it ends at the limit."""
    bomb = zlib.compress(b"\0" * (64 << 20))
    given: list[int] = []
    with pytest.raises(InflationTooLarge):
        given.extend(map(len, Inflater().inflate(bomb, Budget(len(bomb), 1 << 20))))
    assert max(given) <= INFLATED_PIECE
    assert sum(given) <= 1 << 20


def test_a_slow_bomb_is_bounded_for_each_read() -> None:
    """Without an absolute limit, the ratio holds."""
    bomb = zlib.compress(b"\0" * (64 << 20))[:2000]
    given: list[bytes] = []
    with pytest.raises(InflationTooLarge):
        given.extend(Inflater().inflate(bomb, Budget(len(bomb), 0)))
    assert sum(map(len, given)) <= max(RATIO_FREE, 100 * 2000)


def test_an_invalid_stream_is_a_protocol_error() -> None:
    with pytest.raises(ProtocolError, match="no zlib stream"):
        list(Inflater().inflate(b"\x78\x9c" + b"\xff" * 20, Budget(22, 0)))


@pytest.mark.parametrize("plain", [b"hello\r\n", b"\xff\xfb\x18", b"\x18\x00", b"xyz"])
def test_a_peer_that_says_that_it_compresses_and_does_not_is_read_as_plain(plain: bytes) -> None:
    """telnetlib3's fingerprint accepts MCCP3 and goes on in plain text."""
    inflater = Inflater()
    assert list(inflater.inflate(plain, Budget(len(plain), 0))) == []
    assert inflater.unused == plain


def test_several_streams_of_one_read_have_one_budget() -> None:
    """Otherwise a peer could send one bomb after another in one read."""
    budget, bomb = Budget(2000, 1 << 20), zlib.compress(b"\0" * 100_000)
    assert sum(map(len, Inflater().inflate(bomb, budget))) == 100_000
    with pytest.raises(InflationTooLarge):
        list(Inflater().inflate(zlib.compress(b"\0" * 200_000), budget))
