"""A time limit for each call of the application's code in the reactor's thread.

A line costs nothing for it. Ten times a second the reactor sets the timer of the process, so that the
timer's signal comes only while something holds the reactor up. The handler of the signal looks at the
stack: the outermost frame of the application is the call that runs now. If that frame is still there
after the time limit, the handler raises ``CallTimedOut`` in the application's code. A frame of Cletus
or Twisted that the application has called is not interrupted, so that a save is never left half done:
the exception is raised when that frame has returned.

C code that does not return to Python cannot be interrupted. A thread logs its stack, and ends the
process if it was asked to stop meanwhile.
"""

from __future__ import annotations

import linecache
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from types import FrameType
from typing import Any, Final

from twisted.internet.interfaces import IReactorThreads
from twisted.logger import Logger

from cletus.errors import CallTimedOut
from cletus.meters import Meters

HELD_UP: Final = 0.25
"""Seconds for which the reactor may be busy with one thing before that is logged. Our choice."""
_BEAT: Final = 0.1
"""Seconds between two settings of the timer, and between two signals of a timer that has expired."""
_TRACE_FROM: Final = 3
"""The code is traced from this attempt on: it may catch everything, but not on each of its lines."""
_C_PATIENCE: Final = 1.0
"""Seconds past the time limit after which code is taken not to be interruptible."""
_STACK_MAX: Final = 30
"""Innermost frames that are logged."""
_NEVER_TORN: Final = frozenset({"cletus", "twisted", "asyncio", "importlib", "_frozen_importlib"})
_DEBUGGERS: Final = frozenset({"bdb", "pdb", "ipdb", "pudb", "debugpy", "pydevd", "_pydevd_bundle"})

_log = Logger()


class CallTimeout:
    """Interrupts the application's calls of one service.

    The process has one timer and one SIGALRM. Others may borrow them and give them back, as the import
    of a reload does; while they have them, nothing is interrupted.

    Args:
        limit: returns the seconds that a call may take; 0 means no limit.
        owns: whether a module of this dotted name is the application's.
        metrics: counts hold-ups and interrupted calls.
    """

    def __init__(
        self, limit: Callable[[], float], owns: Callable[[str | None], bool], metrics: Meters
    ) -> None:
        self._limit = limit
        self._owns = owns
        self._metrics = metrics
        self._reactor: Any = None
        self._next_beat: Any = None
        self._at_end: Any = None
        self._beat_at = 0.0
        self._former_handler: Any = None
        self._former_trace: Any = None
        self._traces = False
        self._protected = False
        #: The frames below the reactor, by their ids: they are there as long as it runs.
        self._below: frozenset[int] = frozenset()
        #: The outermost frame of the application when the latest signal came, and since when.
        self._call: FrameType | None = None
        self._called_at = 0.0
        self._attempts = 0
        self._stack = ""
        self._watch: _Watch | None = None

    def start(self, reactor: Any) -> None:
        """Begin, if this is a real reactor in the main thread: Python's signals arrive only there."""
        is_main = threading.current_thread() is threading.main_thread()
        if IReactorThreads.providedBy(reactor) and is_main:
            self._reactor = reactor
            # The reactor may not run yet, and installs handlers of its own when it begins.
            self._next_beat = reactor.callLater(0, self._begin)
            # A program may end without stopping its service: the signal would kill it then.
            self._at_end = reactor.addSystemEventTrigger("after", "shutdown", self._shut_down)

    def stop(self) -> None:
        """Interrupt nothing any more, and give the timer and its signal back."""
        if self._next_beat is not None and self._next_beat.active():
            self._next_beat.cancel()
        self._next_beat = None
        self._end_call()
        if self._at_end is not None:
            self._reactor.removeSystemEventTrigger(self._at_end)
            self._at_end = None
        if self._watch is not None:
            self._watch.stop()
            self._watch = None
            if signal.getsignal(signal.SIGALRM) == self._on_signal:
                signal.setitimer(signal.ITIMER_REAL, 0)
                signal.signal(signal.SIGALRM, self._former_handler)

    def _shut_down(self) -> None:
        self._at_end = None
        self.stop()

    @contextmanager
    def protected(self) -> Iterator[None]:
        """Nothing is interrupted inside, as in a reload, which has a time limit of its own."""
        self._protected = True
        try:
            yield
        finally:
            self._protected = False

    def _begin(self) -> None:
        self._below = frozenset(map(id, _frames(sys._getframe())))
        self._former_handler = signal.signal(signal.SIGALRM, self._on_signal)
        self._watch = _Watch(self._limit)
        self._beat_at = time.monotonic()
        self._beat()

    def _beat(self) -> None:
        """The reactor is not held up: set the timer again."""
        now = time.monotonic()
        if self._stack:
            self._log_held_up(now - self._beat_at)
        self._end_call()
        self._beat_at = now
        if self._watch is not None:
            self._watch.beat_at = now
        signal.setitimer(signal.ITIMER_REAL, HELD_UP + _BEAT, _BEAT)
        self._next_beat = self._reactor.callLater(_BEAT, self._beat)

    def _end_call(self) -> None:
        self._call, self._stack, self._attempts = None, "", 0
        if self._traces:
            sys.settrace(self._former_trace)
            self._traces = False

    def _log_held_up(self, seconds: float) -> None:
        self._metrics.held_up.add()
        _log.warn(
            "The reactor was held up for {seconds:.2f} s, here:\n{stack}",
            seconds=seconds,
            stack=self._stack,
        )

    # -- in the handler of the signal -------------------------------------------------------

    def _on_signal(self, _signal: int, frame: FrameType | None) -> None:
        if frame is None or self._protected or self._reactor is None:
            return
        above = [
            present for present in _frames(frame) if id(present) not in self._below
        ]  # the innermost first
        call = next((present for present in reversed(above) if self._is_ours(present)), None)
        now = time.monotonic()
        self._stack = self._stack or stack_of(frame)
        if call is None or call is not self._call or _is_debugged(above):
            self._call, self._called_at, self._attempts = call, now, 0
            return
        limit = self._limit()
        # The call has begun before the first signal that met it.
        is_over = limit and now - self._called_at >= max(limit - HELD_UP - _BEAT, 0)
        if is_over or (self._watch is not None and self._watch.is_terminated):
            self._interrupt(above, now - self._called_at + HELD_UP)

    def _interrupt(self, above: list[FrameType], seconds: float) -> None:
        self._attempts += 1
        if self._attempts == 1:
            self._metrics.interrupted.add()
        innermost_first = ((self._is_ours(frame), _root_of(frame)) for frame in above)
        inside = next(ours for ours, root in innermost_first if ours or root in _NEVER_TORN)
        if not inside or self._attempts >= _TRACE_FROM:
            self._trace_calls(above)
        if inside:
            raise CallTimedOut(seconds)

    def _trace_calls(self, above: list[FrameType]) -> None:
        """Raise at the next instruction that the application's own frames execute."""
        if not self._traces:
            self._former_trace = sys.gettrace()
            self._traces = True
        for frame in filter(self._is_ours, above):
            frame.f_trace = self._trace
            frame.f_trace_opcodes = True
        sys.settrace(_trace_nothing)  # Python looks at f_trace only while there is a trace function

    def _trace(self, frame: FrameType, event: str, _argument: object) -> Any:
        # Some instructions have no line: Twisted cannot format a traceback that leads to one.
        if event in ("line", "opcode") and self._traces and frame.f_lineno is not None:
            frame.f_trace_opcodes = False
            raise CallTimedOut(time.monotonic() - self._called_at + HELD_UP)
        return self._trace

    def _is_ours(self, frame: FrameType) -> bool:
        return self._owns(frame.f_globals.get("__name__"))


class _Watch:
    """A thread that watches over the reactor's thread when that executes no Python code at all.

    The handler of a signal runs in the reactor's thread alone. But the numbers of signals that have
    come are written to the wake-up descriptor at once; they are passed on to Twisted's.

    Attributes:
        beat_at: when the reactor was known not to be held up, by ``time.monotonic()``.
        is_terminated: whether a signal has come that asks the process to end.
    """

    def __init__(self, limit: Callable[[], float]) -> None:
        self._limit = limit
        self._thread = threading.get_ident()
        self._logged_at = 0.0
        self.beat_at = time.monotonic()
        self.is_terminated = False
        #: Whether system calls go on after the timer's signal.
        self._restarts = False
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        os.set_blocking(self._reader, False)
        self._former_fd = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._is_stopped = False
        self._runner = threading.Thread(target=self._run, name="cletus call timeout", daemon=True)
        self._runner.start()

    def stop(self) -> None:
        """End the thread."""
        with suppress(ValueError):  # its descriptor is closed: Twisted's reactor has gone first
            if signal.set_wakeup_fd(self._former_fd) != self._writer:
                _log.debug("Somebody else has set the wake-up descriptor")
        self._is_stopped = True
        os.write(self._writer, b"\0")
        self._runner.join()
        self._let_restart(False)
        os.close(self._reader)
        os.close(self._writer)

    def _run(self) -> None:
        while not self._is_stopped:
            if select.select([self._reader], [], [], HELD_UP)[0]:
                self._pass_on(os.read(self._reader, 4096))
            if not self._is_stopped:
                self._look(time.monotonic() - self.beat_at)

    def _look(self, late: float) -> None:
        """See what the reactor's thread does, if it is late by this many seconds."""
        # Only here: a frame that is kept would keep what it refers to.
        frame = sys._current_frames().get(self._thread) if late > _BEAT else None
        is_debugged = _is_debugged(_frames(frame))
        self._let_restart(is_debugged)
        if late > (self._limit() or 2.0) + _C_PATIENCE and not is_debugged:
            self._is_stuck(late, frame)

    def _let_restart(self, on: bool) -> None:
        """Whether the timer's signal lets system calls go on: it would take a debugger's prompt off the screen.

        Otherwise it ends them, so that code which hangs in one can be interrupted.
        """
        if on is not self._restarts:
            signal.siginterrupt(signal.SIGALRM, not on)
            self._restarts = on

    def _pass_on(self, numbers: bytes) -> None:
        numbers = numbers.replace(b"\0", b"")
        self.is_terminated |= signal.SIGTERM in numbers or signal.SIGINT in numbers
        if self._former_fd != -1 and numbers:
            with suppress(OSError):  # it is full or closed, as it may be without us
                os.write(self._former_fd, numbers)

    def _is_stuck(self, seconds: float, frame: FrameType | None) -> None:
        """Log it once for each hold-up; end the process if somebody wants it to end."""
        if self._logged_at == self.beat_at and not self.is_terminated:
            return
        self._logged_at = self.beat_at
        _log.error(
            "Code has held up the reactor for {seconds:.1f} s and cannot be interrupted:\n{stack}",
            seconds=seconds,
            stack=stack_of(frame),
        )
        if self.is_terminated:
            _log.critical("The process ends without an orderly stop: that code does not return")
            time.sleep(_BEAT)  # the log has a thread of its own
            os.kill(os.getpid(), signal.SIGKILL)


def _trace_nothing(_frame: FrameType, _event: str, _argument: object) -> None:
    """Have no new frame traced."""


def _is_debugged(frames: Iterable[FrameType]) -> bool:
    """Whether a debugger waits for somebody to type, as after ``breakpoint()``."""
    return any(_root_of(frame) in _DEBUGGERS for frame in frames)


def _root_of(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def stack_of(frame: FrameType | None) -> str:
    """The stack as Python's tracebacks have it, the innermost frame last; "" without one.

    No file is read: that would hold up the reactor for longer, and Python would keep all lines of each, as
    small strings all over the heap, which then cannot be given back. Of an application's module the line is
    known.
    """
    if frame is None:
        return ""
    innermost = tuple(islice(_frames(frame), _STACK_MAX))
    return "\n".join(map(_described, reversed(innermost)))


def _described(frame: FrameType) -> str:
    path = frame.f_code.co_filename
    text = f'  File "{path}", line {frame.f_lineno}, in {frame.f_code.co_name}'
    entry = linecache.cache.get(path, ())
    lines = entry[2] if len(entry) > 2 else []
    # A module that has just begun is at line 0, and some instructions have none. The handler of the signal may
    # come at any of them, and what it raises would be raised by the import, say, that it has interrupted.
    if not frame.f_lineno or frame.f_lineno > len(lines):
        return text
    return f"{text}\n    {lines[frame.f_lineno - 1].strip()}"


def _frames(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back
