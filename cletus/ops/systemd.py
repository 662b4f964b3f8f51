"""Notify a service manager that the service is ready, reloads, stops, and is alive.

This is the protocol of systemd: datagrams of ``NAME=value`` lines to the Unix socket that
``NOTIFY_SOCKET`` names, https://www.freedesktop.org/software/systemd/man/sd_notify.html. Other
supervisors use it, too. Without that variable, as in a terminal, nothing is sent.
"""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from cletus import events
from cletus.service.interfaces import Attachment
from cletus.service.report import Outcome, ReloadReport
from cletus.service.service import Service

STATUS_MAX: Final = 300
"""Maximum characters of the status that ``systemctl status`` shows. Our choice: a few terminal lines."""

BARRIER_TIME: Final = 1.0
"""Seconds in which the manager has to take note of a new main process. Our choice."""

_log = Logger()


def notifier_of(
    service: Service, environment: Mapping[str, str] = os.environ
) -> Iterator[Attachment]:
    """The notifier, if there is a service manager.

    Args:
        service: which.
        environment: ``NOTIFY_SOCKET`` (a path, or ``@name`` for an abstract one), ``WATCHDOG_USEC``
            and ``WATCHDOG_PID``.
    """
    address = environment.get("NOTIFY_SOCKET", "")
    if address.startswith(("/", "@")):
        yield Notifier(service, address, _watchdog(environment))
    elif address:
        _log.warn(
            "NOTIFY_SOCKET is {address!r}, which is not a Unix socket: not used", address=address
        )


def has_systemd(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether a service manager waits for this process, and takes another one in its place.

    Process 1 of a container has none, whatever its environment says.
    """
    return environment.get("NOTIFY_SOCKET", "").startswith(("/", "@")) and os.getpid() != 1


def name_main_process(pid: int, environment: Mapping[str, str] = os.environ) -> None:
    """Tell the service manager that this is the main process from now on, and wait until it has noted that.

    Args:
        pid: of the process; this one may end afterwards.
        environment: as for ``notifier_of()``.

    Raises:
        OSError: the manager cannot be reached.
    """
    address = environment["NOTIFY_SOCKET"]
    address = "\0" + address[1:] if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sending:
        sending.settimeout(BARRIER_TIME)
        sending.connect(address)
        sending.send(b"MAINPID=%d" % pid)
        reading, writing = os.pipe()
        try:
            # It closes its copy when it has handled all that came before.
            socket.send_fds(sending, [b"BARRIER=1"], [writing])
            os.close(writing)
            writing = -1
            select.select([reading], [], [], BARRIER_TIME)
        finally:
            os.close(reading)
            if writing >= 0:
                os.close(writing)


def notify(*fields: str, environment: Mapping[str, str] = os.environ) -> None:
    """Notify the service manager, if there is one, of a process without a service; failures are ignored."""
    address = environment.get("NOTIFY_SOCKET", "")
    if address.startswith(("/", "@")):
        with suppress(OSError):
            _send("\0" + address[1:] if address.startswith("@") else address, fields)


def watchdog_of(environment: Mapping[str, str] = os.environ) -> float:
    """Seconds without a keep-alive after which the manager kills this process; 0.0: never."""
    return _watchdog(environment) if environment.get("NOTIFY_SOCKET") else 0.0


class Notifier:
    """Notifies a service manager.

    Args:
        service: the one to report on.
        address: the path of the manager's socket, or ``@name``.
        watchdog: seconds without a keep-alive after which the manager kills the process; 0: never.
    """

    def __init__(self, service: Service, address: str, watchdog: float = 0.0) -> None:
        self._service = service
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._watchdog = watchdog
        self._keep_alive = LoopingCall(self._notify, "WATCHDOG=1")
        self._reloading = False
        self._warned = False
        self._listeners: dict[type[events.Event], Callable[[Any], None]] = {
            events.PreReload: self._reload_begins,
            events.PostReload: self._reload_ended,
            events.ReloadFailed: self._reload_ended,
            events.EditUndone: self._reload_ended,
            events.PreStop: self._stops,
        }

    def open(self) -> Deferred[None]:
        """The doors are open: notify that, and start the keep-alives."""
        for event, listener in self._listeners.items():
            self._service.listen(event)(listener)
        addresses = ", ".join(self._service.addresses) or "nothing"
        self._notify("READY=1", _status(f"{self._generation()}, listening on {addresses}"))
        if self._watchdog:
            self._keep_alive.clock = self._service.reactor
            self._keep_alive.start(self._watchdog / 2).addErrback(self._died)
        return succeed(None)

    def close(self) -> Deferred[None]:
        """Stop notifying; the manager waits for the end of the process."""
        if self._keep_alive.running:
            self._keep_alive.stop()
        for listener in self._listeners.values():
            self._service.session.current.listeners.remove(listener)
        return succeed(None)

    # -- what is notified ------------------------------------------------------------------

    def _reload_begins(self, _: events.PreReload) -> None:
        self._reloading = True
        # Type=notify-reload compares this with the time at which it sent the signal.
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._notify("RELOADING=1", f"MONOTONIC_USEC={now}")

    def _reload_ended(
        self, event: events.PostReload | events.ReloadFailed | events.EditUndone
    ) -> None:
        if not self._reloading:  # refused before anything was imported; the manager may have asked
            self._reload_begins(events.PreReload(self._service))
        self._reloading = False
        self._notify("READY=1", _status(f"{self._generation()}, {_outcome(event.report)}"))

    def _stops(self, _: events.PreStop) -> None:
        self._notify("STOPPING=1", _status(f"{self._generation()}, stopping"))

    def _generation(self) -> str:
        return f"generation {self._service.session.generation}"

    # -- sending ----------------------------------------------------------------------------

    def _notify(self, *fields: str) -> None:
        """Send a datagram. A failure is logged once, and is not a reason to stop."""
        try:
            _send(self._address, fields)
        except OSError as error:
            if not self._warned:
                self._warned = True
                _log.warn("cannot notify the service manager: {error}", error=str(error))

    def _died(self, failure: Failure) -> None:
        _log.failure("The keep-alives to the service manager have ended", failure=failure)


def _send(address: str, fields: Iterable[str]) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sending:
        sending.setblocking(False)  # a manager that does not read must not block the service
        sending.sendto("\n".join(fields).encode(), address)


def _watchdog(environment: Mapping[str, str]) -> float:
    """Seconds from the environment; 0 if they are for another process, or invalid."""
    microseconds = environment.get("WATCHDOG_USEC", "")
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    return int(microseconds) / 1_000_000 if microseconds.isdecimal() else 0.0


def _outcome(report: ReloadReport) -> str:
    at = time.strftime("%H:%M:%S")
    if report.outcome is Outcome.UNCHANGED:
        return f"edit undone at {at}"
    return f"reloaded at {at}" if report.ok else f"reload refused at {at}: {report.error}"


def _status(text: str) -> str:
    """The text for ``systemctl status``: one line, since a newline would begin another field."""
    return f"STATUS={' '.join(text.split())[:STATUS_MAX]}"
