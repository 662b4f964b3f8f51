"""A time limit for code that is not ours, even if it never returns.

An alarm raises ``TimedOut`` wherever that code happens to be. Code that catches it is raised
at again, and code that catches everything, with a bare ``except:``, is raised at on each of its
lines, so that one of them lies outside of its ``try``. What no exception can end is a C function
that never returns to Python.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

#: Seconds between one alarm and the next, for code that swallows the first.
_AGAIN = 0.1
#: So many alarms are let pass if they come in the middle of Python's own import machinery, whose
#: locks are not made for being interrupted. A deadlock on one of them is interrupted after that.
_PATIENCE = 10
#: From this alarm on, code that catches everything is raised at on each of its lines.
_INSISTENCE = 3


class TimedOut(BaseException):
    """The time is up. Not an ``Exception``, so that the code's own ``except Exception`` lets it by."""


def run_with_timeout(seconds: float, call: Callable[[], None]) -> None:
    """Call something, and cut it off when it takes longer than this.

    It works in the main thread only, where signals arrive; elsewhere (tests, embedding) there is no
    limit. Nothing is raised any more once ``call`` has returned.

    Args:
        seconds: 0 means no limit.
        call: takes nothing; what it returns is ignored.

    Raises:
        DeadlinePassed: it took longer.
    """
    if not seconds or threading.current_thread() is not threading.main_thread():
        call()
        return
    alarm = _Alarm(seconds)
    alarm.set()
    try:
        _inside(call)
    finally:
        alarm.unset()


def _inside(call: Callable[[], None]) -> None:
    """The frame that tells the alarm that the call has not returned yet."""
    call()


class _Alarm:
    """The process's one alarm clock, lent from whoever else uses it."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._rung = 0
        self._began = 0.0
        self._others: tuple[float, float] = (0.0, 0.0)
        self._others_ring: Any = None
        self._trace: Any = None
        #: Asked here and not of ``sys.gettrace()``: Python itself takes a trace function that raised away.
        self._insists = False

    def set(self) -> None:
        """Ring after that many seconds, and then again and again."""
        self._began = time.monotonic()
        self._trace = sys.gettrace()
        self._others_ring = signal.signal(signal.SIGALRM, self._ring)
        self._others = signal.setitimer(signal.ITIMER_REAL, self._seconds, _AGAIN)

    def unset(self) -> None:
        """Give the alarm clock back, with what was left on it."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        if self._insists:
            sys.settrace(self._trace)
        if signal.getsignal(signal.SIGALRM) == self._ring:
            signal.signal(signal.SIGALRM, self._others_ring)
        remaining, interval = self._others
        if remaining:
            left = remaining - (time.monotonic() - self._began)
            signal.setitimer(signal.ITIMER_REAL, max(left, 0.001), interval)

    def _ring(self, _signal: int, frame: FrameType | None) -> None:
        if frame is None or not _is_inside(frame):
            return
        self._rung += 1
        if self._rung <= _PATIENCE and _is_importlib(frame):
            return
        if self._rung >= _INSISTENCE:
            self._trace_all(frame)
        raise self._passed()

    def _passed(self) -> TimedOut:
        return TimedOut(f"not finished after {self._seconds:g} seconds")

    def _trace_all(self, frame: FrameType) -> None:
        """Raise on the next line of every frame of the call, since this one catches everything."""
        for one in _frames(frame):
            if one.f_code is _inside.__code__:
                break
            if not _is_importlib(one):
                one.f_trace = self._insist
        self._insists = True
        sys.settrace(self._insist)

    def _insist(self, frame: FrameType, event: str, _argument: object) -> Any:
        if frame.f_code.co_filename == __file__ or _is_importlib(frame):
            return None  # our own last steps in _ring(); and what must not be interrupted
        if event == "line" and _is_inside(frame):
            raise self._passed()
        return self._insist


def _is_inside(frame: FrameType) -> bool:
    return any(one.f_code is _inside.__code__ for one in _frames(frame))


def _is_importlib(frame: FrameType) -> bool:
    return frame.f_code.co_filename.startswith("<frozen importlib")


def _frames(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back
