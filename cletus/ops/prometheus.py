"""The figures of one service in Prometheus's terms, read at the moment of asking."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from cletus.errors import MetricsMissing
from cletus.meters import BOUNDS, Counter, Gauge, Meter, Timing
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
