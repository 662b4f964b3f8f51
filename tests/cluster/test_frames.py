"""The wire format: what is unknown is skipped, and nothing that arrives raises."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from cletus.cluster import frames
from cletus.cluster.frames import (
    VERSION,
    Ack,
    Beat,
    Gap,
    Hello,
    Line,
    Position,
    RemoteConnection,
    Sent,
    Told,
    Write,
)


def told(*parts: bytes) -> bytes:
    at = Position(3, 2, 1)
    return frames.encode_entry(Told(VERSION, "g", 7, at, 1, list(map(msgspec.Raw, parts))))


def test_what_is_told_arrives() -> None:
    connection = RemoteConnection(
        1, "ssh", "192.0.2.1:5", {"columns": 80}, ("ann", True), b"l", 3, ["hi"]
    )
    parts = [Hello(Position(3, 1, 9), [connection]), Line(1, 5, "ß"), Beat(), Gap()]
    data = told(*(bytes(memoryview(frames.encode(part))) for part in parts))
    entry = frames.decode_told(data)
    assert entry is not None
    assert (entry.gateway, entry.at) == ("g", Position(3, 2, 1))
    assert list(frames.events_of(entry)) == parts


def test_what_is_sent_arrives() -> None:
    parts = [Write(b"\xff\xef", frames.pack([1, 2**32 - 1])), Ack({1: 2})]
    sent = Sent(VERSION, 1, 2, 3, list(map(frames.encode, parts)))
    entry = frames.decode_sent(frames.encode_entry(sent))
    assert entry is not None
    assert list(frames.frames_of(entry)) == parts
    assert list(frames.unpack(parts[0].to + b"rest"[:3])) == [1, 2**32 - 1]


def test_a_part_of_a_newer_version_is_skipped_and_the_others_are_read() -> None:
    newer = msgspec.msgpack.encode(["levitate", 1])
    longer = msgspec.msgpack.encode(["line", 1, 2, "hi", "a field that is new"])
    entry = frames.decode_told(told(newer, longer))
    assert entry is not None
    assert list(frames.events_of(entry)) == [Line(1, 2, "hi")]


def test_a_version_that_is_not_known_is_skipped() -> None:
    data = msgspec.msgpack.encode([VERSION + 1, "g", 7, [0, 0, 0], 1, []])
    assert frames.decode_told(data) is None


@given(data=st.binary(max_size=200))
def test_bytes_of_anybody_raise_nothing(data: bytes) -> None:
    frames.decode_told(data)
    frames.decode_sent(data)


@given(data=st.binary(max_size=200))
def test_parts_of_anybody_raise_nothing(data: bytes) -> None:
    entry = Told(VERSION, "g", 7, Position(), 1, [msgspec.Raw(data)])
    list(frames.events_of(entry))
    list(frames.frames_of(Sent(VERSION, 1, 1, 1, [msgspec.Raw(data)])))


def test_many_parts_are_cut_into_entries_that_the_bus_takes() -> None:
    parts = [frames.encode(Write(bytes(100_000), b""))] * 12
    sizes = [sum(len(memoryview(part)) for part in chunk) for chunk in frames.chunks(parts)]
    assert sum(sizes) == sum(len(memoryview(part)) for part in parts)
    assert max(sizes) <= frames.ENTRY_SIZE
