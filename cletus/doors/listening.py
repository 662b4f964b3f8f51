"""Listen on an endpoint of Twisted's; if that fails, say what to do about it."""

from __future__ import annotations

import errno
import math
import socket
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.logger import Logger

from cletus.doors.accept_limit import AcceptLimit
from cletus.doors.systemd_socket import PREFIX, SystemdSocketEndpoint, adopt_unix
from cletus.errors import DoorError
from cletus.service.interfaces import Left, Purpose

BACKLOG = 4096
"""Connections that may wait to be accepted; a client for whom there is no room tries again a second
later. The most that Linux allows (``net.core.somaxconn``), so that a crowd that comes back at once is
let in at once."""

_REASONS = {
    errno.EADDRINUSE: "the port is in use; stop what uses it, or choose another with {port}",
    errno.EACCES: "that takes permission; choose a port from 1024 up with {port}",
    errno.EADDRNOTAVAIL: "that is not an address of this machine; choose another with {host}",
    errno.ENOENT: "there is no such folder; make it, or choose another with {port}",
}
_UNKNOWN_HOST = "there is no host of this name; choose another with {host}"

_log = Logger()

_PROBES = 4
_IDLE_MAX = 32767  # seconds; Linux takes no more


@dataclass(frozen=True, slots=True)
class FreePort:
    """Any port that is free, in place of one that is in use.

    Attributes:
        who: gets it, for the log: ``the page``.
        host: the address to listen on.
    """

    who: str
    host: str


class Listening:
    """One listening socket.

    Args:
        reactor: it listens.
        endpoint: host and port, or an endpoint string of Twisted's (``tcp:9000``, ``unix:/x``).
        address: the endpoint as people know it, for ``DoorError``.
        keep_alive: seconds of silence after which TCP probes whether the peer is still there; 0: never.
        port_option: the option that chooses another port, for ``DoorError``.
        fall_back: what to listen on if the port is in use.
    """

    def __init__(
        self,
        reactor: Any,
        endpoint: tuple[str, int] | str,
        address: str,
        keep_alive: float = 0,
        port_option: str = "--port",
        *,
        fall_back: FreePort | None = None,
    ) -> None:
        self._reactor = reactor
        self._where = endpoint
        self._address = address
        self._keep_alive = math.ceil(keep_alive)
        self._fall_back = fall_back
        by_string = isinstance(endpoint, str)
        self._options = {
            "host": "--listen" if by_string else "--host",
            "port": "--listen" if by_string else port_option,
        }
        self._port: Any = None
        self._accept_limit: AcceptLimit | None = None

    async def open(self, factory: Any) -> Any:
        """Listen. Returns the address, as Twisted has it.

        Raises:
            DoorError: the endpoint cannot be listened on, and why.
        """
        try:
            self._port = await self._endpoint().listen(factory)
        except CannotListenError as error:
            in_use = getattr(error.socketError, "errno", None) == errno.EADDRINUSE
            if self._fall_back is not None and in_use:
                return await self._open_free_port(factory, self._fall_back)
            raise self._error(_reason(error.socketError)) from error
        except UnicodeError as error:  # a name that cannot be one, such as "a..b"
            raise self._error(_UNKNOWN_HOST) from error
        except OSError as error:
            raise self._error(_reason(error)) from error
        self._set_options()
        self._accept_limit = AcceptLimit(self._port, self._reactor)
        return self._port.getHost()

    async def _open_free_port(self, factory: Any, free: FreePort) -> Any:
        _log.info(
            "{address} is in use; {who} gets a free port", address=self._address, who=free.who
        )
        self._fall_back, self._where = None, (free.host, 0)
        return await self.open(factory)

    # -- to another process ------------------------------------------------------------------

    def leave(self) -> list[Left]:
        """The listening socket, for another process; nothing if it is not open, or is not a socket."""
        listening = getattr(self._port, "socket", None)
        if listening is None:
            return []
        return [Left(Purpose.LISTENING, listening.fileno(), {"family": int(listening.family)})]

    def left(self) -> None:
        """Another process listens there now: accept no more, and close nothing."""
        if self._accept_limit is not None:
            self._accept_limit.stop()
        stop = getattr(self._port, "stopReading", None)
        if stop is not None:
            stop()

    def take_over(self, left: Left, factory: Any) -> Any:
        """In place of ``open()``: listen on such a socket. Returns the address, as Twisted has it."""
        is_unix = left.state["family"] == socket.AF_UNIX
        if is_unix:
            is_foreign = isinstance(self._where, str) and self._where.startswith(PREFIX)
            self._port = adopt_unix(
                self._reactor, left.descriptor, factory, BACKLOG, is_foreign=is_foreign
            )
        else:
            self._port = self._reactor.adoptStreamPort(
                left.descriptor, socket.AddressFamily(left.state["family"]), factory
            )
            self._set_options()  # the settings may have changed
        self._accept_limit = AcceptLimit(self._port, self._reactor)
        return self._port.getHost()

    def close(self) -> Any:
        """Accept no more. Returns a Deferred or ``None``; closing twice is harmless."""
        port, self._port = self._port, None
        if self._accept_limit is not None:
            self._accept_limit.stop()
        return None if port is None else port.stopListening()

    def _endpoint(self) -> Any:
        if isinstance(self._where, str):
            return self._from_string(self._where)
        return _TcpEndpoint(self._reactor, *self._where)

    def _from_string(self, endpoint: str) -> Any:
        if endpoint.startswith(PREFIX):
            return SystemdSocketEndpoint(self._reactor, endpoint, self._address, BACKLOG)
        from twisted.internet.endpoints import serverFromString  # noqa: PLC0415 - it imports OpenSSL

        if endpoint.startswith(("tcp:", "tcp6:")) and "backlog=" not in endpoint:
            endpoint += f":backlog={BACKLOG}"
        try:
            return serverFromString(self._reactor, endpoint)
        except (ValueError, TypeError, KeyError, IndexError) as error:
            raise DoorError(
                self._address, f"that is not an endpoint of Twisted's: {error}"
            ) from error

    def _error(self, reason: str) -> DoorError:
        return DoorError(self._address, reason.format(**self._options))

    def _set_options(self) -> None:
        """Set the options of sockets. Linux hands them on to each connection that is accepted."""
        listening = getattr(self._port, "socket", None)
        if listening is None or listening.family not in (socket.AF_INET, socket.AF_INET6):
            return
        # Telnet's Synch sends a byte as urgent data (RFC 854), which would be missing from the stream.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
        for name, value in _probing(self._keep_alive).items():
            if hasattr(socket, name):  # each system has some of them
                listening.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


class _TcpEndpoint:
    """As Twisted's endpoints for TCP, without the many modules that come with those."""

    def __init__(self, reactor: Any, host: str, port: int) -> None:
        self._reactor = reactor
        self._host = host
        self._port = port

    def listen(self, factory: Any) -> Deferred[Any]:
        return maybeDeferred(self._reactor.listenTCP, self._port, factory, BACKLOG, self._host)


def _probing(seconds: int) -> dict[str, int]:
    """Options of TCP for a peer that has been silent for so many seconds; none for 0.

    The peer is probed, and given up after as long again. TCP sends no probes while something is
    unacknowledged, such as our own signs of life, and then the user timeout (RFC 5482) takes their
    place: without it Linux would retransmit for a quarter of an hour. The user timeout also ends a
    connection whose peer reads nothing for as long.
    """
    if not seconds:
        return {}
    seconds = min(seconds, _IDLE_MAX)
    interval = max(1, seconds // _PROBES)
    return {
        "TCP_KEEPIDLE": seconds,
        "TCP_KEEPINTVL": interval,
        "TCP_KEEPCNT": _PROBES,
        "TCP_USER_TIMEOUT": 1000 * (seconds + _PROBES * interval),
    }


def _reason(error: object) -> str:
    """What to do about it, in a phrase."""
    if isinstance(error, socket.gaierror):
        return _UNKNOWN_HOST
    if isinstance(error, OSError) and error.errno in _REASONS:
        return _REASONS[error.errno]
    return (getattr(error, "strerror", None) or str(error)).replace("{", "{{").replace("}", "}}")
