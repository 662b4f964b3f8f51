"""The figures of one service in Prometheus's terms, read at the moment of asking."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred, fail, maybeDeferred, succeed
from twisted.internet.error import CannotListenError
from twisted.logger import Logger
from twisted.protocols.policies import WrappingFactory

from cletus.errors import DoorError, MetricsMissing
from cletus.meters import BOUNDS, Counter, Gauge, Meter, Timing
from cletus.reactor.clock import Clock
from cletus.service.interfaces import Attachment
from cletus.version import __version__

if TYPE_CHECKING:
    from cletus.service.service import Service


class ServiceCollector:
    """A custom collector, as ``prometheus_client`` calls it.

    What is counted comes from ``service.metrics``; what can be seen at any moment is looked at now.

    Args:
        service: whose figures.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterator[Any]:
        """Prometheus's: all families of figures."""
        self._bring_up_to_date()
        for gauge in self._seen_now():
            yield _gauge_family(gauge)
        for meter in self._service.metrics:
            yield _family(meter)

    def _bring_up_to_date(self) -> None:
        """Who does not read just now has no peak behind them yet; nobody may have used a door yet."""
        waiting = (client.outbox.size for client in self._service.clients)
        self._service.metrics.output_peak.raise_to(max(waiting, default=0))
        for door in self._doors():
            self._service.metrics.connections.add(0, door=door)

    def _doors(self) -> set[str]:
        return {address.partition(" ")[0] for address in self._service.addresses}

    def _seen_now(self) -> Iterator[Gauge]:
        service = self._service
        clients = Gauge("cletus_clients", "People who are connected, by door.")
        inside = Tally(client.door for client in service.clients)
        for door in sorted(self._doors() | set(inside)):
            clients.set(inside[door], door=door)
        yield clients
        yield _gauge(
            "cletus_users",
            "People whom the application knows: those with a client.user.",
            sum(client.user is not None for client in service.clients),
        )
        yield _gauge(
            "cletus_output_waiting_bytes",
            "Bytes that wait for slow readers.",
            sum(client.outbox.size for client in service.clients),
        )
        session = service.session
        yield _gauge(
            "cletus_saves_waiting",
            "Documents that are on their way to the disk.",
            session.writer.pending if session.is_open else 0,
        )
        yield _gauge("cletus_generation", "Reloads that were committed.", session.generation)
        yield _gauge(
            "cletus_start_time_seconds", "When the service was started.", service.started_at
        )
        version = Gauge("cletus_info", "Always 1; the label tells the version of Cletus.")
        version.set(1, version=__version__)
        yield version


def registry_of(service: Service) -> Any:
    """A registry of this service alone, with the figures of its process.

    Raises:
        MetricsMissing: ``prometheus_client`` is not installed.
    """
    try:
        import prometheus_client as prometheus  # noqa: PLC0415 - an extra, and only who has metrics pays
    except ImportError:
        raise MetricsMissing from None
    registry = prometheus.CollectorRegistry()
    registry.register(ServiceCollector(service))
    prometheus.ProcessCollector(registry=registry)
    prometheus.PlatformCollector(registry=registry)
    prometheus.GCCollector(registry=registry)
    return registry


def _gauge(name: str, help: str, value: float) -> Gauge:  # noqa: A002 - Prometheus's word
    gauge = Gauge(name, help)
    gauge.set(value)
    return gauge


def _family(meter: Meter) -> Any:
    if isinstance(meter, Counter):
        return _counter_family(meter)
    return _gauge_family(meter) if isinstance(meter, Gauge) else _timing_family(meter)


def _counter_family(counter: Counter) -> Any:
    from prometheus_client.core import CounterMetricFamily  # noqa: PLC0415 - as above

    return _filled(CounterMetricFamily, counter)


def _gauge_family(gauge: Gauge) -> Any:
    from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415 - as above

    return _filled(GaugeMetricFamily, gauge)


def _filled(kind: Any, meter: Counter | Gauge) -> Any:
    samples = list(meter.read())
    names = _label_names(labels for labels, _ in samples)
    family = kind(meter.name, meter.help, labels=names)
    for labels, value in samples:
        family.add_metric(_values(labels, names), value)
    return family


def _timing_family(timing: Timing) -> Any:
    from prometheus_client.core import HistogramMetricFamily  # noqa: PLC0415 - as above

    samples = list(timing.read())
    names = _label_names(labels for labels, _, _ in samples)
    family = HistogramMetricFamily(timing.name, timing.help, labels=names)
    bounds = [*map(str, BOUNDS), "+Inf"]
    for labels, counts, total in samples:
        buckets: Any = list(zip(bounds, accumulate(counts), strict=True))
        family.add_metric(_values(labels, names), buckets, total)
    return family


def _label_names(all_labels: Iterable[tuple[tuple[str, str], ...]]) -> list[str]:
    """Each has the same names, or should have; what one lacks is empty."""
    return list(dict.fromkeys(name for labels in all_labels for name, _ in labels))


def _values(labels: Iterable[tuple[str, str]], names: Iterable[str]) -> list[str]:
    by_name = dict(labels)
    return [str(by_name.get(name, "")) for name in names]


INTERVAL: Final = 0.5
"""Seconds between two looks. Our choice: a pause of half a second is surely seen, and it costs nothing."""


class LagProbe:
    """Has itself called at some time, and notes by how much later that was.

    Args:
        clock: the reactor.
        timing: where it is noted.
    """

    def __init__(self, clock: Clock, timing: Timing) -> None:
        self._clock = clock
        self._timing = timing
        self._due = 0.0
        self._call: Any = None

    def start(self) -> None:
        """Look from now on."""
        self._due = self._clock.seconds() + INTERVAL
        self._call = self._clock.callLater(INTERVAL, self._look)

    def stop(self) -> None:
        """Look no more. Stopping twice is harmless."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _look(self) -> None:
        self._timing.observe(max(0.0, self._clock.seconds() - self._due))
        self.start()


METHODS: Final = (b"GET", b"HEAD")


class Page:
    """All of that port's site, in the shape of Twisted's ``IResource``.

    It is no subclass of ``Resource``: ``twisted.web`` is imported by those services alone that have
    metrics, and when they start.

    Args:
        figures: takes the ``Accept`` header; gives the content type and the body.
    """

    isLeaf: Final = True  # noqa: N815 - the name is Twisted's

    def __init__(self, figures: Callable[[str], tuple[str, bytes]]) -> None:
        self._figures = figures

    def render(self, request: Any) -> bytes:
        """Twisted's: the body of the answer to one request."""
        content_type, body = "text/plain; charset=utf-8", b"The figures are at /metrics.\n"
        if request.method not in METHODS:
            request.setResponseCode(405)
            request.setHeader("Allow", "GET, HEAD")
        elif request.path == b"/metrics":
            content_type, body = self._figures(request.getHeader("Accept") or "")
        else:
            request.setResponseCode(404)
        request.setHeader("Content-Type", content_type)
        request.setHeader("Content-Length", str(len(body)))
        return b"" if request.method == b"HEAD" else body


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
