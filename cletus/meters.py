"""What a service counts: plain numbers on plain objects, read by whoever wants them.

Counting costs an addition, whether somebody reads or not. Nothing here knows Prometheus; the room
``metrics`` reads these for it. A meter belongs to the service and survives reloads: asked for again
under its name, it is the same one with the same count.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias, TypeVar

from cletus.errors import MeterError

Labels: TypeAlias = tuple[tuple[str, str], ...]

#: Label values that one meter keeps apart; what comes later is counted as ``other``. Our choice: who
#: labels by what people can choose (names, addresses) must not fill the memory of two machines.
LABELS_MAX: Final = 200

#: Seconds: what is under each is counted. From a tenth of a millisecond to what everybody notices.
BOUNDS: Final = (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0)

_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
#: What Prometheus adds to names itself.
_SUFFIXES: Final = ("_total", "_sum", "_count", "_bucket", "_created")


class Counter:
    """A number that only grows.

    Attributes:
        name, help: as given to ``Meters.counter``.
        value: what was counted without labels; where every addition counts, ``value += 1`` is the
            same as ``add()``.
    """

    __slots__ = ("_labelled", "help", "name", "value")
    kind: Final = "counter"

    def __init__(self, name: str, help: str) -> None:  # noqa: A002 - Prometheus's word
        self.name = name
        self.help = help
        self.value: float = 0
        self._labelled: dict[Labels, float] = {}

    def add(self, amount: float = 1, /, **labels: str) -> None:
        """Count so much more, of what the labels tell apart.

        Args:
            amount: not negative; it is not checked.
            labels: ``door="telnet"``. A meter has either always the same names, or none.
        """
        if labels:
            key = _bounded(labels, self._labelled)
            self._labelled[key] = self._labelled.get(key, 0) + amount
        else:
            self.value += amount

    def read(self) -> Iterator[tuple[Labels, float]]:
        """The labels and the number of each; one without labels always has its one number."""
        yield from self._labelled.items() if self._labelled else [((), self.value)]


class Gauge:
    """A number that goes up and down.

    Attributes:
        name, help: as given to ``Meters.gauge``.
        value: how it stands, if it has no labels.
    """

    __slots__ = ("_labelled", "help", "name", "value")
    kind: Final = "gauge"

    def __init__(self, name: str, help: str) -> None:  # noqa: A002 - Prometheus's word
        self.name = name
        self.help = help
        self.value: float = 0
        self._labelled: dict[Labels, float] = {}

    def set(self, value: float, /, **labels: str) -> None:
        """This is how it stands now."""
        if labels:
            self._labelled[_bounded(labels, self._labelled)] = value
        else:
            self.value = value

    def raise_to(self, value: float) -> None:
        """Keep it if it is more than ever before: a high-water mark."""
        self.value = max(self.value, value)

    def read(self) -> Iterator[tuple[Labels, float]]:
        """As ``Counter.read``."""
        yield from self._labelled.items() if self._labelled else [((), self.value)]


class _Times:
    """How often something took how long."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.total = 0.0


class Timing:
    """How long something takes: how often it took up to each of ``BOUNDS``, and how long in all.

    Attributes:
        name, help: as given to ``Meters.timing``.
    """

    __slots__ = ("_labelled", "help", "name")
    kind: Final = "timing"

    def __init__(self, name: str, help: str) -> None:  # noqa: A002 - Prometheus's word
        self.name = name
        self.help = help
        self._labelled: dict[Labels, _Times] = {}

    def observe(self, seconds: float, /, **labels: str) -> None:
        """It took so long this time."""
        times = self.begin(**labels)
        times.counts[bisect_left(BOUNDS, seconds)] += 1
        times.total += seconds

    def begin(self, **labels: str) -> _Times:
        """Have it seen before it was ever observed; returns what is counted under these labels."""
        return self._labelled.setdefault(_bounded(labels, self._labelled), _Times())

    def read(self) -> Iterator[tuple[Labels, list[int], float]]:
        """For each labels: how often up to each bound and no lower one, the last without; the sum."""
        for labels, times in self._labelled.items():
            yield labels, list(times.counts), times.total


Meter: TypeAlias = Counter | Gauge | Timing
SomeMeter = TypeVar("SomeMeter", Counter, Gauge, Timing)


class Meters:
    """All meters of one service, by name: ``service.metrics``.

    Attributes:
        lines: lines that people have typed.
        deliveries: pieces of output handed to connections.
        received, sent: bytes.
        connections: those who have come in, by ``door``.
        refused: connections that a budget has turned away.
        slow_readers: people dropped since they did not read.
        mistakes: what the application's code has raised.
        output_peak, input_peak, saves_peak: the most that has ever waited: bytes for one person,
            lines of one person, documents.
        saves, save_time: documents saved by ``outcome``; how long each write of one or many took.
        reloads, reload_pause, reload_phases: by ``outcome``; while no line was answered; by ``phase``.
        loop_lag: how late the event loop came to what was due.
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
        self.loop_lag = timing(
            "cletus_event_loop_lag_seconds", "How late the event loop came to what was due."
        )
        self._begin()

    def __iter__(self) -> Iterator[Meter]:
        return iter(tuple(self._by_name.values()))

    def counter(self, name: str, help: str) -> Counter:  # noqa: A002 - Prometheus's word
        """The counter of this name; it is made when it is first asked for.

        Args:
            name: ``talker_logins``: letters, digits and ``_``. Prometheus adds ``_total``.
            help: one sentence; the latest holds.

        Raises:
            MeterError: the name cannot be one, or belongs to a meter of another kind.
        """
        return self._meter(Counter, name, help)

    def gauge(self, name: str, help: str) -> Gauge:  # noqa: A002 - Prometheus's word
        """As ``counter``, for a number that goes up and down."""
        return self._meter(Gauge, name, help)

    def timing(self, name: str, help: str) -> Timing:  # noqa: A002 - Prometheus's word
        """As ``counter``, for how many seconds something takes: ``talker_search_seconds``."""
        return self._meter(Timing, name, help)

    def saved(self, documents: int, failures: int, seconds: float) -> None:
        """For stores: so many were to be saved in one write, and of these so many failed."""
        self.saves.add(documents - failures, outcome="saved")
        if failures:
            self.saves.add(failures, outcome="failed")
        self.save_time.observe(seconds)

    def reloaded(self, outcome: str, pause: float, phases: Mapping[str, float]) -> None:
        """For the reload: one has ended."""
        self.reloads.add(outcome=outcome)
        if outcome != "unchanged":
            self.reload_pause.observe(pause)
        for phase, seconds in phases.items():
            self.reload_phases.observe(seconds, phase=phase)

    def _begin(self) -> None:
        """What is there from the start shows its first change, which a rate would miss otherwise."""
        for outcome in ("saved", "failed"):
            self.saves.add(0, outcome=outcome)
        for outcome in ("committed", "refused", "unchanged"):
            self.reloads.add(0, outcome=outcome)
        for timing in (self.save_time, self.reload_pause, self.loop_lag):
            timing.begin()

    def _meter(self, kind: type[SomeMeter], name: str, help: str) -> SomeMeter:  # noqa: A002 - as above
        meter = self._by_name.get(name)
        if meter is None:
            if not _NAME.fullmatch(name) or name.endswith(_SUFFIXES):
                raise MeterError(name, "its name must be letters, digits and _, and no _total")
            meter = self._by_name[name] = kind(name, help)
        elif not isinstance(meter, kind):
            raise MeterError(name, f"it is a {meter.kind} already")
        meter.help = help
        return meter


def _bounded(labels: Mapping[str, str], known: Mapping[Labels, object]) -> Labels:
    """The labels as a key; past the bound, those that are not known yet are one."""
    key = tuple(sorted(labels.items()))
    if key in known or len(known) < LABELS_MAX:
        return key
    return tuple((name, "other") for name, _ in key)
