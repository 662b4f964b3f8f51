"""A time limit for code that is not ours, even if it never returns.

A timer signal raises ``TimedOut`` wherever that code happens to be. Code that swallows the exception
gets the next one 0.1 s later. A bare ``except:`` inside ``while True:`` would swallow every one of
them: so from the third on, a trace function raises at each line of the code, and at some point that
line is outside the ``try`` block. What no exception can end is a C function that never returns.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

#: Seconds between two signals, for code that swallows the first.
_INTERVAL = 0.1
#: How many signals are ignored while Python's import machinery is running: its locks are not made
#: for being interrupted. After that, it is a deadlock on one of them, and it is interrupted.
_IMPORT_PATIENCE = 10
#: From this signal on, the code is traced.
_TRACE_FROM = 3


class TimedOut(BaseException):
    """The time is up.

    Not an ``Exception``, so that ``except Exception`` in the code that is cut off does not catch it.
    """


def run_with_timeout(seconds: float, call: Callable[[], None]) -> None:
    """Call a function, and interrupt it if it takes longer than this.

    Signals arrive in the main thread only: in any other thread (tests, embedding) there is no limit.
    Nothing is raised after ``call`` has returned.

    Args:
        seconds: 0 means no limit.
        call: its return value is ignored.

    Raises:
        TimedOut: it took longer.
    """
    if not seconds or threading.current_thread() is not threading.main_thread():
        call()
        return
    timer = _Timer(seconds)
    timer.start()
    try:
        _limited(call)
    finally:
        timer.stop()


def _limited(call: Callable[[], None]) -> None:
    """While this frame is on the stack, ``call`` has not returned yet, and may be interrupted."""
    call()


class _Timer:
    """The process has one timer and one SIGALRM: borrowed from any other user, and given back."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._signals = 0
        self._started = 0.0
        self._former_timer: tuple[float, float] = (0.0, 0.0)
        self._former_handler: Any = None
        self._former_trace: Any = None
        # sys.gettrace() does not tell: Python removes a trace function that has raised.
        self._traces = False

    def start(self) -> None:
        """Signal after the time limit, and then again and again."""
        self._started = time.monotonic()
        self._former_trace = sys.gettrace()
        self._former_handler = signal.signal(signal.SIGALRM, self._on_signal)
        self._former_timer = signal.setitimer(signal.ITIMER_REAL, self._seconds, _INTERVAL)

    def stop(self) -> None:
        """Give the timer back, with the time that was left on it."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        if self._traces:
            sys.settrace(self._former_trace)
        if signal.getsignal(signal.SIGALRM) == self._on_signal:
            signal.signal(signal.SIGALRM, self._former_handler)
        remaining, interval = self._former_timer
        if remaining:
            left = remaining - (time.monotonic() - self._started)
            signal.setitimer(signal.ITIMER_REAL, max(left, 0.001), interval)

    def _on_signal(self, _signal: int, frame: FrameType | None) -> None:
        if frame is None or not _is_limited(frame):
            return  # before the call, or after it
        self._signals += 1
        if self._signals <= _IMPORT_PATIENCE and _is_importlib(frame):
            return
        if self._signals >= _TRACE_FROM:
            self._trace_all(frame)
        raise self._timed_out()

    def _timed_out(self) -> TimedOut:
        return TimedOut(f"not finished after {self._seconds:g} s")

    def _trace_all(self, innermost: FrameType) -> None:
        """Raise at the next line of every frame of the call, since this one catches everything."""
        for frame in _frames(innermost):
            if frame.f_code is _limited.__code__:
                break
            if not _is_importlib(frame):
                frame.f_trace = self._trace
        self._traces = True
        sys.settrace(self._trace)

    def _trace(self, frame: FrameType, event: str, _argument: object) -> Any:
        if frame.f_code.co_filename == __file__ or _is_importlib(frame):
            return None  # the last lines of _on_signal(); and what must not be interrupted
        if event == "line" and _is_limited(frame):
            raise self._timed_out()
        return self._trace


def _is_limited(innermost: FrameType) -> bool:
    return any(frame.f_code is _limited.__code__ for frame in _frames(innermost))


def _is_importlib(frame: FrameType) -> bool:
    return frame.f_code.co_filename.startswith("<frozen importlib")


def _frames(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back
