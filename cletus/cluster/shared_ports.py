"""A reactor whose TCP ports several processes share: the system gives each new connection to one of them."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet import tcp
from twisted.internet.abstract import isIPv6Address
from twisted.internet.error import CannotListenError

_Port: Any = tcp.Port  # it is hardly annotated


class _SharedPort(_Port):  # type: ignore[misc]  # as above
    """A port that other processes of the same user may listen on, too."""

    def createInternetSocket(self) -> socket.socket:
        """Twisted's."""
        listening: socket.socket = super().createInternetSocket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        return listening


class SharingReactor:
    """Twisted's reactor, but for ``listenTCP``.

    Args:
        reactor: the process's.
        is_first: whether no other process may listen on a port yet. Without that, two services on one port
            would each get half of the people.
    """

    def __init__(self, reactor: Any, *, is_first: bool) -> None:
        self._reactor = reactor
        self._is_first = is_first

    def __getattr__(self, name: str) -> Any:
        """Whatever the reactor has."""
        return getattr(self._reactor, name)

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Any:
        """Twisted's.

        Raises:
            CannotListenError: the port is in use.
        """
        if self._is_first and port:
            _probe(port, interface)
        shared = _SharedPort(port, factory, backlog, interface, self._reactor)
        shared.startListening()
        return shared


def _probe(port: int, interface: str) -> None:
    """Find out whether anybody listens there; raises ``CannotListenError`` if so."""
    family = socket.AF_INET6 if isIPv6Address(interface) else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((interface, port))
        except OSError as error:
            raise CannotListenError(interface, port, error) from error
