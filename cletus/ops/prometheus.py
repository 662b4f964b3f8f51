"""The metrics of a service for Prometheus, and the port where they are served.

``cletus/meters.py`` counts; here the meters are read, when somebody asks, and written in the format of
Prometheus. ``prometheus_client`` (an extra) is imported by services that have ``metrics_port`` set, when
they start; no other service pays for it.
"""

from __future__ import annotations

import re
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from itertools import accumulate
from typing import Any, Final

from twisted.internet.defer import Deferred, fail, maybeDeferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import Logger

from cletus.errors import DoorError, MetricsMissing
from cletus.meters import BOUNDS, Counter, Gauge, Meter, Timing
from cletus.reactor.clock import Clock
from cletus.service.interfaces import Attachment
from cletus.service.service import Service
from cletus.version import __version__

CONNECTIONS_MAX: Final = 20
"""Maximum simultaneous connections. Our choice: a few Prometheus servers and a person; clients of the
service need the file descriptors more."""

REQUEST_TIME: Final = 10.0
"""Seconds for a connection in all, from its request to the end of its answer. Our choice: as long as
Prometheus waits by default (``scrape_timeout``)."""

REQUEST_MAX: Final = 8192
"""Maximum bytes of a request. Our choice, and that of most web servers; a body is never read."""

LAG_INTERVAL: Final = 0.5
"""Seconds between two measurements of the lag. Our choice: it shows each pause that people notice."""

METHODS: Final = (b"GET", b"HEAD")

Render = Callable[[str], tuple[str, bytes]]
"""Called with the header ``Accept``; returns the content type and the body."""


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
        self._factory: _Factory | None = None

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
        for protocol in list(self._factory.connected):
            protocol.transport.abortConnection()
        return maybeDeferred(port.stopListening)

    def _open(self) -> Deferred[None]:
        settings, reactor = self._service.settings, self._service.reactor
        registry = registry_of(self._service)
        from prometheus_client.exposition import choose_encoder  # noqa: PLC0415 - see the module

        def render(accept: str) -> tuple[str, bytes]:
            encode, content_type = choose_encoder(accept)
            return content_type, encode(registry)

        factory = _Factory(render, reactor)
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


class _Factory(Factory):
    """Creates protocols. Beyond ``CONNECTIONS_MAX`` the oldest gives way, so that idle ones keep nobody out."""

    noisy = False

    def __init__(self, render: Render, reactor: Any) -> None:
        self._render = render
        self._reactor = reactor
        self.connected: dict[MetricsProtocol, None] = {}  # in the order of their coming

    def buildProtocol(self, addr: object) -> MetricsProtocol:
        """Twisted's: somebody has connected."""
        if len(self.connected) >= CONNECTIONS_MAX:
            oldest = next(iter(self.connected))
            self._forget(oldest)
            oldest.transport.abortConnection()
        protocol = MetricsProtocol(self._render, self._reactor, self._forget)
        self.connected[protocol] = None
        return protocol

    def _forget(self, protocol: MetricsProtocol) -> None:
        self.connected.pop(protocol, None)


class MetricsProtocol(Protocol):
    """Reads a request up to its empty line, answers it, and closes the connection.

    It is not Twisted's web server, which waits for slow headers without end, and writes a body of any
    size to a temporary file.

    Args:
        render: the metrics.
        reactor: for the time limit.
        disconnected: called with this protocol at its end.
    """

    transport: Any = None

    def __init__(
        self, render: Render, reactor: Any, disconnected: Callable[[MetricsProtocol], object]
    ) -> None:
        self._render = render
        self._reactor = reactor
        self._disconnected = disconnected
        self._received = b""
        self._answered = False
        self._timeout: Any = None

    def connectionMade(self) -> None:
        """Start the time limit."""
        self._timeout = self._reactor.callLater(REQUEST_TIME, self._time_out)

    def dataReceived(self, data: bytes) -> None:
        """Bytes of the request; after the answer, they are ignored."""
        if self._answered:
            return
        self._received += data[:REQUEST_MAX]
        end = _END_OF_HEAD.search(self._received)
        if end is not None:
            self._answer(response_to(self._received[: end.start()], self._render))
        elif len(self._received) >= REQUEST_MAX:
            self._answer(
                _response(431, "text/plain; charset=utf-8", b"The request is too large.\n")
            )

    def connectionLost(self, reason: object = None) -> None:
        """Twisted's: the end."""
        if self._timeout is not None:
            self._timeout.cancel()
            self._timeout = None
        self._disconnected(self)

    def _answer(self, response: bytes) -> None:
        self._answered = True
        self._received = b""
        self.transport.write(response)
        self.transport.loseConnection()

    def _time_out(self) -> None:
        self._timeout = None
        self.transport.abortConnection()


def response_to(head: bytes, render: Render) -> bytes:
    """The response to an HTTP request (RFC 9112), of which only the request line and ``Accept`` matter."""
    first, *lines = head.split(b"\n")
    match = _REQUEST_LINE.fullmatch(first.rstrip(b"\r"))
    plain = "text/plain; charset=utf-8"
    if match is None:
        return _response(400, plain, b"That is not an HTTP request.\n")
    method, path = match.groups()
    if method not in METHODS:
        return _response(405, plain, b"Only GET and HEAD are answered.\n", ("Allow: GET, HEAD",))
    if path == b"/metrics":
        headers = {
            name.lower(): value for name, _, value in (line.partition(b":") for line in lines)
        }
        accept = headers.get(b"accept", b"").strip().decode("latin-1")
        content_type, body = render(accept)
        response = _response(200, content_type, body)
    else:
        body = b"The metrics are at /metrics.\n"
        response = _response(404, plain, body)
    return response.removesuffix(body) if method == b"HEAD" else response


_END_OF_HEAD: Final = re.compile(rb"\r?\n\r?\n")
_REQUEST_LINE: Final = re.compile(rb"([A-Z]+) (/[^ ?]*)\S* HTTP/1\.\d")


def _response(status: int, content_type: str, body: bytes, headers: tuple[str, ...] = ()) -> bytes:
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


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
        yield _gauge(
            "cletus_saves_unsaved",
            "Documents that could not be saved, and are tried again.",
            len(session.writer.unsaved) if session.is_open else 0,
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
