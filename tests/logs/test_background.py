"""The log never blocks: its lines wait for a slow reader, up to a bound, and then are counted."""

from __future__ import annotations

import os
import resource
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cletus.logs.background import QUEUE_MAX, BackgroundWriter


class Pipe:
    """A pipe as standard error.

    Attributes:
        writer: writes into it.
    """

    def __init__(self) -> None:
        self.reading, writing = os.pipe()
        self.stream = os.fdopen(writing, "w")
        self.writer = BackgroundWriter(self.stream.fileno())

    def read(self, until: str) -> str:
        """Everything up to and with this."""
        data = b""
        while until.encode() not in data:
            data += os.read(self.reading, 1 << 16)
        return data.decode()

    def close(self) -> None:
        self.stream.close()
        os.close(self.reading)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.writer.close(0)
    pipe.close()


def test_what_is_written_arrives_in_order(pipe: Pipe) -> None:
    for number in range(1000):
        pipe.writer.write(f"line {number} ü\n")
    assert pipe.read("line 999 ü\n") == "".join(f"line {number} ü\n" for number in range(1000))
    assert pipe.writer.take_lost() == 0


def test_a_reader_that_has_stopped_does_not_hold_the_writer_up(pipe: Pipe) -> None:
    line = "x" * 999 + "\n"
    started = time.monotonic()
    for _ in range(3 * QUEUE_MAX // len(line)):
        pipe.writer.write(line)
    assert time.monotonic() - started < 5, "nothing waited for the reader"
    assert pipe.writer.take_lost() == 0, "the line with their number would be lost as well"
    lost = 0
    while not lost:
        os.read(pipe.reading, 1 << 16)
        lost = pipe.writer.take_lost()
    assert lost >= QUEUE_MAX // len(line)
    assert pipe.writer.take_lost() == 0, "they are counted once"


def test_when_the_reader_goes_on_later_lines_arrive(pipe: Pipe) -> None:
    line = "x" * 999 + "\n"
    for _ in range(2 * QUEUE_MAX // len(line)):
        pipe.writer.write(line)
    lost = 0
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        os.read(pipe.reading, 1 << 16)
        lost = lost or pipe.writer.take_lost()
        if lost:
            pipe.writer.write("later\n")
            break
    assert pipe.read("later\n")


def test_the_end_waits_for_what_is_still_to_be_written(pipe: Pipe) -> None:
    pipe.writer.write("last words\n")
    pipe.writer.close(5)
    assert pipe.read("\n") == "last words\n"


def test_the_end_does_not_wait_for_a_reader_that_has_stopped(pipe: Pipe) -> None:
    pipe.writer.write("x" * QUEUE_MAX)
    started = time.monotonic()
    pipe.writer.close(0.1)
    assert time.monotonic() - started < 5


def test_a_reader_that_is_gone_is_no_error(pipe: Pipe) -> None:
    os.close(pipe.reading)
    pipe.writer.write("to nobody\n")
    pipe.writer.close(5)
    pipe.reading = os.open("/dev/null", os.O_RDONLY)


def test_what_a_full_disk_does_not_take_is_counted() -> None:
    descriptor = os.open("/dev/full", os.O_WRONLY)
    writer = BackgroundWriter(descriptor)
    writer.write("one\n")
    writer.write("two\n")
    writer.wait(5)
    assert writer.take_lost() == 0, "the line with their number would be lost as well"
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, descriptor)
    writer.write("three\n")
    writer.wait(5)
    assert writer.take_lost() == 2
    writer.close(5)
    os.close(null)
    os.close(descriptor)


def test_a_line_after_one_that_was_cut_by_a_full_disk_begins_a_line(tmp_path: Path) -> None:
    """Both would be one line, which no reader of the log understands."""
    path = tmp_path / "log"
    limit, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with path.open("w") as file:
        writer = BackgroundWriter(file.fileno())
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (6, hard))
            writer.write("first\nsecond\n")
            writer.write("third\n")
            writer.wait(5)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
            signal.signal(signal.SIGXFSZ, before)
        writer.write("fourth\n")
        writer.close(5)
    assert path.read_text() == "first\n\nfourth\n"
    assert writer.take_lost() == 2


def test_a_pipe_that_another_process_has_made_non_blocking_takes_all_in_the_end(pipe: Pipe) -> None:
    os.set_blocking(pipe.stream.fileno(), False)
    line = "x" * 999 + "\n"
    for _ in range(200):  # a pipe holds 64 KiB
        pipe.writer.write(line)
    pipe.writer.write("the end\n")
    assert pipe.read("the end\n") == 200 * line + "the end\n"
    assert pipe.writer.take_lost() == 0


def test_its_thread_does_not_keep_the_process_alive_and_ends_with_it(pipe: Pipe) -> None:
    threads = [one for one in threading.enumerate() if one.name == "cletus log"]
    assert all(thread.daemon for thread in threads)
    pipe.writer.write("a line\n")
    pipe.writer.close(5)
    threads[-1].join(5)
    assert not threads[-1].is_alive()
