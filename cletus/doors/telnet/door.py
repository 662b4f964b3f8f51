"""The telnet door, plain or TLS: opens and closes the listening socket, and keeps connections alive."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, maybeDeferred

from cletus.doors.address import host_and_port, printable
from cletus.doors.admission import ConnectionLimiter
from cletus.doors.first_bytes import FirstBytesFactory
from cletus.doors.keep_alive import KeepAlive
from cletus.doors.listening import Listening
from cletus.doors.proxy_protocol import ProxyProtocolFactory
from cletus.doors.telnet.protocol import TelnetFactory, TelnetProtocol, answer_to_http
from cletus.doors.tls import encrypted
from cletus.errors import CertificateError, DoorError

if TYPE_CHECKING:
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
        self.address = f"{self._name} {endpoint or host_and_port(self._host, port)}"
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
        service = self._service
        limiter = self._limiter or ConnectionLimiter(service)
        self._factory = TelnetFactory(service, limiter, door=self._name, tls=self._tls)
        detected = None
        try:
            if service.settings.tls_detect and not self._tls:
                secure = self._detected = TelnetFactory(service, limiter, door="tls", tls=True)
                detected = self._encrypted(secure)
            factory: Any = FirstBytesFactory(
                self._factory,
                service.reactor,
                delay=lambda: service.settings.detect_delay,
                answer=partial(answer_to_http, service),
                tls=detected,
            )
            if self._tls:
                factory = self._encrypted(factory)
        except CertificateError as error:
            raise DoorError(self.address, str(error)) from error
        factory = ProxyProtocolFactory(factory, limiter.trusts, service.reactor)
        host = await self._listening.open(factory)
        self.address = f"{self._name} {printable(host)}"
        port = getattr(host, "port", None)
        if port is not None:
            self.advertised = {"TLS" if self._tls else "PORT": port}
            if detected is not None:
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

    def _connections(self) -> Iterator[TelnetProtocol]:
        for factory in filter(None, (self._factory, self._detected)):
            yield from factory.connections
