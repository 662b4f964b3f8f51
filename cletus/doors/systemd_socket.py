"""Listening sockets that are open already when the process starts: systemd's socket activation.

Twisted has an endpoint for them (``systemd:domain=INET:name=talk``), but treats them as its own: it
cuts their backlog to 50, opens a Unix socket to every user, and removes its path at the end, although
systemd goes on listening there for the next process. Here they are left as systemd made them.
"""

from __future__ import annotations

import os
import socket
import stat
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.fdesc import setNonBlocking

from cletus.errors import DoorError

PREFIX = "systemd:"

_HOW = "say systemd:domain=INET:name=talk; or INET6, or UNIX; or index=0, not the name"
_MISSING = "no such socket was handed over; systemd does that, in LISTEN_FDS and LISTEN_FDNAMES"


class SystemdSocketEndpoint:
    """An endpoint that listens on a socket that systemd has opened.

    Args:
        reactor: Twisted's.
        endpoint: an endpoint string of Twisted's that begins with ``systemd:``.
        address: the endpoint as people know it, for ``DoorError``.
        backlog: connections that may wait to be accepted.

    Raises:
        DoorError: there is no such socket, or it is of another address family.
    """

    def __init__(self, reactor: Any, endpoint: str, address: str, backlog: int) -> None:
        from twisted.internet.endpoints import serverFromString  # noqa: PLC0415 - it imports OpenSSL

        self._reactor = reactor
        self._backlog = backlog
        try:
            self._endpoint: Any = serverFromString(reactor, endpoint)
        except (KeyError, IndexError):
            raise DoorError(address, _MISSING) from None
        except (AttributeError, TypeError, ValueError):
            raise DoorError(address, _HOW) from None
        with socket.socket(fileno=os.dup(self._endpoint.fileno)) as listening:
            family = listening.family
            if not listening.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                raise DoorError(address, "that socket does not listen; its unit needs Accept=no")
        if family != self._endpoint.addressFamily:
            domain = family.name.removeprefix("AF_")
            raise DoorError(address, f"that socket is of another kind: say domain={domain}")

    def listen(self, factory: Any) -> Deferred[Any]:
        """Twisted's: accept connections. Fires with the port."""
        if self._endpoint.addressFamily == socket.AF_UNIX:
            return maybeDeferred(self._listen_unix, factory)
        listening: Deferred[Any] = self._endpoint.listen(factory)
        return listening.addCallback(self._restore_backlog)

    def _listen_unix(self, factory: Any) -> Any:
        descriptor = self._endpoint.fileno
        port = adopt_unix(self._reactor, descriptor, factory, self._backlog, is_foreign=True)
        os.close(descriptor)
        return port

    def _restore_backlog(self, port: Any) -> Any:
        port.socket.listen(self._backlog)
        return port


def adopt_unix(
    reactor: Any, descriptor: int, factory: Any, backlog: int, *, is_foreign: bool
) -> Any:
    """Listen on a Unix socket that is open already; returns Twisted's port.

    Args:
        reactor: Twisted's.
        descriptor: of the socket; it is copied.
        factory: makes the connections.
        backlog: connections that may wait to be accepted.
        is_foreign: whether others made it, such as systemd: then its path is not removed at the end.
    """
    from twisted.internet import tcp, unix  # noqa: PLC0415 - they import OpenSSL

    setNonBlocking(descriptor)
    adopt: Any = unix.Port._fromListeningDescriptor  # as the reactor does for its own
    port = adopt(reactor, descriptor, factory)
    port.backlog = backlog
    with socket.socket(fileno=os.dup(descriptor)) as listening:
        path = os.fsencode(listening.getsockname())
    if path and not path.startswith(b"\0"):
        port.mode = stat.S_IMODE(os.stat(path).st_mode)  # Twisted sets it
    if is_foreign:
        port.connectionLost = partial(tcp.Port.connectionLost, port)  # unix.Port's removes the path
    port.startListening()
    return port
