"""Writes the log in a thread, so that a reader who stops does not block the service.

Standard error may be a pipe to a pager, or to a collector that hangs; a pipe takes 64 KiB, and then each
write waits. So lines wait in a bounded queue instead, and those beyond it are counted.
"""

from __future__ import annotations

import atexit
import os
import select
import threading
from collections import deque
from typing import Final
from weakref import WeakSet

QUEUE_MAX: Final = 1 << 20
"""Maximum characters that wait to be written. Our choice: some thousand lines."""

CLOSE_TIME: Final = 1.0
"""Seconds that the last lines may take when the process ends."""


_writers: Final[WeakSet[BackgroundWriter]] = WeakSet()


def flush_log(timeout: float = CLOSE_TIME) -> None:
    """Wait until all that was logged is written, for at most these seconds; for ``os._exit()``."""
    for writer in tuple(_writers):
        writer.wait(timeout)


class BackgroundWriter:
    """Writes text to a file descriptor, in a daemon thread.

    The thread writes to the descriptor itself: a thread that is blocked inside of ``sys.stderr`` holds its
    lock, which Python needs at its end.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._changed = threading.Condition()
        self._texts: deque[str] = deque()
        self._size = 0  # of the texts, and of the one that is being written
        self._lost = 0
        self._is_failing = False
        self._is_closed = False
        threading.Thread(target=self._run, name="cletus log", daemon=True).start()
        atexit.register(self.close)
        _writers.add(self)

    def write(self, text: str) -> None:
        """Write a text soon. If too much is waiting, it is lost, and counted."""
        with self._changed:
            if self._size and self._size + len(text) > QUEUE_MAX:
                self._lost += 1
                return
            self._texts.append(text)
            self._size += len(text)
            self._changed.notify_all()

    def flush(self) -> None:
        """Part of a stream; nothing is to be done."""

    def take_lost(self) -> int:
        """How many texts were lost since the last call; 0 while that number could not be written."""
        with self._changed:
            if self._is_failing or self._size > QUEUE_MAX // 2:
                return 0  # the line that tells it would be lost, too, and the number with it
            lost, self._lost = self._lost, 0
        return lost

    def wait(self, timeout: float) -> None:
        """Wait until everything is written, for at most these seconds."""
        with self._changed:
            self._changed.wait_for(lambda: not self._size, timeout)

    def close(self, timeout: float = CLOSE_TIME) -> None:
        """Wait until everything is written, for at most these seconds. Nothing may be written after it."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._size, timeout)
        atexit.unregister(self.close)

    def _run(self) -> None:
        is_torn = False  # whether the last line was written in part
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._texts or self._is_closed)
                if not self._texts:
                    return
                text = self._texts.popleft()
            data = text.encode(errors="backslashreplace")
            left = self._write(b"\n" + data if is_torn else data)
            is_torn = (is_torn or len(left) < len(data)) if left else False
            with self._changed:
                self._is_failing = bool(left)
                self._lost += bool(left)
                self._size -= len(text)
                self._changed.notify_all()

    def _write(self, data: bytes) -> bytes:
        """Write what can be written; returns the rest, if the disk is full or the reader is gone."""
        while data:
            try:
                data = data[os.write(self._fd, data) :]
            except BlockingIOError:  # another process that shares it has made it non-blocking
                self._wait_for_room()
            except OSError:
                break
        return data

    def _wait_for_room(self) -> None:
        room = select.poll()
        room.register(self._fd, select.POLLOUT)
        room.poll()
