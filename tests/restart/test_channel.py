"""Frames arrive whole, with their descriptors, or the end of the other side is noticed, at whatever byte."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator

import pytest

from cletus.errors import RestartError
from cletus.restart.channel import (
    DESCRIPTORS_MAX,
    Channel,
    ChannelClosed,
    DeadlinePassed,
    FrameType,
    close_all,
    file_of,
    pieces_of,
)


@pytest.fixture
def pair() -> Iterator[tuple[Channel, Channel]]:
    ours, theirs = (Channel(end) for end in socket.socketpair())
    yield ours, theirs
    ours.close()
    theirs.close()


def soon() -> float:
    return time.monotonic() + 5


def open_descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


def test_a_frame_arrives_with_its_descriptors(pair: tuple[Channel, Channel]) -> None:
    ours, theirs = pair
    file = file_of((b"own", b"", b"values" * 1000))
    ours.send(FrameType.HEAD, b"payload", (file, file), deadline=soon())
    ours.send(FrameType.END)
    frame = theirs.receive(deadline=soon())
    assert (frame.type, frame.payload) == (FrameType.HEAD, b"payload")
    assert [pieces_of(each) for each in frame.descriptors] == [[b"own", b"", b"values" * 1000]] * 2
    assert not any(map(os.get_inheritable, frame.descriptors))
    assert theirs.receive(deadline=soon()).type is FrameType.END
    close_all([file, *frame.descriptors])


def test_as_many_descriptors_as_a_frame_may_have(pair: tuple[Channel, Channel]) -> None:
    ours, theirs = pair
    before = open_descriptors()
    ours.send(FrameType.DESCRIPTORS, b"", [0] * DESCRIPTORS_MAX)
    frame = theirs.receive(deadline=soon())
    assert len(frame.descriptors) == len(set(frame.descriptors)) == DESCRIPTORS_MAX
    close_all(frame.descriptors)
    assert open_descriptors() == before


@pytest.mark.parametrize("cut", range(21))
def test_the_end_at_any_byte(cut: int) -> None:
    """Nothing is taken for a frame that is not whole, and its descriptors are closed."""
    recorded, recorder = socket.socketpair()
    Channel(recorded).send(FrameType.HEAD, b"12345678")
    whole = recorder.recv(100)
    assert len(whole) == 20
    recorded.close()
    recorder.close()
    ours, theirs = socket.socketpair()
    before = open_descriptors()
    if cut:
        socket.send_fds(ours, [whole[:cut]], [0])
    ours.close()
    channel = Channel(theirs)
    with pytest.raises(RestartError):  # also of a whole one: it says that it has no descriptor
        channel.receive(deadline=soon())
    channel.close()
    assert open_descriptors() < before


def test_a_deadline_that_passes(pair: tuple[Channel, Channel]) -> None:
    ours, _ = pair
    with pytest.raises(DeadlinePassed):
        ours.receive(deadline=time.monotonic() + 0.01)
    with pytest.raises(DeadlinePassed):
        ours.receive(deadline=time.monotonic() - 1)
    with pytest.raises(DeadlinePassed):  # nobody reads
        ours.send(FrameType.HEAD, b"x" * 10_000_000, deadline=time.monotonic() + 0.05)


def test_the_other_end_is_gone(pair: tuple[Channel, Channel]) -> None:
    ours, theirs = pair
    theirs.close()
    with pytest.raises(ChannelClosed):
        ours.receive()
    with pytest.raises(ChannelClosed):
        ours.send(FrameType.GO)


def test_what_is_not_a_frame() -> None:
    ours, theirs = socket.socketpair()
    ours.sendall(b"GET / HTTP/1.1\r\n")
    channel = Channel(theirs)
    with pytest.raises(RestartError):
        channel.receive(deadline=soon())
    ours.close()
    channel.close()


def test_descriptors_that_do_not_fit(pair: tuple[Channel, Channel]) -> None:
    """The kernel drops those beyond the limit of the process: that must not pass unnoticed."""
    import resource

    ours, theirs = pair
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    ours.send(FrameType.DESCRIPTORS, b"", [0] * 100)
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + 50, hard))
    try:
        with pytest.raises(RestartError, match="descriptors were lost"):
            theirs.receive(deadline=soon())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
