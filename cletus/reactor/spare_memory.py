"""Gives memory back to the system after many people have left.

Clients are parts of cycles, so only Python's garbage collector frees them, and it does not run while nothing
happens. What is free then lies in small pieces all over the heap, and the allocator keeps those.
"""

from __future__ import annotations

import ctypes
import gc
import linecache
from typing import Any, Final

from cletus.reactor.clock import Clock

LEFT_MIN: Final = 1000
"""People who have left since the last time. Our choice: fewer are not worth a full collection."""

DELAY: Final = 5.0
"""Seconds without anybody leaving until it is done. Our choice."""

INTERVAL: Final = 60.0
"""Seconds between two times: a collection holds the reactor for a tenth of a second. Our choice."""


class SpareMemory:
    """Counts those who leave.

    Args:
        clock: the reactor of the service.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._count = 0
        self._former_count = 0
        self._done_at = -INTERVAL
        self._timer: Any = None

    def left(self) -> None:
        """Somebody has left."""
        self._count += 1
        if self._count >= LEFT_MIN and self._timer is None:
            pause = self._done_at + INTERVAL - self._clock.seconds()
            self._timer = self._clock.callLater(max(DELAY, pause), self._give_back)

    def _give_back(self) -> None:
        self._timer = None
        if self._count != self._former_count:  # the wave may not be over
            self._former_count = self._count
            self._timer = self._clock.callLater(DELAY, self._give_back)
            return
        self._count = self._former_count = 0
        self._done_at = self._clock.seconds()
        give_back()


def give_back() -> None:
    """Collect garbage, and give all free memory back, as far as the allocator of the system can (glibc)."""
    gc.collect()
    _forget_source_lines()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _forget_source_lines() -> None:
    """Forget the lines of files that tracebacks have shown: they can be read again.

    Python keeps them as thousands of small strings. Allocated while many people are there, they keep half of
    the heap from being given back when those have left.
    """
    for path, entry in tuple(linecache.cache.items()):
        # Without a time stamp it is a module of the application or generated code, which cannot be read again.
        if len(entry) > 1 and entry[1] is not None:
            linecache.cache.pop(path, None)
