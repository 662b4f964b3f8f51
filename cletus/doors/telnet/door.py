"""The telnet door, plain or TLS: opens and closes the listening socket, and keeps connections alive."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, maybeDeferred

from cletus.doors.address import host_and_port, printable
from cletus.doors.admission import ConnectionLimiter
from cletus.doors.first_bytes import FirstBytesFactory
from cletus.doors.keep_alive import KeepAlive
from cletus.doors.listening import Listening
from cletus.doors.proxy_protocol import ProxiedTransport, ProxyProtocolFactory
from cletus.doors.telnet.protocol import TelnetFactory, TelnetProtocol, page_of
from cletus.doors.tls import encrypted
from cletus.errors import CertificateError, DoorError
from cletus.service.interfaces import Left, Purpose

if TYPE_CHECKING:
    from cletus.client.client import Client
    from cletus.service.service import Service


class TelnetDoor:
    """Telnet, plain or over TLS, on a TCP port or on any other endpoint that Twisted has.

    Args:
        service: those who connect become its clients; its reactor listens.
        host: the address to listen on, IPv4, IPv6 or a name; by default the setting ``host``.
        port: by default the setting ``port`` (or ``tls_port``); 0 takes any free one.
        endpoint: an endpoint string of Twisted's, in place of host and port.
        tls: whether connections are encrypted, with the certificate that the settings name.
        limiter: shared by all doors of the service; by default one of its own.

    Attributes:
        address: what it listens on, for people: ``telnet 127.0.0.1:9000``. With port 0 the port is
            known once the door is open.
        configured: as ``address`` was at first: another process recognises the door by it.
        advertised: the variables of MSSP that tell of this door, once it is open.
    """

    def __init__(
        self,
        service: Service,
        *,
        host: str | None = None,
        port: int | None = None,
        endpoint: str = "",
        tls: bool = False,
        limiter: ConnectionLimiter | None = None,
    ) -> None:
        settings = service.settings
        self._service = service
        self._host = settings.host if host is None else host
        if port is None:
            port = settings.tls_port if tls else settings.port
        self._tls = tls
        self._limiter = limiter
        self._factory: TelnetFactory | None = None
        self._detected: TelnetFactory | None = None  # of TLS at the plain port
        self._keep_alive = KeepAlive(service, self._connections)
        self._name = "tls" if tls else "telnet"
        self.address = self.configured = (
            f"{self._name} {endpoint or host_and_port(self._host, port)}"
        )
        self._first_bytes: FirstBytesFactory | None = None
        self._outermost: Any = None
        self.advertised: dict[str, int] = {}
        self._listening = Listening(
            service.reactor,
            endpoint or (self._host, port),
            self.address,
            keep_alive=settings.keep_alive,
            port_option="--tls-port" if tls else "--port",
        )

    def open(self) -> Deferred[None]:
        """Start to accept connections.

        Raises:
            DoorError: through the Deferred: the address cannot be listened on, and why.
        """
        return Deferred.fromCoroutine(self._open())

    async def _open(self) -> None:
        self._opened(await self._listening.open(self._make_factories()))

    def _make_factories(self) -> Any:
        """The factories that a connection passes through; returns the outermost.

        Raises:
            DoorError: the certificate cannot be used.
        """
        service = self._service
        limiter = self._limiter or ConnectionLimiter(service)
        self._factory = TelnetFactory(service, limiter, door=self._name, tls=self._tls)
        detected = None
        try:
            if service.settings.tls_detect and not self._tls:
                secure = self._detected = TelnetFactory(service, limiter, door="tls", tls=True)
                detected = self._encrypted(secure)
            self._first_bytes = FirstBytesFactory(
                self._factory,
                service.reactor,
                delay=lambda: service.settings.detect_delay,
                page=partial(page_of, service),
                tls=detected,
            )
            factory: Any = self._first_bytes
            if self._tls:
                factory = self._encrypted(factory)
        except CertificateError as error:
            raise DoorError(self.address, str(error)) from error
        self._outermost = ProxyProtocolFactory(factory, limiter.trusts, service.reactor)
        return self._outermost

    def _opened(self, host: Any) -> None:
        self.address = f"{self._name} {printable(host)}"
        port = getattr(host, "port", None)
        if port is not None:
            self.advertised = {"TLS" if self._tls else "PORT": port}
            if self._detected is not None:
                self.advertised["TLS"] = port
        self._keep_alive.start()

    def _encrypted(self, factory: Any) -> Any:
        service = self._service
        handshakes = ConnectionLimiter(service)
        shares = service.connections.shares
        return encrypted(factory, service, self._host, handshakes, shares)

    def close(self) -> Deferred[None]:
        """Accept no more connections; those that are open stay open. Closing twice is harmless."""
        self._keep_alive.stop()
        return maybeDeferred(self._listening.close)

    # -- to another process ------------------------------------------------------------------

    def finish_reading(self) -> None:
        """As ``MovableDoor.finish_reading``."""
        for connection in tuple(self._connections()):
            connection.finish_reading()

    def leave(self) -> list[Left]:
        """As ``MovableDoor.leave``. Encrypted connections cannot move."""
        lefts = self._listening.leave()
        for first in tuple(self._first_bytes.waiting) if self._first_bytes is not None else ():
            if isinstance(first.transport, ProxiedTransport):
                first.begin()  # its header is read; what is known of it moves with a client
            elif not self._tls:
                lefts.append(_new(first.transport, b""))
        for proxied in self._outermost.waiting if self._outermost is not None else ():
            lefts.append(_new(proxied.transport, proxied.received))
        for connection in self._connections():
            left = connection.leave()
            if left is not None:
                lefts.append(left)
        return lefts

    def stay(self) -> None:
        """As ``MovableDoor.stay``."""
        for connection in tuple(self._connections()):
            connection.stay()

    def left(self) -> None:
        """As ``MovableDoor.left``."""
        self._keep_alive.stop()
        self._listening.left()
        for connection in self._connections():
            connection.left()

    def take_over(self, left: Left, client: Mapping[str, Any] | None) -> Client | None:
        """As ``MovableDoor.take_over``."""
        if self._outermost is None:
            self._make_factories()
        if left.purpose is Purpose.LISTENING:
            self._opened(self._listening.take_over(left, self._outermost))
        elif left.purpose is Purpose.NEW:
            self._adopt(left, self._outermost)
        elif self._factory is not None and client is not None:
            protocol = self._factory.resumed(left.state, client)
            self._adopt(left, _FactoryOf(protocol))
            return protocol.client
        return None

    def _adopt(self, left: Left, factory: Any) -> None:
        family = socket.AddressFamily(left.state["family"])
        transport = self._service.reactor.adoptStreamConnection(left.descriptor, family, factory)
        received = left.state.get("received")
        if received:
            transport.protocol.dataReceived(received)

    def _connections(self) -> Iterator[TelnetProtocol]:
        for factory in filter(None, (self._factory, self._detected)):
            yield from factory.connections


class _FactoryOf:
    """Returns the protocol that it is given; ``adoptStreamConnection`` takes a factory only."""

    def __init__(self, protocol: TelnetProtocol) -> None:
        self._protocol = protocol

    def buildProtocol(self, _: object) -> TelnetProtocol:
        return self._protocol


def _new(transport: Any, received: bytes) -> Left:
    """A connection of which nothing is known but these bytes."""
    state = {"family": int(transport.socket.family), "received": received}
    return Left(Purpose.NEW, transport.fileno(), state)
