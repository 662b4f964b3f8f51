"""A connection that is cut anywhere, and continued by another one, gives the same events and answers."""

from __future__ import annotations

import random
import zlib

import pytest

from cletus.protocol.connection import Connection, Event, Failed, Reply
from cletus.protocol.mccp import SINCE_MAX, Budget, Inflater
from cletus.protocol.telnet import IAC, SB, SE

_OPTIONS = (1, 3, 24, 25, 31, 39, 42, 69, 70, 86, 87, 91, 201)

_PIECES = (
    b"look\r\n",
    b"say hello",
    b"\r",
    b"\n",
    b"\0",
    "sch\xf6n \u20ac\U0001f600".encode(),
    b"\x7f\x08",
    bytes((IAC, 246)),
    bytes((IAC, 244)),
    bytes((IAC, IAC)),
    bytes((IAC, 248)),
    bytes((IAC, SB, 31, 0, 100, 0, 40, IAC, SE)),
    bytes((IAC, SB, 24, 0)) + b"XTERM-256COLOR" + bytes((IAC, SE)),
    bytes((IAC, SB, 42, 2)) + b"UTF-8" + bytes((IAC, SE)),
    bytes((IAC, SB, 201)) + b'Core.Supports.Set ["Char 1"]' + bytes((IAC, SE)),
    bytes((IAC, SB, 69, 1)) + b"REPORT" + b"\x02ROOM_INFO" + bytes((IAC, SE)),
    bytes((IAC, SB, 201)) + b"a subnegotiation without an end",
)


def new() -> Connection:
    return Connection(
        line_max=100,
        subnegotiation_max=100,
        inflated_max=0,
        clock=lambda: 1000.0,
        compression=True,
        character_mode=True,
    )


def continued(connection: Connection) -> Connection:
    """Another connection, with the state of this one."""
    successor = new()
    connection.leave()
    successor.restore(connection.snapshot())
    successor.stay()
    return successor


def chatter(source: random.Random) -> bytes:
    """What a peer may send: text, commands and negotiations, in no order."""
    pieces = [
        source.choice(_PIECES)
        if source.random() < 0.6
        else bytes((IAC, source.choice((251, 252, 253, 254)), source.choice(_OPTIONS)))
        for _ in range(30)
    ]
    return b"".join(pieces)


def heard(events: list[Event]) -> list[object]:
    """The events, the bytes of which may be compressed differently, as they can be compared."""
    return [type(event) if isinstance(event, Reply) else event for event in events]


@pytest.mark.parametrize("seed", range(150))
def test_s7_a_cut_anywhere_changes_nothing(seed: int) -> None:
    source = random.Random(seed)
    data = chatter(source)
    whole, moved = new(), new()
    assert whole.open() == moved.open()
    position = 0
    while position < len(data):
        size = source.choice((1, 2, 3, 7, 50))
        chunk = data[position : position + size]
        position += size
        expected, actual = list(whole.receive(chunk)), list(moved.receive(chunk))
        assert heard(actual) == heard(expected)
        assert not any(isinstance(event, Failed) for event in actual)
        assert moved.prompt_mark() == whole.prompt_mark()
        assert moved.message("Room.Info", {"num": 1}) == whole.message("Room.Info", {"num": 1})
        state = moved.snapshot()
        moved = continued(moved)
        assert moved.snapshot() == state
        assert moved.terminal.profile is whole.terminal.profile


def test_compressed_output_ends_and_begins_again() -> None:
    connection = new()
    connection.open()
    sent = b"".join(
        event.data
        for event in connection.receive(bytes((IAC, 253, 86)))
        if isinstance(event, Reply)
    )
    begin = bytes((IAC, SB, 86, IAC, SE))
    assert sent.endswith(begin)
    first = connection.send(b"one") + connection.leave()
    successor = new()
    successor.restore(connection.snapshot())
    again = successor.stay()
    second = successor.send(b"two")
    stream = zlib.decompressobj()
    assert stream.decompress(first) == b"one"
    assert stream.eof
    assert again == begin
    assert zlib.decompressobj().decompress(second) == b"two"


@pytest.mark.parametrize("seed", range(40))
def test_s7_compressed_input_continues(seed: int) -> None:
    source = random.Random(seed)
    text = b"".join(source.choice((b"say hello\r\n", b"look\r\n", b"x" * 300)) for _ in range(60))
    packer = zlib.compressobj()
    stream = b"".join(
        packer.compress(text[at : at + 50]) + packer.flush(zlib.Z_SYNC_FLUSH)
        for at in range(0, len(text), 50)
    )
    stream += packer.flush() + b"plain again"
    inflater, got, rest = Inflater(), b"", stream
    while inflater.unused is None:
        size = source.choice((1, 5, 40, 200))
        got += b"".join(inflater.inflate(rest[:size], Budget(size, 0)))
        rest = rest[size:]
        state = inflater.snapshot()
        if state is not None and inflater.unused is None:
            inflater = Inflater()
            inflater.restore(state)
    assert got == text
    assert inflater.unused + rest == b"plain again"


def test_a_stream_without_a_flush_cannot_move() -> None:
    source = random.Random(1)
    inflater = Inflater()
    data = zlib.compress(source.randbytes(2 * SINCE_MAX))
    assert inflater.snapshot() is not None
    for _ in inflater.inflate(data[: SINCE_MAX + 100], Budget(1 << 20, 0)):
        pass
    assert inflater.snapshot() is None
