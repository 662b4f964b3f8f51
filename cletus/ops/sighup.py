"""SIGHUP: a reload that somebody asks for, or the end of the terminal that the service runs in."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from cletus.service.lifecycle import State
from cletus.service.service import Service


class Hangup:
    """What SIGHUP does to the process of a service.

    Args:
        service: what it reloads.
        reactor: the signal is answered in its thread, between two of its calls.
        stop: called when the terminal is gone that the process was started in.
    """

    def __init__(self, service: Service, reactor: Any, stop: Callable[[], object]) -> None:
        self._service = service
        self._reactor = reactor
        self._stop = stop
        self._had_terminal = _has_terminal()
        self._before: Any = None

    def take(self) -> None:
        """Answer it from now on."""
        self._before = signal.signal(signal.SIGHUP, self._received)

    def give_back(self) -> None:
        """Leave it to whatever had it before."""
        if self._before is not None:
            signal.signal(signal.SIGHUP, self._before)
            self._before = None

    def _received(self, _signal: int, _frame: FrameType | None) -> None:
        """A handler may run anywhere, so it only asks the reactor."""
        self._reactor.callFromThread(self._answer)

    def _answer(self) -> None:
        if self._had_terminal and not _has_terminal():
            self._stop()
        elif self._service.state is State.RUNNING:
            self._service.reload()


def _has_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()
