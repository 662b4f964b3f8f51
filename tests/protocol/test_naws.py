"""NAWS: two numbers, clamped."""

from __future__ import annotations

import pytest

from cletus.protocol.naws import WindowSize


@pytest.mark.parametrize(
    ("payload", "size"),
    [
        (b"\0\x64\0\x1e", [(100, 30)]),
        (b"\0\0\0\0", [(0, 0)]),  # curl does not know
        (b"\xff\xff\xff\xff", [(500, 500)]),
        (b"\0\1\0\1", [(20, 5)]),
        (b"\0\x50", []),
        (b"", []),
        (b"\0\x50\0\x18\0", []),
    ],
)
def test_sizes(payload: bytes, size: list[tuple[int, int]]) -> None:
    sizes: list[tuple[int, int]] = []
    option = WindowSize(lambda columns, rows: sizes.append((columns, rows)))
    assert option.received(payload) == b""
    assert sizes == size
