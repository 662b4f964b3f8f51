"""The SSH door: opens and closes the listening socket, and counts those who have not come in yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from twisted.conch.ssh.keys import FingerprintFormats
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.protocol import ServerFactory
from twisted.logger import Logger

from cletus.doors.address import host_and_port, printable
from cletus.doors.admission import CROWDED, FULL, ConnectionLimiter, counted_network
from cletus.doors.keep_alive import KeepAlive
from cletus.doors.listening import FreePort, Listening
from cletus.doors.proxy_protocol import ProxyProtocolFactory
from cletus.doors.ssh.host_key import NAME, host_key
from cletus.doors.ssh.transport import SshTransport
from cletus.errors import DoorError, HostKeyError
from cletus.storage.backends.urls import state_folder_of

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress
    from twisted.python.failure import Failure

    from cletus.service.interfaces import Left
    from cletus.service.service import Service

UNPROVEN_MAX: Final = 100
"""Connections that have not come in yet. Our choice; each costs a key exchange, some 2 ms."""

UNPROVEN_PER_ADDRESS: Final = 20
"""Those from one address (IPv6: one /48). Our choice."""

_LOG_INTERVAL: Final = 1.0
_REASON_MAX: Final = 200

_log = Logger()


class SshDoor:
    """SSH on a TCP port or on any other endpoint that Twisted has.

    Args:
        service: those who come in become its clients; its reactor listens.
        host: the address to listen on; by default the setting ``host``.
        port: by default the setting ``ssh_port``; 0 takes any free one.
        endpoint: an endpoint string of Twisted's, in place of host and port.
        limiter: shared by all doors of the service; by default one of its own.
        fall_back: if the port is in use, take any free one.

    Attributes:
        address: what it listens on, for people: ``ssh 127.0.0.1:9022``.
        advertised: the variables of MSSP that tell of this door, once it is open.
    """

    def __init__(
        self,
        service: Service,
        *,
        host: str | None = None,
        port: int | None = None,
        endpoint: str = "",
        limiter: ConnectionLimiter | None = None,
        fall_back: bool = False,
    ) -> None:
        settings = service.settings
        self._service = service
        self._host = settings.host if host is None else host
        port = settings.ssh_port if port is None else port
        self._limiter = limiter or ConnectionLimiter(service)
        self._factory: SshFactory | None = None
        self._keep_alive = KeepAlive(service, self._connections)
        self.address = self.configured = f"ssh {endpoint or host_and_port(self._host, port)}"
        self.advertised: dict[str, int] = {}
        self._listening = Listening(
            service.reactor,
            endpoint or (self._host, port),
            self.address,
            keep_alive=settings.keep_alive,
            port_option="--ssh-port",
            fall_back=FreePort("SSH", self._host) if fall_back else None,
        )

    def open(self) -> Deferred[None]:
        """Start to accept connections.

        Raises:
            DoorError: through the Deferred: the address cannot be listened on, or the host key cannot
                be used, and why.
        """
        return Deferred.fromCoroutine(self._open())

    async def _open(self) -> None:
        self._opened(await self._listening.open(self._make_factory()))

    def _make_factory(self) -> Any:
        """What makes connections.

        Raises:
            DoorError: the host key cannot be used.
        """
        service = self._service
        try:
            key = self._host_key()
        except HostKeyError as error:
            raise DoorError(self.address, str(error)) from error
        self._factory = SshFactory(service, self._limiter, key)
        _log.info("the SSH host key is {fingerprint}", fingerprint=fingerprint(key))
        return ProxyProtocolFactory(self._factory, self._limiter.trusts, service.reactor)

    def _opened(self, host: Any) -> None:
        self.address = f"ssh {printable(host)}"
        port = getattr(host, "port", None)
        if port is not None:
            self.advertised = {"SSH": port}
        self._keep_alive.start()

    def close(self) -> Deferred[None]:
        """Accept no more connections; those that are open stay open. Closing twice is harmless."""
        self._keep_alive.stop()
        return maybeDeferred(self._listening.close)

    # -- to another process: SSH's own secrets do not move, so only the listening socket does ------

    def finish_reading(self) -> None:
        """As ``MovableDoor.finish_reading``."""

    def leave(self) -> list[Left]:
        """As ``MovableDoor.leave``."""
        return self._listening.leave()

    def stay(self) -> None:
        """As ``MovableDoor.stay``."""

    def left(self) -> None:
        """As ``MovableDoor.left``."""
        self._keep_alive.stop()
        self._listening.left()

    def take_over(self, left: Left, client: Mapping[str, Any] | None) -> None:
        """As ``MovableDoor.take_over``."""
        self._opened(self._listening.take_over(left, self._make_factory()))

    def _host_key(self) -> Any:
        settings = self._service.settings
        if settings.ssh_host_key:
            return host_key(Path(settings.ssh_host_key), create=False)
        folder = state_folder_of(settings.store, self._service.sources.folder)
        if not folder:
            _log.warn("the SSH host key is forgotten at the end: set ssh_host_key to a file")
            return host_key(None, create=True)
        return host_key(Path(folder) / NAME, create=True)

    def _connections(self) -> Iterable[SshTransport]:
        return () if self._factory is None else self._factory.connections


class SshFactory(ServerFactory):
    """Makes a connection for each peer, and counts those who have not come in yet.

    Args:
        service: the service of the door.
        limiter: admits connections, or refuses them.
        key: the host key, as conch has it.

    Attributes:
        connections: the open connections, each with the address under which it is counted.
        algorithms: the signature algorithms of the host key; none with SHA-1.
        publicKeys, privateKeys: the host key by its type, for conch.
    """

    noisy = False  # the service logs where it listens

    def __init__(self, service: Service, limiter: ConnectionLimiter, key: Any) -> None:
        self._service = service
        self._limiter = limiter
        weak = (b"ssh-rsa", b"ssh-dss")
        self.algorithms = [name for name in key.supportedSignatureAlgorithms() if name not in weak]
        self.publicKeys = {key.sshType(): key.public()}
        self.privateKeys = {key.sshType(): key}
        self.connections: dict[SshTransport, str] = {}
        self._unproven: dict[SshTransport, str] = {}
        self._failures = 0
        self._logged_at = -_LOG_INTERVAL

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """Twisted's: somebody has connected."""
        connection = SshTransport(self._service)
        connection.factory = self
        return connection

    def admit(self, connection: SshTransport) -> bytes | None:
        """Count a new connection. Returns ``None``, or what to tell the peer if there is no room."""
        host = getattr(connection.transport.getPeer(), "host", "")
        address = counted_network(host)
        if len(self._unproven) >= UNPROVEN_MAX:
            return FULL
        if address and list(self._unproven.values()).count(address) >= UNPROVEN_PER_ADDRESS:
            return CROWDED
        refusal = self._limiter.admit(host)
        if refusal is None:
            self.connections[connection] = host
            self._unproven[connection] = address
        return refusal

    def came_in(self, connection: SshTransport) -> None:
        """A connection has become a client."""
        self._unproven.pop(connection, None)

    def release(self, connection: SshTransport) -> None:
        """A connection that was admitted has gone."""
        self._unproven.pop(connection, None)
        self._limiter.release(self.connections.pop(connection))

    def log_failure(self, connection: SshTransport, failure: Failure) -> None:
        """Log why connections were dropped: one line a second, for any number of them."""
        self._failures += 1
        now = self._service.reactor.seconds()
        if now - self._logged_at >= _LOG_INTERVAL:
            _log.warn(
                "{count} SSH connections dropped, the latest from {address}: {reason}",
                count=self._failures,
                address=connection.address,
                reason=f"{type(failure.value).__name__}: {failure.getErrorMessage()}"[:_REASON_MAX],
            )
            self._logged_at, self._failures = now, 0


def fingerprint(key: Any) -> str:
    """The fingerprint of a key as ``ssh`` shows it: ``SHA256:...``."""
    return f"SHA256:{key.fingerprint(FingerprintFormats.SHA256_BASE64).rstrip('=')}"
