"""When the process is about to run out of file descriptors: stop accepting for a while, and go on.

Twisted accepts with a descriptor kept in reserve and hangs up at once, three log lines for each.
Here those who connect wait in the listening socket's queue until there is room again; those who are
connected notice nothing, and some descriptors are left over for the application to save with.
"""

from __future__ import annotations

import os
import resource
from typing import Any

from twisted.logger import Logger

PAUSE = 0.25
"""Seconds until it is tried again. Our choice: nobody minds, and it costs nothing."""

RESERVE = 64
"""File descriptors left for the application; a quarter of all, if there are few."""

_LOG_INTERVAL = 60.0

_log = Logger()


class Accepting:
    """Stands between the reactor and one listening port of Twisted's.

    Args:
        port: what ``endpoint.listen`` gave; ports that are no sockets are left alone.
        reactor: its timers.
    """

    def __init__(self, port: Any, reactor: Any) -> None:
        self._port = port
        self._reactor = reactor
        self._read: Any = getattr(port, "doRead", None)
        self._timer: Any = None
        self._logged = -_LOG_INTERVAL
        if self._read is not None:
            port.doRead = self._do_read

    def stop(self) -> None:
        """Try no more; the port is about to be closed."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _do_read(self) -> None:
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        reserve = min(RESERVE, limit // 4)
        if _lowest_free() < limit - reserve:
            # So few in one go that they cannot use up the reserve, whatever lies free below.
            self._port.numberAccepts = min(self._port.numberAccepts, reserve // 2)
            self._read()
            return
        self._port.stopReading()
        self._timer = self._reactor.callLater(PAUSE, self._resume)
        now = self._reactor.seconds()
        if now - self._logged >= _LOG_INTERVAL:
            self._logged = now
            _log.warn("no file descriptors are left: those who connect wait (see `ulimit -n`)")

    def _resume(self) -> None:
        self._timer = None
        self._port.startReading()


def _lowest_free() -> float:
    """The number that the next file descriptor will have: so many are in use, at least."""
    try:
        descriptor = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return float("inf")
    os.close(descriptor)
    return descriptor


def raise_limit(wanted: int) -> None:
    """Let this process have so many file descriptors, as far as the system allows it to."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
