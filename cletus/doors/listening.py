"""What a door listens on: an endpoint of Twisted's, and what to say when it cannot be."""

from __future__ import annotations

import errno
import math
import socket
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError

from cletus.doors.accept_limit import Accepting
from cletus.doors.systemd_socket import PREFIX, InheritedEndpoint
from cletus.errors import DoorError

BACKLOG = 4096
"""Connections that may wait to be accepted: who finds no room waits a second before trying again. What
Linux allows (``net.core.somaxconn``), so that a crowd coming back at once comes in at once."""

_REASONS = {
    errno.EADDRINUSE: "the port is in use; stop what uses it, or choose another with {port}",
    errno.EACCES: "that takes permission; choose a port from 1024 up with {port}",
    errno.EADDRNOTAVAIL: "that is no address of this machine; choose another with {host}",
    errno.ENOENT: "there is no such folder; make it, or choose another with {port}",
}
_UNKNOWN_HOST = "there is no host of this name; choose another with {host}"

_PROBES = 4
_IDLE_MAX = 32767  # seconds; Linux takes no more


class Listening:
    """One listening socket.

    Args:
        reactor: it listens.
        where: host and port, or one of Twisted's endpoint strings (``tcp:9000``, ``unix:/x``).
        address: how people know it, for ``DoorError``.
        keep_alive: seconds after which TCP looks whether a silent peer is still there; 0: never.
        port_option: the option that chooses another port, for ``DoorError``.
    """

    def __init__(
        self,
        reactor: Any,
        where: tuple[str, int] | str,
        address: str,
        keep_alive: float = 0,
        port_option: str = "--port",
    ) -> None:
        self._reactor = reactor
        self._where = where
        self._address = address
        self._keep_alive = math.ceil(keep_alive)
        by_endpoint = isinstance(where, str)
        self._options = {
            "host": "--listen" if by_endpoint else "--host",
            "port": "--listen" if by_endpoint else port_option,
        }
        self._port: Any = None
        self._accepting: Accepting | None = None

    async def open(self, factory: Any) -> Any:
        """Listen. Returns Twisted's address of it.

        Raises:
            DoorError: it cannot be listened on, and why.
        """
        try:
            self._port = await self._endpoint().listen(factory)
        except CannotListenError as error:
            raise self._error(_reason(error.socketError)) from error
        except UnicodeError as error:  # a name that is no name, such as "a..b"
            raise self._error(_UNKNOWN_HOST) from error
        except OSError as error:
            raise self._error(_reason(error)) from error
        self._tune()
        self._accepting = Accepting(self._port, self._reactor)
        return self._port.getHost()

    def _error(self, reason: str) -> DoorError:
        return DoorError(self._address, reason.format(**self._options))

    def close(self) -> Any:
        """Accept no more. Returns a Deferred or ``None``; closing twice is harmless."""
        port, self._port = self._port, None
        if self._accepting is not None:
            self._accepting.stop()
        return None if port is None else port.stopListening()

    def _endpoint(self) -> Any:
        if isinstance(self._where, str):
            return self._from_string(self._where)
        return _AtPort(self._reactor, *self._where)

    def _from_string(self, where: str) -> Any:
        if where.startswith(PREFIX):
            return InheritedEndpoint(self._reactor, where, self._address, BACKLOG)
        from twisted.internet.endpoints import serverFromString  # noqa: PLC0415 - it imports OpenSSL

        if where.startswith(("tcp:", "tcp6:")) and "backlog=" not in where:
            where += f":backlog={BACKLOG}"
        try:
            return serverFromString(self._reactor, where)
        except (ValueError, TypeError, KeyError, IndexError) as error:
            raise DoorError(self._address, f"that is no endpoint of Twisted's: {error}") from error

    def _tune(self) -> None:
        """Let TCP find out who is silently gone; Linux hands this on to each connection."""
        listening = getattr(self._port, "socket", None)
        if listening is None or listening.family not in (socket.AF_INET, socket.AF_INET6):
            return
        for name, value in _silence(self._keep_alive).items():
            if hasattr(socket, name):  # each system has some of them
                listening.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


class _AtPort:
    """As Twisted's endpoints for TCP, without the many modules that come with those."""

    def __init__(self, reactor: Any, host: str, port: int) -> None:
        self._reactor = reactor
        self._host = host
        self._port = port

    def listen(self, factory: Any) -> Deferred[Any]:
        return maybeDeferred(self._reactor.listenTCP, self._port, factory, BACKLOG, self._host)


def _silence(seconds: int) -> dict[str, int]:
    """TCP's options for a peer of whom nothing has been heard for so many seconds; 0: none.

    It is probed, and given up after as long again. The probes wait while something is unacknowledged,
    such as our own signs of life, and then the user timeout (RFC 5482) takes their place: without it
    Linux would send again for a quarter of an hour. It also ends who reads nothing for as long.
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
