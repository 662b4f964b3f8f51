"""The telnet door, plain or TLS: opens and closes the listening socket, and keeps connections alive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger

from cletus.doors.address import printable
from cletus.doors.admission import ConnectionLimiter
from cletus.doors.listening import Listening
from cletus.doors.proxy_protocol import ProxyProtocolFactory
from cletus.doors.telnet.protocol import TelnetFactory
from cletus.doors.tls import CertificateFiles, SelfSigned
from cletus.errors import CertificateError, DoorError

if TYPE_CHECKING:
    from cletus.service.service import Service

_log = Logger()


class TelnetDoor:
    """Telnet, plain or over TLS, on a TCP port or on whatever Twisted has an endpoint for.

    Args:
        service: whose clients those who come in become; its reactor listens.
        host: the address to listen on, IPv4, IPv6 or a name; by default the setting ``host``.
        port: by default the setting ``port`` (or ``tls_port``); 0 takes any free one.
        endpoint: an endpoint string of Twisted's, in place of host and port.
        tls: whether connections are encrypted, with the certificate that the settings name.
        limiter: shared by all doors of the service; by default one of its own.

    Attributes:
        address: what it listens on, for people: ``telnet 127.0.0.1:9000``. With port 0 the port is
            known once the door is open.
        advertised: what crawlers are told of it.
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
        self._timer: Any = None
        self._name = "tls" if tls else "telnet"
        self.address = f"{self._name} {endpoint or _address(self._host, port)}"
        self.advertised: dict[str, int] = {}
        where = endpoint or (self._host, port)
        self._listening = Listening(
            service.reactor,
            where,
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
        limiter = self._limiter or ConnectionLimiter(self._service)
        telnet = self._factory = TelnetFactory(
            self._service, limiter, door=self._name, tls=self._tls
        )
        try:
            factory = self._encrypted(telnet) if self._tls else telnet
        except CertificateError as error:
            raise DoorError(self.address, str(error)) from error
        proxied = ProxyProtocolFactory(factory, limiter.trusts, self._service.reactor)
        host = await self._listening.open(proxied)
        self.address = f"{self._name} {printable(host)}"
        port = getattr(host, "port", None)
        if port is not None:
            self.advertised = {"TLS" if self._tls else "PORT": port}
        self._keep_alive()

    def close(self) -> Deferred[None]:
        """Accept no more; those who are connected stay so. Closing twice is harmless."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        return maybeDeferred(self._listening.close)

    def _encrypted(self, factory: TelnetFactory) -> Any:
        certificate: Any = self._certificate()
        telnet: Any = factory  # zope's interfaces are unknown to mypy
        from twisted.protocols.tls import TLSMemoryBIOFactory  # noqa: PLC0415 - it imports OpenSSL

        return TLSMemoryBIOFactory(certificate, False, telnet)

    def _certificate(self) -> Any:
        settings = self._service.settings
        if settings.tls_certificate:
            seconds = self._service.reactor.seconds
            return CertificateFiles(settings.tls_certificate, settings.tls_key, seconds)
        if not settings.tls_self_signed:
            raise CertificateError("TLS", "needs --tls-certificate, or --tls-self-signed to try it")
        made = SelfSigned(self._host)
        _log.warn(
            "a self-signed certificate, for trying out; its SHA-256 is {fingerprint}",
            fingerprint=made.fingerprint,
        )
        return made

    def _keep_alive(self) -> None:
        """One timer for all, and none in each connection."""
        interval = self._service.settings.keep_alive
        if interval:
            self._timer = self._service.reactor.callLater(interval, self._show_life)

    def _show_life(self) -> None:
        assert self._factory is not None  # noqa: S101 - the timer runs while the door is open
        for connection in tuple(self._factory.connections):
            connection.keep_alive()
        self._keep_alive()


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
