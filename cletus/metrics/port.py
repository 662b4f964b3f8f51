"""The port on which Prometheus asks: opened with the service, closed with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred, fail, maybeDeferred, succeed
from twisted.internet.error import CannotListenError
from twisted.logger import Logger
from twisted.protocols.policies import WrappingFactory

from cletus.errors import DoorError
from cletus.metrics.lag import LagProbe
from cletus.metrics.page import Page
from cletus.ops.prometheus import registry_of
from cletus.service.interfaces import Attachment

if TYPE_CHECKING:
    from cletus.service.service import Service

CONNECTIONS_MAX: Final = 20
"""At once. Our choice: a few Prometheuses and a person; people need the file descriptors more."""

TIMEOUT: Final = 30.0
"""Seconds for which a connection may say nothing. Prometheus opens another if it comes more seldom."""


def metrics_of(service: Service) -> Iterator[Attachment]:
    """The port, if the settings name one."""
    if service.settings.metrics_port:
        yield MetricsPort(service)


class _AFew(WrappingFactory):
    """Hangs up on whoever is one too many."""

    noisy = False

    def buildProtocol(self, addr: Any) -> Any:
        """Twisted's: somebody has connected."""
        return super().buildProtocol(addr) if len(self.protocols) < CONNECTIONS_MAX else None


class MetricsPort:
    """Answers ``GET /metrics``, and watches the event loop meanwhile.

    Args:
        service: whose figures; its settings say where.
    """

    log = Logger()

    def __init__(self, service: Service) -> None:
        self._service = service
        self._probe = LagProbe(service.clock, service.metrics.loop_lag)
        self._port: Any = None
        self._factory: _AFew | None = None

    def open(self) -> Deferred[None]:
        """Begin to answer.

        Raises:
            DoorError: through the Deferred: the address cannot be listened on.
            MetricsMissing: through the Deferred: ``prometheus_client`` is not installed.
        """
        return maybeDeferred(self._open)

    def close(self) -> Deferred[None]:
        """Answer no more; who is connected is hung up on."""
        self._probe.stop()
        port, self._port = self._port, None
        if port is None or self._factory is None:
            return succeed(None)
        for connection in list(self._factory.protocols):
            connection.transport.abortConnection()
        return maybeDeferred(port.stopListening)

    def _open(self) -> Deferred[None]:
        settings, reactor = self._service.settings, self._service.reactor
        registry = registry_of(self._service)
        from prometheus_client.exposition import choose_encoder  # noqa: PLC0415 - it is there, as we know by now
        from twisted.web.server import Site  # noqa: PLC0415 - as page.py says

        def figures(accept: str) -> tuple[str, bytes]:
            encode, content_type = choose_encoder(accept)
            return content_type, encode(registry)

        site: Any = Site(Page(figures), timeout=TIMEOUT, reactor=reactor)
        site.noisy = False
        factory: Any = _AFew(site)  # type: ignore[no-untyped-call]  # Twisted's __init__
        host, number = settings.metrics_host, settings.metrics_port
        where = f"[{host}]:{number}" if ":" in host else f"{host}:{number}"
        try:
            self._port = reactor.listenTCP(number, factory, interface=host)
        except CannotListenError as error:
            why = getattr(error.socketError, "strerror", None) or error.socketError
            reason = f"{why}; set metrics_port to another, or to 0 for none"
            return fail(DoorError(f"metrics {where}", reason))
        self._factory = factory
        self._probe.start()
        self.log.info("Metrics are at http://{where}/metrics", where=where)
        return succeed(None)
