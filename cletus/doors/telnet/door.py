"""The telnet door itself, plain or TLS: what listens, who may come in, and who came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.protocol import ServerFactory, connectionDone
from twisted.logger import Logger

from cletus.doors.address import printable
from cletus.doors.admission import Doorkeeper
from cletus.doors.listening import Listening
from cletus.doors.proxy_protocol import ProxiedFactory
from cletus.doors.telnet.protocol import TelnetProtocol
from cletus.doors.tls import CertificateFiles, SelfSigned
from cletus.errors import CertificateError, DoorError
from cletus.logs.context import log_context

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress
    from twisted.python.failure import Failure

    from cletus.service.service import Service

_log = Logger()


class AdmittedProtocol(TelnetProtocol):
    """A telnet connection that the doorkeeper has let in, and hears of again when it ends.

    Args:
        service: whose client they become.
        lobby: where those who are in are listed.
        tls: whether what arrives here has been decrypted.
    """

    def __init__(self, service: Service, lobby: TelnetFactory, *, tls: bool) -> None:
        super().__init__(service, tls=tls)
        self._lobby = lobby
        self._host = ""
        self._admitted = False

    def connectionMade(self) -> None:
        """Twisted's: the connection is up, if there is room for it."""
        self._host = getattr(self.transport.getPeer(), "host", "")
        refusal = self._lobby.keeper.admits(self._host)
        if refusal is not None:
            self._refuse(refusal)
            return
        self._admitted = True
        self._lobby.inside[self] = None
        super().connectionMade()

    def dataReceived(self, data: bytes) -> None:
        """Twisted's: bytes have come; of somebody who was refused they mean nothing."""
        if self._admitted:
            self._lobby.received.value += len(data)
            with log_context(self._client):
                super().dataReceived(data)

    def readConnectionLost(self) -> None:
        """Twisted's: the peer will send nothing more."""
        if self._admitted:
            super().readConnectionLost()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Twisted's: the connection is gone."""
        if self._admitted:
            self._admitted = False
            self._lobby.inside.pop(self, None)
            self._lobby.keeper.out(self._host)
            super().connectionLost(reason)
        elif self._hanging_up is not None:
            self._hanging_up.cancel()
            self._hanging_up = None

    def _refuse(self, words: bytes) -> None:
        """Tell them and close, soon at the latest: over TLS, who makes no handshake would stay."""
        self.transport.write(words)
        self.transport.loseConnection()
        timeout = self._service.settings.close_timeout
        if timeout:
            self._hanging_up = self._service.reactor.callLater(timeout, self._hang_up)


class TelnetFactory(ServerFactory):
    """Makes the protocol of each connection that the door accepts.

    Args:
        service: whose door.
        keeper: who says who may come in.
        tls: whether connections are encrypted.

    Attributes:
        inside: the connections that are up.
        received: counts the bytes that come from them.
    """

    noisy = False  # the service tells where it listens

    def __init__(self, service: Service, keeper: Doorkeeper, *, tls: bool = False) -> None:
        self._service = service
        self._tls = tls
        self.received = service.metrics.received
        self.keeper = keeper
        self.inside: dict[AdmittedProtocol, None] = {}

    def buildProtocol(self, addr: IAddress | None) -> AdmittedProtocol:
        """Twisted's: somebody has connected."""
        return AdmittedProtocol(self._service, self, tls=self._tls)


class TelnetDoor:
    """Telnet, plain or over TLS, on a TCP port or on whatever Twisted has an endpoint for.

    Args:
        service: whose clients those who come in become; its reactor listens.
        host: the address to listen on, IPv4, IPv6 or a name; by default the setting ``host``.
        port: by default the setting ``port`` (or ``tls_port``); 0 takes any free one.
        endpoint: an endpoint string of Twisted's, in place of host and port.
        tls: whether connections are encrypted, with the certificate that the settings name.
        keeper: shared by all doors of the service; by default one of its own.

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
        keeper: Doorkeeper | None = None,
    ) -> None:
        settings = service.settings
        self._service = service
        self._host = settings.host if host is None else host
        if port is None:
            port = settings.tls_port if tls else settings.port
        self._tls = tls
        self._keeper = keeper
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
        keeper = self._keeper or Doorkeeper(self._service)
        telnet = self._factory = TelnetFactory(self._service, keeper, tls=self._tls)
        try:
            factory = self._encrypted(telnet) if self._tls else telnet
        except CertificateError as error:
            raise DoorError(self.address, str(error)) from error
        host = await self._listening.open(_Entrance(factory, keeper, self._service.reactor))
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
        for connection in tuple(self._factory.inside):
            connection.keep_alive()
        self._keep_alive()


class _Entrance(ServerFactory):
    """Tells trusted proxies from everybody else."""

    noisy = False

    def __init__(self, factory: Any, keeper: Doorkeeper, reactor: Any) -> None:
        self._factory = factory
        self._proxied = ProxiedFactory(factory, reactor)
        self._keeper = keeper

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """Twisted's: somebody has connected."""
        through = self._keeper.trusts(getattr(addr, "host", ""))
        return (self._proxied if through else self._factory).buildProtocol(addr)


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
