"""What a service manager is told of a service: that it is ready, reloads, stops, and is alive.

systemd's protocol: datagrams of ``NAME=value`` lines to the Unix socket that ``NOTIFY_SOCKET`` names,
https://www.freedesktop.org/software/systemd/man/sd_notify.html. Other supervisors speak it, too.
Where that variable is missing, as in a terminal, there is nothing of this.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from cletus import events
from cletus.service.interfaces import Attachment
from cletus.service.service import Service

if TYPE_CHECKING:
    from cletus.service.report import ReloadReport

STATUS_MAX: Final = 300
"""Characters of what ``systemctl status`` shows. Our choice: it is one line of a terminal, or a few."""

_log = Logger()


def readiness_of(
    service: Service, environment: Mapping[str, str] = os.environ
) -> Iterator[Attachment]:
    """What tells the service manager, if there is one.

    Args:
        service: what is told of.
        environment: ``NOTIFY_SOCKET`` (a path, or ``@name`` for an abstract one), ``WATCHDOG_USEC``
            and ``WATCHDOG_PID``.
    """
    address = environment.get("NOTIFY_SOCKET", "")
    if address.startswith(("/", "@")):
        yield Readiness(service, address, _watchdog(environment))
    elif address:
        _log.warn(
            "NOTIFY_SOCKET is {address!r}, which is no Unix socket: not used", address=address
        )


class Readiness:
    """Tells one service manager of one service.

    Args:
        service: what is told of; its reactor has started nothing of this yet.
        address: the path of the manager's socket, or ``@name``.
        watchdog: seconds without a sign of life after which the manager would kill us; 0: never.
    """

    def __init__(self, service: Service, address: str, watchdog: float = 0.0) -> None:
        self._service = service
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._watchdog = watchdog
        self._alive = LoopingCall(self._tell, "WATCHDOG=1")
        self._reloading = False
        self._warned = False
        self._listeners: dict[type[events.Event], Callable[[Any], None]] = {
            events.PreReload: self._reload_begins,
            events.PostReload: self._reload_ended,
            events.ReloadFailed: self._reload_ended,
            events.PreStop: self._stops,
        }

    def open(self) -> Deferred[None]:
        """The doors are open: say so, and begin with the signs of life."""
        for event, listener in self._listeners.items():
            self._service.listen(event)(listener)
        addresses = ", ".join(self._service.addresses) or "nothing"
        self._tell("READY=1", _status(f"{self._generation()}, listening on {addresses}"))
        if self._watchdog:
            self._alive.clock = self._service.reactor
            self._alive.start(self._watchdog / 2).addErrback(self._died)
        return succeed(None)

    def close(self) -> Deferred[None]:
        """No more is told; the manager waits for the end of the process."""
        if self._alive.running:
            self._alive.stop()
        for listener in self._listeners.values():
            self._service.session.current.listeners.remove(listener)
        return succeed(None)

    # -- what is told -----------------------------------------------------------------------

    def _reload_begins(self, _: events.PreReload) -> None:
        self._reloading = True
        # Type=notify-reload compares this with the time at which it sent the signal.
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._tell("RELOADING=1", f"MONOTONIC_USEC={now}")

    def _reload_ended(self, event: events.PostReload | events.ReloadFailed) -> None:
        if not self._reloading:  # refused before anything was imported; the manager may have asked
            self._reload_begins(events.PreReload(self._service))
        self._reloading = False
        self._tell("READY=1", _status(f"{self._generation()}, {_outcome(event.report)}"))

    def _stops(self, _: events.PreStop) -> None:
        self._tell("STOPPING=1", _status(f"{self._generation()}, stopping"))

    def _generation(self) -> str:
        return f"generation {self._service.session.generation}"

    # -- telling ----------------------------------------------------------------------------

    def _tell(self, *fields: str) -> None:
        """One datagram. Who cannot be told is no reason to stop; it is logged once."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sending:
                sending.setblocking(False)  # a manager that does not read must not hold us up
                sending.sendto("\n".join(fields).encode(), self._address)
        except OSError as error:
            if not self._warned:
                self._warned = True
                _log.warn("the service manager cannot be told: {error}", error=str(error))

    def _died(self, failure: Failure) -> None:
        _log.failure("The signs of life have ended", failure=failure)


def _watchdog(environment: Mapping[str, str]) -> float:
    """Seconds, by the environment; 0 if it is meant for another process or makes no sense."""
    wanted = environment.get("WATCHDOG_USEC", "")
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    return int(wanted) / 1_000_000 if wanted.isdecimal() else 0.0


def _outcome(report: ReloadReport) -> str:
    at = time.strftime("%H:%M:%S")
    return f"reloaded at {at}" if report.ok else f"reload refused at {at}: {report.error}"


def _status(text: str) -> str:
    """What ``systemctl status`` shows: one line, since a newline would begin another field."""
    return f"STATUS={' '.join(text.split())[:STATUS_MAX]}"
