"""What a service counts: plain numbers on plain objects.

Counting costs an addition, whether anything reads the numbers or not. Nothing here knows Prometheus;
``ops/prometheus.py`` reads the meters for it. A meter belongs to the service and survives reloads: asked
for again under its name, it is the same meter with the same count.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias, TypeVar

from cletus.errors import MeterError

Labels: TypeAlias = tuple[tuple[str, str], ...]

#: Combinations of label values that a meter counts separately; later ones are counted as ``other``.
#: Our choice: labels that people can choose (names, addresses) must not fill the memory of the service
#: and of whatever stores the numbers.
LABELS_MAX: Final = 200

#: The upper bounds in seconds by which times are counted: from what nobody notices to what everybody
#: does. Our choice.
BOUNDS: Final = (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0)

_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
#: Suffixes that Prometheus adds to names itself.
_SUFFIXES: Final = ("_total", "_sum", "_count", "_bucket", "_created")


class _Number:
    """A number, or one for each combination of labels."""

    __slots__ = ("_labelled", "value")

    def __init__(self) -> None:
        self.value: float = 0
        self._labelled: dict[Labels, float] = {}

    def snapshot(self) -> tuple[float, dict[Labels, float]]:
        """The number as plain data."""
        return self.value, dict(self._labelled)

    def restore(self, state: tuple[float, dict[Labels, float]]) -> None:
        """Go on from this number."""
        self.value, self._labelled = state[0], dict(state[1])


class Counter(_Number):
    """A number that only grows.

    Attributes:
        name, help: as given to ``Meters.counter``.
        value: the count without labels; on a hot path ``value += 1`` does the same as ``add()``.
    """

    __slots__ = ("help", "name")
    type_name: Final = "counter"

    def __init__(self, name: str, help: str) -> None:  # noqa: A002 - Prometheus's word
        super().__init__()
        self.name = name
        self.help = help

    def add(self, amount: float = 1, /, **labels: str) -> None:
        """Add to the count of these labels.

        Args:
            amount: not negative; it is not checked.
            labels: ``door="telnet"``. A meter always has the same label names, or none.
        """
        if labels:
            key = _bounded(labels, self._labelled)
            self._labelled[key] = self._labelled.get(key, 0) + amount
        else:
            self.value += amount

    def read(self) -> Iterator[tuple[Labels, float]]:
        """The count of each combination of labels; without labels, the only count."""
        yield from self._labelled.items() if self._labelled else [((), self.value)]


class Gauge(_Number):
    """A number that goes up and down.

    Attributes:
        name, help: as given to ``Meters.gauge``.
        value: the present value, if it has no labels.
    """

    __slots__ = ("help", "name")
    type_name: Final = "gauge"

    def __init__(self, name: str, help: str) -> None:  # noqa: A002 - Prometheus's word
        super().__init__()
        self.name = name
        self.help = help

    def set(self, value: float, /, **labels: str) -> None:
        """Set the present value of these labels."""
        if labels:
            self._labelled[_bounded(labels, self._labelled)] = value
        else:
            self.value = value

    def raise_to(self, value: float) -> None:
        """Set the value if it is more than before: a high-water mark."""
        self.value = max(self.value, value)

    def read(self) -> Iterator[tuple[Labels, float]]:
        """As ``Counter.read``."""
        yield from self._labelled.items() if self._labelled else [((), self.value)]


class _Times:
    """The counts of a timing under one combination of labels."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.total = 0.0


class Timing:
    """A histogram of durations: how many were up to each of ``BOUNDS``, and their sum.

    Attributes:
        name, help: as given to ``Meters.timing``.
    """

    __slots__ = ("_labelled", "help", "name")
    type_name: Final = "timing"

    def __init__(self, name: str, help: str) -> None:  # noqa: A002 - Prometheus's word
        self.name = name
        self.help = help
        self._labelled: dict[Labels, _Times] = {}

    def observe(self, seconds: float, /, **labels: str) -> None:
        """Count a duration."""
        times = self.begin(**labels)
        times.counts[bisect_left(BOUNDS, seconds)] += 1
        times.total += seconds

    def begin(self, **labels: str) -> _Times:
        """Have these labels read as 0 before the first duration; returns their counts."""
        return self._labelled.setdefault(_bounded(labels, self._labelled), _Times())

    def snapshot(self) -> dict[Labels, tuple[list[int], float]]:
        """The counts as plain data."""
        return {labels: (counts, total) for labels, counts, total in self.read()}

    def restore(self, state: Mapping[Labels, tuple[list[int], float]]) -> None:
        """Go on from these counts."""
        for labels, (counts, total) in state.items():
            times = self._labelled.setdefault(labels, _Times())
            times.counts, times.total = list(counts), total

    def read(self) -> Iterator[tuple[Labels, list[int], float]]:
        """For each combination of labels: counts between the bounds, the last above all; the sum."""
        for labels, times in self._labelled.items():
            yield labels, list(times.counts), times.total


Meter: TypeAlias = Counter | Gauge | Timing
_TYPES: Final[dict[str, type[Any]]] = {cls.type_name: cls for cls in (Counter, Gauge, Timing)}
SomeMeter = TypeVar("SomeMeter", Counter, Gauge, Timing)


class Meters:
    """All meters of one service, by name: ``service.metrics``.

    Attributes:
        lines: lines that people have typed.
        deliveries: pieces of output handed to connections.
        received, sent: bytes.
        connections: connections accepted, by ``door``.
        refused: connections that a limit has turned away.
        slow_readers: clients that were dropped because they did not read.
        throttled: times that a connection had to wait because its address had used up ``stranger_cpu``.
        strangers_closed: strangers who were closed because all together held too much memory.
        mistakes: errors that the application's code has raised.
        output_peak: the most bytes that have ever waited for one client.
        input_peak: the most lines of one client that have ever waited.
        saves_peak: the most documents that have ever waited to be saved.
        saves, save_time: documents by ``outcome``; how long each write took, of one or many.
        reloads, reload_pause, reload_phases: reloads by ``outcome``; how long each kept lines
            waiting; how long each ``phase`` took.
        restarts, restart_pause: restarts by ``outcome``; how long each kept lines waiting.
        loop_lag: by how much the event loop was late.
        held_up: how often the reactor was busy with one thing for more than a quarter of a second.
        interrupted: calls of the application's code that took longer than ``call_timeout``.
    """

    def __init__(self) -> None:
        self._by_name: dict[str, Meter] = {}
        count, gauge, timing = self.counter, self.gauge, self.timing
        self.lines = count("cletus_lines", "Lines that people have typed.")
        self.deliveries = count("cletus_deliveries", "Pieces of output handed to connections.")
        self.received = count("cletus_received_bytes", "Bytes that have come from people.")
        self.sent = count("cletus_sent_bytes", "Bytes that were sent to people.")
        self.connections = count("cletus_connections", "People who have come in, by door.")
        self.refused = count("cletus_connections_refused", "Connections that a budget turned away.")
        self.slow_readers = count("cletus_slow_readers", "People dropped who did not read.")
        self.throttled = count(
            "cletus_throttled", "Waits of connections whose address had used up its time."
        )
        self.strangers_closed = count(
            "cletus_strangers_closed", "Strangers closed because all together held too much."
        )
        self.mistakes = count("cletus_mistakes", "Errors that the application's code has raised.")
        self.output_peak = gauge(
            "cletus_output_peak_bytes", "The most that has ever waited for one slow reader."
        )
        self.input_peak = gauge(
            "cletus_input_peak_lines", "The most lines of one person that have ever waited."
        )
        self.saves_peak = gauge(
            "cletus_saves_peak", "The most documents that have ever waited to be saved."
        )
        self.saves = count("cletus_saves", "Documents saved, or not, by outcome.")
        self.save_time = timing("cletus_save_seconds", "How long a write took, of one or many.")
        self.reloads = count("cletus_reloads", "Reloads by outcome.")
        self.reload_pause = timing(
            "cletus_reload_pause_seconds", "How long a reload kept lines waiting."
        )
        self.reload_phases = timing(
            "cletus_reload_phase_seconds", "How long each phase of a reload took."
        )
        self.restarts = count("cletus_restarts", "Restarts by outcome.")
        self.restart_pause = timing(
            "cletus_restart_pause_seconds", "How long a restart kept lines waiting."
        )
        self.loop_lag = timing(
            "cletus_event_loop_lag_seconds", "How late the event loop came to what was due."
        )
        self.held_up = count(
            "cletus_held_up", "How often one thing has held the event loop up for over 0.25 s."
        )
        self.interrupted = count(
            "cletus_interrupted", "Calls of the application's code that took too long."
        )
        self._begin()

    def __iter__(self) -> Iterator[Meter]:
        return iter(tuple(self._by_name.values()))

    def counter(self, name: str, help: str) -> Counter:  # noqa: A002 - Prometheus's word
        """The counter of this name; it is created when first asked for.

        Args:
            name: ``talker_logins``: letters, digits and ``_``. Prometheus adds ``_total``.
            help: a sentence; the latest one applies.

        Raises:
            MeterError: the name is not valid, or belongs to a meter of another type.
        """
        return self._meter(Counter, name, help)

    def gauge(self, name: str, help: str) -> Gauge:  # noqa: A002 - Prometheus's word
        """As ``counter``, for a number that goes up and down."""
        return self._meter(Gauge, name, help)

    def timing(self, name: str, help: str) -> Timing:  # noqa: A002 - Prometheus's word
        """As ``counter``, for how many seconds something takes: ``talker_search_seconds``."""
        return self._meter(Timing, name, help)

    def snapshot(self) -> list[tuple[str, str, str, Any]]:
        """Type, name, help and count of each meter, as plain data."""
        return [
            (meter.type_name, meter.name, meter.help, meter.snapshot())
            for meter in self._by_name.values()
        ]

    def restore(self, state: Iterable[tuple[str, str, str, Any]]) -> None:
        """Go on from these counts. A name that is of another type of meter here begins anew."""
        for type_name, name, help_text, count in state:
            meter_cls = _TYPES[type_name]
            present = self._by_name.get(name)
            if present is None or isinstance(present, meter_cls):
                self._meter(meter_cls, name, help_text).restore(count)

    def saved(self, documents: int, failures: int, seconds: float) -> None:
        """For stores: count a write of so many documents, of which some may have failed."""
        self.saves.add(documents - failures, outcome="saved")
        if failures:
            self.saves.add(failures, outcome="failed")
        self.save_time.observe(seconds)

    def reloaded(self, outcome: str, pause: float, phases: Mapping[str, float]) -> None:
        """For the reload: count one that has ended."""
        self.reloads.add(outcome=outcome)
        if outcome != "unchanged":
            self.reload_pause.observe(pause)
        for phase, seconds in phases.items():
            self.reload_phases.observe(seconds, phase=phase)

    def _begin(self) -> None:
        """Have these read as 0 from the start: a rate misses the first change of a new series."""
        for outcome in ("saved", "failed"):
            self.saves.add(0, outcome=outcome)
        for outcome in ("committed", "refused", "unchanged"):
            self.reloads.add(0, outcome=outcome)
        for outcome in ("taken over", "refused", "checked"):
            self.restarts.add(0, outcome=outcome)
        for timing in (self.save_time, self.reload_pause, self.restart_pause, self.loop_lag):
            timing.begin()

    def _meter(self, meter_cls: type[SomeMeter], name: str, help: str) -> SomeMeter:  # noqa: A002 - as above
        meter = self._by_name.get(name)
        if meter is None:
            if not _NAME.fullmatch(name) or name.endswith(_SUFFIXES):
                raise MeterError(name, "its name must be letters, digits and _, and no _total")
            meter = self._by_name[name] = meter_cls(name, help)
        elif not isinstance(meter, meter_cls):
            raise MeterError(name, f"it is a {meter.type_name} already")
        meter.help = help
        return meter


def _bounded(labels: Mapping[str, str], known: Mapping[Labels, object]) -> Labels:
    """The labels as a key; beyond ``LABELS_MAX``, all new ones share one key."""
    key = tuple(sorted(labels.items()))
    if key in known or len(known) < LABELS_MAX:
        return key
    return tuple((name, "other") for name, _ in key)
