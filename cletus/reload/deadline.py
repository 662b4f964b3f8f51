"""A time limit for code that is not ours, even if it never returns."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class DeadlinePassed(BaseException):
    """The time is up. Not an ``Exception``, so that the code's own ``except Exception`` lets it by."""


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Raise ``DeadlinePassed`` inside the block when it takes longer than this.

    It works in the main thread only, where signals arrive; elsewhere (tests, embedding) there is no
    limit. A bare ``except:`` in the code can still swallow it: that is Python's limit.

    Args:
        seconds: 0 means no limit.
    """
    if not seconds or threading.current_thread() is not threading.main_thread():
        yield
        return
    armed = True

    def ring(_signal: int, _frame: FrameType | None) -> None:
        if armed:
            raise DeadlinePassed(f"not finished after {seconds:g} seconds")

    previous = signal.signal(signal.SIGALRM, ring)
    # Rings again and again, since code may swallow the first.
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.1)
    try:
        yield
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
