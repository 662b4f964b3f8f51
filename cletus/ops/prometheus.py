"""The metrics of a service for Prometheus, and the port where they are served.

``cletus/meters.py`` counts; here the meters are read, when somebody asks, and written in the format of
Prometheus. ``prometheus_client`` (an extra) and ``twisted.web`` are imported by services that have
``metrics_port`` set, when they start; no other service pays for them.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from typing import Any, Final

from twisted.internet.defer import Deferred, fail, maybeDeferred, succeed
from twisted.internet.error import CannotListenError
from twisted.logger import Logger
from twisted.protocols.policies import WrappingFactory

from cletus.errors import DoorError, MetricsMissing
from cletus.meters import BOUNDS, Counter, Gauge, Meter, Timing
from cletus.reactor.clock import Clock
from cletus.service.interfaces import Attachment
from cletus.service.service import Service
from cletus.version import __version__

CONNECTIONS_MAX: Final = 20
"""Maximum simultaneous connections. Our choice: a few Prometheus servers and a person; clients of the
service need the file descriptors more."""

TIMEOUT: Final = 30.0
"""Seconds that a connection may be silent. A Prometheus that asks less often connects again."""

LAG_INTERVAL: Final = 0.5
"""Seconds between two measurements of the lag. Our choice: it shows each pause that people notice."""

METHODS: Final = (b"GET", b"HEAD")


def metrics_of(service: Service) -> Iterator[Attachment]:
    """The metrics port, if the settings name one."""
    if service.settings.metrics_port:
        yield MetricsPort(service)


# -- the port -----------------------------------------------------------------------------------


class MetricsPort:
    """Answers ``GET /metrics``, and measures the lag of the event loop meanwhile."""

    log = Logger()

    def __init__(self, service: Service) -> None:
        self._service = service
        self._lag = LagProbe(service.clock, service.metrics.loop_lag)
        self._port: Any = None
        self._factory: _LimitedFactory | None = None

    def open(self) -> Deferred[None]:
        """Listen.

        Raises:
            DoorError: through the Deferred: the address cannot be listened on.
            MetricsMissing: through the Deferred: ``prometheus_client`` is not installed.
        """
        return maybeDeferred(self._open)

    def close(self) -> Deferred[None]:
        """Stop listening, and close all connections."""
        self._lag.stop()
        port, self._port = self._port, None
        if port is None or self._factory is None:
            return succeed(None)
        for connection in list(self._factory.protocols):
            connection.transport.abortConnection()
        return maybeDeferred(port.stopListening)

    def _open(self) -> Deferred[None]:
        settings, reactor = self._service.settings, self._service.reactor
        registry = registry_of(self._service)
        from prometheus_client.exposition import choose_encoder  # noqa: PLC0415 - see the module
        from twisted.web.server import Site  # noqa: PLC0415 - see the module

        def render(accept: str) -> tuple[str, bytes]:
            encode, content_type = choose_encoder(accept)
            return content_type, encode(registry)

        site: Any = Site(MetricsPage(render), timeout=TIMEOUT, reactor=reactor)
        site.noisy = False
        factory: Any = _LimitedFactory(site)  # type: ignore[no-untyped-call]  # Twisted's __init__
        host, number = settings.metrics_host, settings.metrics_port
        address = f"[{host}]:{number}" if ":" in host else f"{host}:{number}"
        try:
            self._port = reactor.listenTCP(number, factory, interface=host)
        except CannotListenError as error:
            reason = getattr(error.socketError, "strerror", None) or error.socketError
            advice = "set metrics_port to another port, or to 0 to turn it off"
            return fail(DoorError(f"metrics {address}", f"{reason}; {advice}"))
        self._factory = factory
        self._lag.start()
        self.log.info("Metrics are at http://{address}/metrics", address=address)
        return succeed(None)


class _LimitedFactory(WrappingFactory):
    """Closes connections beyond ``CONNECTIONS_MAX``."""

    noisy = False

    def buildProtocol(self, addr: Any) -> Any:
        """Twisted's: somebody has connected."""
        return super().buildProtocol(addr) if len(self.protocols) < CONNECTIONS_MAX else None


class MetricsPage:
    """All pages of that port, as Twisted's ``IResource``; not a ``Resource``, to import no ``twisted.web``.

    Args:
        render: called with the ``Accept`` header; returns the content type and the body.
    """

    isLeaf: Final = True  # noqa: N815 - the name is Twisted's

    def __init__(self, render: Callable[[str], tuple[str, bytes]]) -> None:
        self._render = render

    def render(self, request: Any) -> bytes:
        """Twisted's: the body of the answer to a request."""
        content_type, body = "text/plain; charset=utf-8", b"The metrics are at /metrics.\n"
        if request.method not in METHODS:
            request.setResponseCode(405)
            request.setHeader("Allow", "GET, HEAD")
        elif request.path == b"/metrics":
            content_type, body = self._render(request.getHeader("Accept") or "")
        else:
            request.setResponseCode(404)
        request.setHeader("Content-Type", content_type)
        request.setHeader("Content-Length", str(len(body)))
        return b"" if request.method == b"HEAD" else body


class LagProbe:
    """Measures how much later than asked for the reactor calls.

    Args:
        clock: the reactor.
        timing: records each lag.
    """

    def __init__(self, clock: Clock, timing: Timing) -> None:
        self._clock = clock
        self._timing = timing
        self._due = 0.0
        self._call: Any = None

    def start(self) -> None:
        """Measure from now on."""
        self._due = self._clock.seconds() + LAG_INTERVAL
        self._call = self._clock.callLater(LAG_INTERVAL, self._measure)

    def stop(self) -> None:
        """Stop measuring. Stopping twice is harmless."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _measure(self) -> None:
        self._timing.observe(max(0.0, self._clock.seconds() - self._due))
        self.start()


# -- the metrics --------------------------------------------------------------------------------


def registry_of(service: Service) -> Any:
    """A registry with the metrics of this service and of its process.

    Raises:
        MetricsMissing: ``prometheus_client`` is not installed.
    """
    try:
        import prometheus_client as prometheus  # noqa: PLC0415 - see the module
    except ImportError:
        raise MetricsMissing from None
    registry = prometheus.CollectorRegistry()
    registry.register(ServiceCollector(service))
    prometheus.ProcessCollector(registry=registry)
    prometheus.PlatformCollector(registry=registry)
    prometheus.GCCollector(registry=registry)
    return registry


class ServiceCollector:
    """A custom collector, as ``prometheus_client`` calls it.

    Events are counted in ``service.metrics`` when they happen; everything else is read when asked for.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterator[Any]:
        """Prometheus's: all metric families."""
        self._update()
        for gauge in self._gauges():
            yield _gauge_family(gauge)
        for meter in self._service.metrics:
            yield _family(meter)

    def _update(self) -> None:
        """Add what no event has counted yet: output that still waits, and doors that nobody has used."""
        waiting = (client.output.size for client in self._service.clients)
        self._service.metrics.output_peak.raise_to(max(waiting, default=0))
        for door in self._doors():
            self._service.metrics.connections.add(0, door=door)

    def _doors(self) -> set[str]:
        return {address.partition(" ")[0] for address in self._service.addresses}

    def _gauges(self) -> Iterator[Gauge]:
        service = self._service
        clients = Gauge("cletus_clients", "People who are connected, by door.")
        by_door = Tally(client.door for client in service.clients)
        for door in sorted(self._doors() | set(by_door)):
            clients.set(by_door[door], door=door)
        yield clients
        yield _gauge(
            "cletus_users",
            "People whom the application knows: those with a client.user.",
            sum(client.user is not None for client in service.clients),
        )
        yield _gauge(
            "cletus_output_waiting_bytes",
            "Bytes that wait for slow readers.",
            sum(client.output.size for client in service.clients),
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
        version = Gauge("cletus_info", "Always 1; the label is the version of Cletus.")
        version.set(1, version=__version__)
        yield version


def _gauge(name: str, help: str, value: float) -> Gauge:  # noqa: A002 - Prometheus's word
    gauge = Gauge(name, help)
    gauge.set(value)
    return gauge


def _family(meter: Meter) -> Any:
    if isinstance(meter, Counter):
        return _counter_family(meter)
    return _gauge_family(meter) if isinstance(meter, Gauge) else _timing_family(meter)


def _counter_family(counter: Counter) -> Any:
    from prometheus_client.core import CounterMetricFamily  # noqa: PLC0415 - see the module

    return _filled(CounterMetricFamily, counter)


def _gauge_family(gauge: Gauge) -> Any:
    from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415 - see the module

    return _filled(GaugeMetricFamily, gauge)


def _filled(family_type: Any, meter: Counter | Gauge) -> Any:
    samples = list(meter.read())
    names = _label_names(labels for labels, _ in samples)
    family = family_type(meter.name, meter.help, labels=names)
    for labels, value in samples:
        family.add_metric(_label_values(labels, names), value)
    return family


def _timing_family(timing: Timing) -> Any:
    from prometheus_client.core import HistogramMetricFamily  # noqa: PLC0415 - see the module

    samples = list(timing.read())
    names = _label_names(labels for labels, _, _ in samples)
    family = HistogramMetricFamily(timing.name, timing.help, labels=names)
    bounds = [*map(str, BOUNDS), "+Inf"]
    for labels, counts, total in samples:
        buckets: Any = list(zip(bounds, accumulate(counts), strict=True))
        family.add_metric(_label_values(labels, names), buckets, total)
    return family


def _label_names(all_labels: Iterable[tuple[tuple[str, str], ...]]) -> list[str]:
    """The names in all samples of a meter; a sample without one of them has "" there."""
    return list(dict.fromkeys(name for labels in all_labels for name, _ in labels))


def _label_values(labels: Iterable[tuple[str, str]], names: Iterable[str]) -> list[str]:
    by_name = dict(labels)
    return [str(by_name.get(name, "")) for name in names]
