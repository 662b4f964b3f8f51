"""The telnet door itself: what listens and what says why it cannot."""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import TCP4ServerEndpoint, TCP6ServerEndpoint
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import ServerFactory

from cletus.doors.telnet.protocol import TelnetProtocol, printable
from cletus.errors import DoorError

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress

    from cletus.service import Service

BACKLOG = 1024
"""Connections that may wait to be accepted, so that a crowd coming back at once is not refused."""

_REASONS = {
    errno.EADDRINUSE: "the port is in use; stop what uses it, or choose another with --port",
    errno.EACCES: "that takes permission; choose a port from 1024 up with --port",
    errno.EADDRNOTAVAIL: "that is no address of this machine; choose another with --host",
}
_UNKNOWN_HOST = "there is no host of this name; choose another with --host"


class TelnetFactory(ServerFactory):
    """Makes the protocol of each connection that the door accepts."""

    noisy = False  # the service tells where it listens

    def __init__(self, service: Service) -> None:
        self._service = service

    def buildProtocol(self, addr: IAddress | None) -> TelnetProtocol:
        """Twisted's: somebody has connected."""
        return TelnetProtocol(self._service)


class TelnetDoor:
    """Plain telnet on a TCP port.

    Args:
        service: whose clients those who come in become; its reactor listens.
        host: the address to listen on, IPv4, IPv6 or a name; by default the setting ``host``.
        port: by default the setting ``port``; 0 takes any free one.

    Attributes:
        address: what it listens on, for people: ``telnet 127.0.0.1:9000``. With port 0 the port is
            known once the door is open.
    """

    def __init__(
        self, service: Service, *, host: str | None = None, port: int | None = None
    ) -> None:
        self._service = service
        self._host = service.settings.host if host is None else host
        self._port = service.settings.port if port is None else port
        self._listening: Any = None
        self.address = _address(self._host, self._port)

    def open(self) -> Deferred[None]:
        """Start to accept connections.

        Raises:
            DoorError: through the Deferred: the address cannot be listened on, and why.
        """
        return Deferred.fromCoroutine(self._open())

    async def _open(self) -> None:
        endpoint = TCP6ServerEndpoint if ":" in self._host else TCP4ServerEndpoint
        listener = endpoint(
            self._service.reactor, self._port, backlog=BACKLOG, interface=self._host
        )
        try:
            factory = TelnetFactory(self._service)
            self._listening = await listener.listen(factory)  # type: ignore[no-untyped-call]  # Twisted's
        except CannotListenError as error:
            raise DoorError(self.address, _reason(error.socketError)) from error
        except UnicodeError as error:  # a name that is no name, such as "a..b"
            raise DoorError(self.address, _UNKNOWN_HOST) from error
        self.address = f"telnet {printable(self._listening.getHost())}"

    def close(self) -> Deferred[None]:
        """Accept no more; those who are connected stay so. Closing twice is harmless."""
        listening, self._listening = self._listening, None
        return maybeDeferred(lambda: None if listening is None else listening.stopListening())


def _address(host: str, port: int) -> str:
    return f"telnet [{host}]:{port}" if ":" in host else f"telnet {host}:{port}"


def _reason(error: object) -> str:
    """What to do about it, in a phrase."""
    if isinstance(error, socket.gaierror):
        return _UNKNOWN_HOST
    if isinstance(error, OSError) and error.errno in _REASONS:
        return _REASONS[error.errno]
    return getattr(error, "strerror", None) or str(error)
