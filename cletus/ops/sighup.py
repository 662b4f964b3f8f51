"""SIGHUP: reload, or stop if the terminal of the service has been closed."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from cletus.service.lifecycle import State
from cletus.service.service import Service


class SighupHandler:
    """Handles SIGHUP for the process of a service.

    Args:
        service: reloaded by the signal.
        reactor: the signal is handled in its thread, between two of its calls.
        stop: called when the terminal in which the process was started is gone.
    """

    def __init__(self, service: Service, reactor: Any, stop: Callable[[], object]) -> None:
        self._service = service
        self._reactor = reactor
        self._stop = stop
        self._had_terminal = _has_terminal()
        self._before: Any = None

    def install(self) -> None:
        """Handle the signal from now on."""
        self._before = signal.signal(signal.SIGHUP, self._received)

    def uninstall(self) -> None:
        """Restore the handler that was there before."""
        if self._before is not None:
            signal.signal(signal.SIGHUP, self._before)
            self._before = None

    def _received(self, _signal: int, _frame: FrameType | None) -> None:
        """A handler may run between any two instructions, so it only asks the reactor."""
        self._reactor.callFromThread(self._handle)

    def _handle(self) -> None:
        if self._had_terminal and not _has_terminal():
            self._stop()
        elif self._service.state is State.RUNNING:
            self._service.reload()


def _has_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()
