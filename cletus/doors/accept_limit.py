"""Stop accepting for a while when the process is about to run out of file descriptors.

Twisted accepts such connections with a descriptor that it keeps in reserve, and closes them at once,
with three log lines each. Here they wait in the listening socket's queue until there is room again.
Those who are connected are not affected, and the application keeps some descriptors for its files.
"""

from __future__ import annotations

import os
import resource
from typing import Any

from twisted.logger import Logger

PAUSE = 0.25
"""Seconds until the next attempt. Our choice: too short to be felt, and each attempt costs little."""

RESERVE = 64
"""File descriptors left for the application; a quarter of all, if there are few."""

_LOG_INTERVAL = 60.0

_log = Logger()


class AcceptLimit:
    """Stands between the reactor and one listening port of Twisted's.

    Args:
        port: the result of ``endpoint.listen``. A port that is not a socket is left alone.
        reactor: its timers.
    """

    def __init__(self, port: Any, reactor: Any) -> None:
        self._port = port
        self._reactor = reactor
        self._accept: Any = getattr(port, "doRead", None)
        self._timer: Any = None
        self._logged_at = -_LOG_INTERVAL
        if self._accept is not None:
            port.doRead = self._do_read

    def stop(self) -> None:
        """Forget about the port, which is about to be closed."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _do_read(self) -> None:
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        reserve = min(RESERVE, limit // 4)
        if _lowest_free() < limit - reserve:
            # So few at a time that they cannot use up the reserve: descriptors above the lowest free
            # one may be in use, so nobody knows how many are left below the limit.
            self._port.numberAccepts = min(self._port.numberAccepts, reserve // 2)
            self._accept()
            return
        self._port.stopReading()
        self._timer = self._reactor.callLater(PAUSE, self._resume)
        now = self._reactor.seconds()
        if now - self._logged_at >= _LOG_INTERVAL:
            self._logged_at = now
            _log.warn("no file descriptors are left: new connections wait (see `ulimit -n`)")

    def _resume(self) -> None:
        self._timer = None
        self._port.startReading()


def _lowest_free() -> float:
    """The number of the next file descriptor: at least as many are in use."""
    try:
        descriptor = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return float("inf")
    os.close(descriptor)
    return descriptor


def raise_limit(wanted: int) -> None:
    """Raise the number of file descriptors that this process may open, as far as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
